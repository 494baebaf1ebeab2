"""A clock that every process of the sandbox obeys, and states to go back to (spec R37)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.journeys import playing
from tests.journeys.winding import Sandbox, dated
from tests.journeys.winding import sandbox as run_sandbox

MIRA, EXAMPLE = "mira.okafor@example.org", "urn:li:jobApplication:12345678"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the module."""
    with run_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The sandbox as after its first start."""
    running.reset()
    return running


def test_72_hours_pass_in_a_blink_and_the_mail_is_dated_when_they_are_over(sandbox: Sandbox) -> None:  # spec R13, R16
    assert sandbox.report(EXAMPLE, "APPLICATION_REJECTED").status_code == 201
    received = sandbox.now()
    before = len(sandbox.mails())
    sandbox.advance("71h59m")
    assert len(sandbox.mails()) == before
    done = sandbox.advance("2m")
    assert done["ready"] is True
    assert done["moments"] == 1
    newest = sandbox.mails()[-1]
    assert newest["to"] == MIRA
    assert timedelta(0) <= received + timedelta(hours=72) - dated(newest) < timedelta(seconds=3)
    assert timedelta(0) <= datetime.fromisoformat(newest["received_at"]) - dated(newest) < timedelta(seconds=3)


def test_what_falls_due_first_is_told_first_each_at_its_own_time(sandbox: Sandbox) -> None:
    sandbox.told("POST", "clock/freeze")
    due = []
    for application in sandbox.line["applications"][:3]:
        assert sandbox.report(application, "APPLICATION_REJECTED").status_code == 201
        due.append(sandbox.now().replace(microsecond=0) + timedelta(hours=72))
        sandbox.advance("9m")
    before = len(sandbox.mails())
    assert sandbox.advance("10d")["moments"] == 3
    assert [dated(mail) for mail in sandbox.mails()[before:]] == due


def test_tokens_expire_by_the_clock_and_the_refusal_says_when(sandbox: Sandbox) -> None:  # spec R11
    token = sandbox.token()
    sandbox.advance("29m")
    assert sandbox.report(EXAMPLE, "APPLICATION_VIEWED", token=token).status_code == 201
    sandbox.advance("2m")
    refused = sandbox.report(EXAMPLE, "APPLICATION_VIEWED", token=token)
    assert (refused.status_code, refused.json()["code"]) == (401, "EXPIRED_TOKEN")


def test_a_stopped_clock_stands_in_every_process(sandbox: Sandbox) -> None:
    frozen = sandbox.told("POST", "clock/freeze", {"by": "30d"})
    assert frozen["stopped"] is True
    at = sandbox.now()
    assert sandbox.report(EXAMPLE, "APPLICATION_VIEWED").status_code == 201
    sandbox.told("POST", "settle")
    mail = sandbox.mails(MIRA)[-1]
    assert dated(mail) == at.replace(microsecond=0)  # the dispatcher's clock
    assert abs(datetime.fromisoformat(mail["received_at"]) - at) < timedelta(milliseconds=1)  # the inbox's
    assert sandbox.now() == at
    assert sandbox.told("POST", "clock/run")["stopped"] is False
    assert sandbox.now() > at


def test_the_command_winds_it_too(sandbox: Sandbox) -> None:
    at = f"--sandbox={sandbox.control_url}"
    assert sandbox.report(EXAMPLE, "APPLICATION_REJECTED").status_code == 201
    stood = sandbox.unghost("clock", "freeze", at)
    assert stood.returncode == 0
    assert stood.stdout.strip().endswith("Z, stopped; 0 moments at which something fell due")
    before, mails = sandbox.now(), len(sandbox.mails())
    wound = json.loads(sandbox.unghost("clock", "advance", "72h", at, "--json").stdout)
    assert (wound["moments"], wound["ready"], sandbox.now() - before) == (1, True, timedelta(hours=72))
    assert len(sandbox.mails()) == mails + 1
    assert sandbox.unghost("clock", "advance", "2190-05-06T07:08:09Z", at).stdout.startswith("2190-05-06T07:08:09.000Z")
    assert sandbox.unghost("clock", "freeze", "1m", at).stdout.startswith("2190-05-06T07:09:09.000Z")
    assert "it goes on" in sandbox.unghost("clock", "run", at).stdout
    assert "it goes on" in sandbox.unghost("clock", "show", at).stdout
    for arguments, said in (
        (["advance", "yesterday", at], "is no time: give a number with d, h, m, s or ms"),
        (["advance", "--to", "2020-01-01T00:00:00Z", at], "goes forward only"),
        (["advance", "2020-01-01", at], "goes forward only"),
        (["advance", "-1h", at], "'-1h' goes back, and the clock goes forward only"),
        (["freeze", "-1h", at], "'-1h' goes back, and the clock goes forward only"),
        (["freeze", "--bye=1h", at], "there is no option --bye"),
        (["advance", at], "give either, such as 72h"),
        (["show", "--sandbox", "here"], "--sandbox is 'here': give the control page's address"),
        (["show", "--sandbox", sandbox.base_url], "is no sandbox's control server"),
        (["show", "--sandbox", "http://127.0.0.1:1"], "does not answer"),
    ):
        refused = sandbox.unghost("clock", *arguments)
        assert (refused.returncode, said in refused.stderr, refused.stderr.count("\n")) == (2, True, 1), refused.stderr


def test_a_page_shows_the_time_of_the_sandbox(sandbox: Sandbox) -> None:
    sandbox.advance("400d")
    assert sandbox.report(EXAMPLE, "APPLICATION_VIEWED").status_code == 201
    browser = sandbox.signed_in(sandbox.line["applicant_login_url"])
    page = browser.get(f"{sandbox.base_url}/my-jobs", timeout=10).text
    assert "Viewed" in playing.stops(page)
    assert str(sandbox.now().year) in page


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("clock/advance", {"by": "-1h"}, "goes back, and the clock goes forward only"),
        ("clock/advance", {"to": "2020-01-01T00:00:00Z"}, "goes forward only: give a later moment than 2020-01-01"),
        ("clock/advance", {"to": "2999-01-01T00:00:00Z"}, "further than a clock can be wound: give a moment before"),
        ("clock/advance", {"by": "99999999999h"}, "is no time: give a number with d, h, m, s or ms"),
        ("clock/advance", {"by": "999999d999999d999999d999999d999999d"}, "more than a calendar has"),
        ("clock/advance", {}, "give either"),
        ("clock/advance", {"by": "1h", "to": "2030-01-01"}, "give either"),
        ("clock/advance", {"by": 72}, "the body cannot be read: Expected `str | null`, got `int`"),
        ("clock/advance", {"hours": 72}, "unknown field `hours`"),
        ("clock/freeze", {"to": "tomorrow"}, "is no moment: give one such as"),
        ("reset", {"to": "nowhere"}, "there is no snapshot 'nowhere': there are story, empty"),
        ("reset", {"to": "../x"}, "there is no snapshot"),
        ("snapshots", {"name": "../x"}, "cannot be a snapshot's name"),
        ("snapshots", {"name": "story"}, "cannot be a snapshot's name"),
        ("snapshots", {"name": "x\n"}, "cannot be a snapshot's name"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(running: Sandbox, path: str, body: object, said: str) -> None:
    before = running.now()
    answer = running.ask("POST", path, body)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert "\n" not in answer.json()["message"]
    assert timedelta(0) <= running.now() - before < timedelta(hours=1)


def test_pages_of_other_origins_cannot_reach_the_control_server(running: Sandbox) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        answer = running.ask("POST", "reset", headers=headers)
        assert (answer.status_code, "its own page" in answer.json()["message"]) == (403, True)
    own = running.ask("GET", "clock", headers={"Origin": running.control_url.rstrip("/")})
    assert own.status_code == 200
    assert (
        requests.delete(running.line["inbox_url"], headers={"Origin": "https://e.example"}, timeout=5).status_code
        == 403
    )


def test_a_reset_brings_the_story_back_with_its_clock_and_secrets(sandbox: Sandbox) -> None:
    first = [mail["subject"] for mail in sandbox.mails()]
    sandbox.report(EXAMPLE, "APPLICATION_REJECTED")
    sandbox.advance("100d")
    stranger = sandbox.applied()
    sandbox.reset()
    assert sandbox.now() < datetime.fromisoformat(sandbox.told("GET", "clock")["now"])
    assert abs(sandbox.told("GET", "clock")["ahead_seconds"]) < 1
    assert sorted(mail["subject"] for mail in sandbox.mails()) == sorted(first)
    assert sandbox.report(stranger.urn, "APPLICATION_VIEWED").status_code == 404
    assert sandbox.report(EXAMPLE, "APPLICATION_VIEWED").status_code == 201


def test_a_mail_that_is_under_way_does_not_arrive_after_the_reset(sandbox: Sandbox) -> None:
    rule = {"when": {"smtp": "data"}, "what": {"latency": "3s"}, "nth": 1}
    assert sandbox.ask("POST", "faults", rule).status_code == 201
    stranger = sandbox.applied()
    time.sleep(1)  # the mail server has it, and takes two seconds more
    sandbox.reset("empty")
    again = sandbox.applied()  # its mail comes after any that was under way
    sandbox.told("POST", "settle")
    time.sleep(2.5)
    assert [mail["to"] for mail in sandbox.mails()] == [again.email]
    assert stranger.email != again.email


def test_an_empty_sandbox_has_customers_and_partners_and_nobody_else(sandbox: Sandbox) -> None:
    sandbox.reset("empty")
    assert sandbox.mails() == []
    assert sandbox.report(EXAMPLE, "APPLICATION_VIEWED").status_code == 404
    applied = sandbox.applied()
    assert sandbox.report(applied.urn, "APPLICATION_VIEWED").status_code == 201
    sandbox.told("POST", "settle")
    assert [mail["to"] for mail in sandbox.mails()] == [applied.email, applied.email]


def test_a_state_can_be_put_aside_and_gone_back_to(sandbox: Sandbox) -> None:
    sandbox.told("POST", "clock/freeze", {"by": "24h"})
    assert sandbox.report(EXAMPLE, "APPLICATION_REJECTED").status_code == 201
    at = sandbox.now()
    assert "rejected" in sandbox.told("POST", "snapshots", {"name": "rejected"})["snapshots"]
    for _ in range(2):
        assert sandbox.advance("72h")["moments"] == 1
        assert [mail["to"] for mail in sandbox.mails()][-1] == MIRA
        sandbox.reset("rejected")
        assert (sandbox.now(), sandbox.told("GET", "clock")["stopped"], sandbox.mails()) == (at, True, [])


def test_a_kept_sandbox_goes_on_where_it_was(tmp_path: Path) -> None:
    with run_sandbox(tmp_path, "--data-dir", str(tmp_path / "kept")) as first:
        assert first.report(EXAMPLE, "APPLICATION_REJECTED").status_code == 201
        stood = first.told("POST", "clock/freeze", {"by": "71h"})["now"]
        seen = first.mails()
    with run_sandbox(tmp_path, "--data-dir", str(tmp_path / "kept")) as again:
        assert again.told("GET", "clock")["now"] == stood
        assert again.mails() == seen
        assert again.advance("2h")["moments"] == 1
        assert again.mails()[-1]["to"] == MIRA


def listed(sandbox: Sandbox) -> int:
    """How many jobs the board has."""
    return requests.get(f"{sandbox.base_url}/jobs", timeout=10).text.count('href="/jobs/')


def test_a_sandbox_begins_empty_if_that_is_wanted_and_what_was_emptied_stays_empty(tmp_path: Path) -> None:
    kept = ("--data-dir", str(tmp_path / "kept"))
    with run_sandbox(tmp_path, *kept, "--empty") as running:
        assert (running.line["applications"], running.line["applicant_login_url"], listed(running)) == ([], None, 0)
        applied = running.applied()
    with run_sandbox(tmp_path, *kept) as running:
        assert (running.line["applications"], listed(running)) == ([], 1)
        assert running.report(applied.urn, "APPLICATION_VIEWED").status_code == 201
        running.reset()
        assert listed(running) == 8
    with run_sandbox(tmp_path, *kept, "--empty") as running:
        assert (len(running.line["applications"]), listed(running)) == (5, 8)  # it goes on from what it was
        running.reset("empty")
    with run_sandbox(tmp_path, *kept) as running:
        assert listed(running) == 0


def test_a_port_that_is_taken_is_said_in_one_sentence(running: Sandbox) -> None:
    taken = running.control_url.rstrip("/").rpartition(":")[2]
    done = running.unghost("sandbox", "--json", "--port", "0", "--control-port", taken)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {taken} cannot be used" in done.stderr
    assert len(done.stderr.splitlines()) == 1
