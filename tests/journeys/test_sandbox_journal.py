"""The journal of a sandbox that runs: what came, what was answered and why, what it led to (spec R37)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.journeys.winding import Sandbox
from tests.journeys.winding import sandbox as run_sandbox
from unghost.wire.lifecycle import milliseconds

EXAMPLE, REPORTS = "urn:li:jobApplication:12345678", "/v2/jobApplicationLifecycleActions"


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


def entries(sandbox: Sandbox, query: str = "") -> list[dict[str, Any]]:
    """The journal, newest first."""
    found: list[dict[str, Any]] = sandbox.told("GET", f"journal?{query}")["entries"]
    return found


def test_an_entry_says_what_came_why_it_was_answered_so_and_what_it_led_to(sandbox: Sandbox) -> None:
    answer = sandbox.report(EXAMPLE, "APPLICATION_REJECTED", integrationContext="urn:li:organization:12345")
    [entry] = entries(sandbox, f"path={REPORTS}")
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", REPORTS, 201)
    assert entry["reason"] == f"201: stored as action {answer.headers['x-linkedin-id']}"
    assert (entry["application"], entry["customer"], entry["warnings"]) == ("12345678", "12345", [])
    assert json.loads(entry["body"])["action"] == "APPLICATION_REJECTED"
    shown = sandbox.told("GET", f"journal/{entry['number']}")
    [notice] = shown["led_to"]
    assert (notice["place"], notice["state"]) == ("EMAIL", "waiting")
    sandbox.advance("73h")
    [notice] = sandbox.told("GET", f"journal/{entry['number']}")["led_to"]
    assert (notice["state"], notice["detail"][:3]) == ("told", "250")


def test_each_refusal_stands_there_with_its_own_sentence(sandbox: Sandbox) -> None:
    token = sandbox.token()
    sandbox.report("urn:li:jobApplication:77", "APPLICATION_VIEWED")
    sandbox.report(EXAMPLE, "APPLICATION_EATEN")
    sandbox.report(EXAMPLE, "APPLICATION_VIEWED", token="made-up")
    sandbox.advance("31m")
    sandbox.report(EXAMPLE, "APPLICATION_VIEWED", token=token)
    said = [entry["reason"] for entry in entries(sandbox, "status=4xx")]
    assert said[0].startswith("401: The access token expired at ")
    assert said[1].startswith("401: Invalid access token")
    assert said[2].startswith("400: action is 'APPLICATION_EATEN'; want one of")
    assert said[3].startswith("404: ")


def test_no_secret_is_kept(sandbox: Sandbox) -> None:
    sandbox.report(EXAMPLE, "APPLICATION_VIEWED")
    browser = sandbox.signed_in(sandbox.line["applicant_login_url"])
    browser.get(f"{sandbox.base_url}/my-jobs", timeout=10)
    requests.get(sandbox.base_url + REPORTS, auth=("someone", "a-secret-of-mine"), timeout=10)
    kept = (sandbox.data_dir / "journal.jsonl").read_text()
    shown = sandbox.ask("GET", "journal.jsonl").text
    word = sandbox.line["applicant_login_url"].partition("word=")[2]
    board_key = (sandbox.data_dir / "board-key").read_text().strip()
    cookies = [str(cookie.value) for cookie in browser.cookies]
    secrets = [sandbox.token(), sandbox.line["client_secret"], word, board_key, "c29tZW9uZTph", *cookies]
    assert cookies
    for text in (kept, shown):
        assert "/my-jobs" in text
        assert [secret for secret in secrets if secret in text] == []


def test_entries_are_found_by_each_filter(sandbox: Sandbox) -> None:
    sandbox.report(EXAMPLE, "APPLICATION_VIEWED")
    sandbox.report("10001", "NOTHING")
    first = entries(sandbox, f"path={REPORTS}")[-1]
    assert [entry["application"] for entry in entries(sandbox, "application=urn:li:jobApplication:10001")] == ["10001"]
    assert [entry["status"] for entry in entries(sandbox, "status=400")] == [400]
    assert [entry["path"] for entry in entries(sandbox, "path=/oauth")] == ["/oauth/v2/accessToken"]
    assert [entry["application"] for entry in entries(sandbox, "text=nothing")] == ["10001"]
    assert [entry["application"] for entry in entries(sandbox, f"after={first['number']}&method=post")] == ["10001"]
    assert len(entries(sandbox, "limit=1")) == 1
    for query in ("wrong=1", "limit=x", "after=x", "warned=maybe"):
        answer = sandbox.ask("GET", f"journal?{query}")
        assert (answer.status_code, "see /help" in answer.json()["message"]) == (400, True)
    assert sandbox.ask("GET", "journal/999999").status_code == 404


def test_all_that_a_call_is_about_is_found(sandbox: Sandbox) -> None:
    """A batch names several applications, and a DELETE an action, whose application the board knows."""
    now = milliseconds(sandbox.now())
    reports = [
        {"jobApplicationId": id, "action": "APPLICATION_REJECTED", "performedAt": now}
        for id in (EXAMPLE, "urn:li:jobApplication:10001")
    ]
    headers = {"Authorization": f"Bearer {sandbox.token()}", "x-restli-method": "batch_create"}
    batch = requests.post(sandbox.base_url + REPORTS, json={"elements": reports}, headers=headers, timeout=10)
    action = batch.json()["elements"][1]["id"]
    rule = {"when": {"application": "10001", "method": "DELETE"}, "what": {"status": 503}, "nth": 1}
    sandbox.told("POST", "faults", rule)
    token = {"Authorization": headers["Authorization"]}
    url = f"{sandbox.base_url}{REPORTS}/{action}"
    assert [requests.delete(url, headers=token, timeout=10).status_code for _ in range(2)] == [503, 204]
    assert requests.delete(f"{sandbox.base_url}{REPORTS}/999999", headers=token, timeout=10).status_code == 404
    found = entries(sandbox, "application=10001")
    assert [(entry["method"], entry["status"]) for entry in found] == [("DELETE", 204), ("DELETE", 503), ("POST", 200)]
    assert found[2]["applications"] == ["12345678", "10001"]
    assert {entry["method"] for entry in entries(sandbox, f"application={EXAMPLE}")} == {"POST"}
    led_to = sandbox.told("GET", f"journal/{found[0]['number']}")["led_to"]
    assert [notice["reason"] for notice in led_to] == ["withdrawn"]


def test_an_entry_can_be_sent_again_as_a_command(sandbox: Sandbox) -> None:
    first = sandbox.report(EXAMPLE, "APPLICATION_VIEWED", note='it\'s "quoted" & odd')
    [entry] = entries(sandbox, f"path={REPORTS}")
    command = sandbox.ask("GET", f"journal/{entry['number']}/curl").text
    done = subprocess.run(
        ["sh", "-c", command], env={"TOKEN": sandbox.token(), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.stdout.startswith("HTTP/1.1 201"), done.stdout + done.stderr
    again = entries(sandbox, f"path={REPORTS}")[0]
    assert again["actions"] == [int(first.headers["x-linkedin-id"])]  # the same report: the same action


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_a_command_sends_what_came_whatever_stands_in_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """Brackets are no pattern, a body with @ is no file, a HEAD waits for nothing."""
    secret = tmp_path / "secret"
    secret.write_text("nobody may read this")
    for method, path, body in (
        ("POST", f"{REPORTS}?ids[0]={{1,2}}", f"@{secret}"),
        ("POST", REPORTS, "line\nline\r\n$HOME `id`"),
        ("HEAD", "/jobs", None),
        ("DELETE", f"{REPORTS}/17", None),
    ):
        text = {"Content-Type": "text/plain"} if body else {}
        url = sandbox.base_url + path
        with requests.Session() as session:
            first = session.send(requests.Request(method, url, headers=text, data=body).prepare(), timeout=10)
        [entry] = entries(sandbox, "limit=1")
        command = sandbox.ask("GET", f"journal/{entry['number']}/curl").text
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20)
        assert done.stdout.startswith(f"HTTP/1.1 {first.status_code}"), done.stdout + done.stderr
        [again] = entries(sandbox, "limit=1")
        assert again["number"] == entry["number"] + 1
        same = ("method", "path", "body", "status", "reason")
        assert [again[name] for name in same] == [entry[name] for name in same]


def test_what_is_doubtful_at_linkedin_is_warned_of_and_refused_when_strict(sandbox: Sandbox) -> None:
    second = 1604600000000
    batch = {"elements": [{"jobApplicationId": EXAMPLE, "action": "APPLICATION_VIEWED", "performedAt": second}]}
    headers = {"Authorization": f"Bearer {sandbox.token()}", "x-restli-method": "batch_create"}

    def send() -> int:
        return requests.post(sandbox.base_url + REPORTS, json=batch, headers=headers, timeout=10).status_code

    assert send() == 200
    [entry] = entries(sandbox, "warned=true")
    assert entry["reason"] == "200: 1 of 1 stored"
    assert [warning.partition(" ")[0] for warning in entry["warnings"]] == [
        "batch_create",
        "integrationContext",
        "performedAt",
    ]
    assert sandbox.told("PUT", "strictness", {"level": "linkedin"}) == {"level": "linkedin"}
    assert send() == 400
    assert entries(sandbox, "status=400")[0]["reason"].startswith("400: batch_create is unghost's own")
    lax = sandbox.report(EXAMPLE, "APPLICATION_VIEWED")
    assert (lax.status_code, lax.json()["code"]) == (400, "MISSING_FIELD")
    good = sandbox.report(EXAMPLE, "APPLICATION_VIEWED", integrationContext="urn:li:organization:12345")
    assert good.status_code == 201
    refused = sandbox.ask("PUT", "strictness", {"level": "harsh"})
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "'harsh' is no strictness: give lenient or linkedin",
    )


def test_answers_are_dated_by_the_sandboxs_clock(sandbox: Sandbox) -> None:
    sandbox.told("POST", "clock/freeze", {"by": "72h"})
    answer = sandbox.report(EXAMPLE, "APPLICATION_VIEWED")
    assert parsedate_to_datetime(answer.headers["date"]) == sandbox.now().replace(microsecond=0)
    [entry] = entries(sandbox, f"path={REPORTS}")
    assert abs((datetime.fromisoformat(entry["at"]) - sandbox.now()).total_seconds()) < 0.002


def test_what_was_set_and_counted_survives_a_restart(tmp_path: Path) -> None:
    folder = str(tmp_path / "kept")

    def viewed(sandbox: Sandbox, application: str) -> int:
        context = "urn:li:organization:12345"
        return sandbox.report(application, "APPLICATION_VIEWED", integrationContext=context).status_code

    with run_sandbox(tmp_path, "--data-dir", folder) as first:
        first.told("PUT", "strictness", {"level": "linkedin"})
        first.told("POST", "faults", {"when": {}, "what": {"status": 503}, "nth": 2})
        assert viewed(first, EXAMPLE) == 201
        assert viewed(first, "9901500") == 503
    with run_sandbox(tmp_path, "--data-dir", folder) as again:
        assert again.told("GET", "strictness") == {"level": "linkedin"}
        shown = again.told("GET", "faults")["rules"]
        assert [(one["fitted"], one["applied"]) for one in shown] == [(2, 1)]
        assert viewed(again, "9901500") == 404
        again.reset()
        assert again.told("GET", "strictness") == {"level": "lenient"}


def test_the_export_is_one_object_a_line_and_survives_a_restart(tmp_path: Path) -> None:
    folder = str(tmp_path / "kept")
    with run_sandbox(tmp_path, "--data-dir", folder) as first:
        first.report(EXAMPLE, "APPLICATION_VIEWED")
        first.told("POST", "faults", {"when": {}, "what": {"status": 503}})
        lines = first.ask("GET", "journal.jsonl").text
        assert [json.loads(line)["path"] for line in lines.splitlines()] == ["/oauth/v2/accessToken", REPORTS]
    with run_sandbox(tmp_path, "--data-dir", folder) as again:
        assert again.ask("GET", "journal.jsonl").text == lines
        assert again.report(EXAMPLE, "APPLICATION_VIEWED").status_code == 503  # rules are kept, too
        assert entries(again)[0]["number"] > json.loads(lines.splitlines()[-1])["number"]
        again.ask("DELETE", "journal")
        assert entries(again) == []
