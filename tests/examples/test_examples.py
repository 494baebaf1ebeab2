"""The example ATSs: every trigger of the seed is a click, and the click writes its activity (spec R29, R30, R32)."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ats.sending import send
from tests.examples.conftest import EXAMPLES
from tests.examples.running import RESUMES, Ats, hidden
from tests.house.sources import ROOT
from tests.sandbox.running import environment


def test_each_trigger_of_the_seed_is_a_click_that_writes_its_activity(ats: Ats) -> None:
    key = ats.deliver(50001)
    page = f"/candidates/{key}"
    assert "Zoë Nguyễn 🦉" in ats.open("/").text
    assert ats.activities() == [], "the list opens nobody's record"

    shown = ats.open(page)
    assert "25 Nov 2026, 09:00 UTC" in shown.text
    assert "LinkedIn apply" in shown.text and "urn:li:jobApplication:50001" in shown.text
    ats.open(page)
    assert "Zoë builds &lt;b&gt;owls" in ats.open(f"{page}/resume").text
    file = ats.open(f"{page}/resume/download")
    assert file.content == RESUMES["/resumes/text"][1]
    assert "attachment" in file.headers["Content-Disposition"]
    assert ats.said(ats.press(page, "/acts/reject")) == "1 candidate was rejected."
    assert ats.said(ats.press(page, "/acts/unreject")) == "1 rejection was taken back."
    assert ats.said(ats.press(page, "/acts/withdraw")) == "1 candidate was marked as withdrawn."
    seen = [kind for _, kind in ats.activities() if kind != "viewed"]
    assert seen == ["resume_displayed", "resume_downloaded", "rejected", "unrejected", "candidate_withdrew"]
    # Opened twice, and by each form: its page before, and the page that it leads back to.
    assert [kind for _, kind in ats.activities()].count("viewed") == 2 + 3 * 2
    assert {number for number, _ in ats.activities()} == {50001}
    assert "Candidate withdrew" in ats.open(page).text


def test_a_pdf_is_shown_in_a_frame_and_recorded_once(ats: Ats) -> None:
    key = ats.deliver(50001, resume="pdf")
    page = ats.open(f"/candidates/{key}/resume").text
    assert f'<iframe class="paper" src="/candidates/{key}/resume/frame"' in page
    frame = ats.open(f"/candidates/{key}/resume/frame")
    assert (frame.headers["Content-Type"], frame.content) == RESUMES["/resumes/pdf"]
    assert frame.headers.get("X-Frame-Options", "SAMEORIGIN") == "SAMEORIGIN"
    assert ats.activities() == [(50001, "resume_displayed")]


def test_what_cannot_be_shown_is_not_recorded(ats: Ats) -> None:
    key = ats.deliver(50001, resume="gone")
    for view in ("resume", "resume/download"):
        answer = ats.open(f"/candidates/{key}/{view}")
        assert "did not hand out the résumé" in ats.said(answer)
    assert ats.open(f"/candidates/{key}/resume/frame").status_code == 404
    assert ats.activities() == []


def test_many_are_rejected_at_once_and_who_came_from_elsewhere_is_left_out(ats: Ats) -> None:
    """spec R29: bulk forms"""
    ats.press("/candidates/new", "/candidates/new", name="Walk-in", job="HP-1")
    keys = [ats.deliver(number) for number in (50001, 50002, 50003)]
    elsewhere = min(keys) - 1
    answer = ats.press("/", "/acts/reject", id=[elsewhere, *keys[:2]])
    assert ats.said(answer) == (
        "3 candidates were rejected. 1 of them did not come from the job board: nothing is reported."
    )
    assert ats.activities() == [(50001, "rejected"), (50002, "rejected")]
    assert ats.stages() == ["rejected", "rejected", "rejected", "review"]
    assert "Nothing was changed" in ats.said(ats.press("/", "/acts/reject", id=keys[:2]))
    assert "Nobody was ticked" in ats.said(ats.press("/", "/acts/reject"))
    assert len(ats.activities()) == 2
    ats.press("/?stage=rejected", "/acts/unreject", id=keys[:2])
    assert ats.activities()[2:] == [(50001, "unrejected"), (50002, "unrejected")]


def test_who_was_added_by_hand_is_never_reported(ats: Ats) -> None:
    answer = ats.press("/candidates/new", "/candidates/new", name="Walk-in <b>", email="", job="")
    assert "Walk-in &lt;b&gt;" in answer.text and "did not come from there" in answer.text
    page = answer.url.removeprefix(ats.url)
    ats.press(page, "/acts/reject")
    assert ats.stages() == ["rejected"]
    assert ats.activities() == []
    assert "Give the candidate" in ats.press("/candidates/new", "/candidates/new", name=" ").text


def test_a_form_that_another_page_made_is_refused(ats: Ats) -> None:
    key = ats.deliver(50001)
    ats.open("/")
    for given in ({}, {"token": "", "csrfmiddlewaretoken": ""}, {"token": "x", "csrfmiddlewaretoken": "x" * 32}):
        answer = ats.browser.post(f"{ats.url}/acts/reject", data=given | {"id": key}, timeout=30)
        assert answer.status_code == 403
        assert "This form was not made by this page" in answer.text
    assert ats.open("/acts/reject").status_code == 405
    assert (ats.stages(), ats.activities()) == (["review"], [])


def test_when_the_record_cannot_be_written_nothing_is_changed(ats: Ats) -> None:
    """spec R29: one transaction"""
    key = ats.deliver(50001)
    fields = hidden(ats.open("/").text) | {"id": str(key)}
    ats.database.do("ALTER TABLE unghost_activity RENAME TO elsewhere")
    answer = ats.send("/acts/reject", fields)
    assert answer.status_code == 500
    ats.database.do("ALTER TABLE elsewhere RENAME TO unghost_activity")
    assert (ats.stages(), ats.activities()) == (["review"], [])


def test_who_clicks_many_times_rejects_once(ats: Ats) -> None:
    key = ats.deliver(50001)
    fields = hidden(ats.open("/").text) | {"id": str(key)}
    with ThreadPoolExecutor(6) as clicking:
        answers = list(clicking.map(lambda _: ats.send("/acts/reject", fields), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert ats.activities() == [(50001, "rejected")]


def test_looking_ahead_is_not_opening(ats: Ats) -> None:
    key = ats.deliver(50001)
    for path in (f"/candidates/{key}", f"/candidates/{key}/resume", f"/candidates/{key}/resume/download"):
        assert ats.browser.head(ats.url + path, timeout=30).status_code == 200
        assert ats.open(path, headers={"Sec-Purpose": "prefetch;prerender"}).status_code == 200
    assert ats.activities() == []


def test_the_settings_page_embeds_the_boards_widget_and_lists_the_customer(ats: Ats) -> None:
    """spec R26, R32"""
    page = ats.open("/settings").text
    assert f'<script src="{ats.board}/consent/widget.js" data-client-id="tern-12345"' in page
    assert "urn:li:organization:12345" in page
    assert f"{ats.url}/webhooks/board/12345" in page
    assert send(ats.port, "/webhooks/board/12345?challengeCode=abc", method="GET")[0] == 200
    assert ats.database.all("SELECT client_id, client_secret FROM unghost_customer") == [
        ("tern-12345", "env:CLIENT_SECRET")
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_says_what_it_lacks(example: str) -> None:
    command = [sys.executable, "-m", f"examples.{example}"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(BOARD_URL="", CLIENT_ID=""), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == f"examples.{example}: BOARD_URL is not set: set it to where the job board is, e.g. http://127.0.0.1:8400\n"
    )
