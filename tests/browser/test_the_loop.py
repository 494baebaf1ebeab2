"""The whole loop in a real browser: job, application, webhook, a recruiter's clicks, mails and pages (spec R28-R36).

All of it is `unghost demo`: the board, its dispatcher, the example ATS and its dispatcher, an inbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, FilePayload, Page, expect

from tests.jobboard.pages.site import PDF
from tests.journeys.playing import Applied, Demo, demo
from tests.sandbox.running import wait_for

EMAIL = "grace@applicant.example"
RESUME = FilePayload(name=PDF[0], mimeType=PDF[2], buffer=PDF[1])
#: Long enough to take a rejection back in, short enough to wait for a mail.
HOLD = "20s"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("loop"), UNGHOST_POLICY_HOLDS=f"APPLICATION_REJECTED={HOLD}") as started:
        yield started


def apply(page: Page, running: Demo, email: str) -> None:
    """Somebody applies on the board's own page."""
    page.goto(f"{running.base_url}/jobs")
    page.get_by_role("link", name="Apprentice Joiner").click()
    page.get_by_role("link", name="Apply for this job").click()
    page.get_by_label("Your name").fill(f"Grace Öst {email[0]}")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Résumé").set_input_files(RESUME)
    page.get_by_role("button", name="Send application").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your application is in")


def opened(ats: Page, running: Demo, email: str) -> Applied:
    """The recruiter opens the candidate's record as soon as the webhook has brought it."""
    name = f"Grace Öst {email[0]}"

    def look() -> bool:
        ats.goto(running.line["ats_url"])
        return ats.get_by_role("link", name=name).count() == 1

    assert wait_for(look, 60)
    ats.get_by_role("link", name=name).click()
    expect(ats.get_by_text("LinkedIn apply")).to_be_visible()
    urn = ats.locator("code").first.text_content() or ""
    assert re.fullmatch(r"urn:li:jobApplication:[0-9]+", urn)
    return Applied(running, urn, email, "", "")


def sent(ats: Page, activity: str) -> None:
    """Until the record's page says that this was reported."""
    entry = ats.locator(".reports li", has_text=activity).first

    def look() -> bool:
        try:
            ats.reload()
        except Error:  # the page is on its way to another, from the click before
            return False
        return "Sent" in (entry.text_content() or "")

    assert wait_for(look, 60)


def stops(page: Page) -> list[str]:
    return [stop.strip() for stop in page.locator(".stop-name").all_text_contents()]


def test_an_application_goes_to_the_ats_and_each_click_there_is_told(running: Demo, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    board, ats = context.new_page(), context.new_page()
    apply(board, running, EMAIL)
    applied = opened(ats, running, EMAIL)

    assert running.mail(EMAIL, "was viewed by Harbour & Pine")
    signed_in = applied.browser().cookies
    context.add_cookies([{"name": c.name, "value": c.value or "", "url": running.base_url} for c in signed_in])
    board.goto(f"{running.base_url}/my-jobs")
    assert stops(board) == ["Submitted", "Viewed"]

    board.evaluate("window.notReloaded = true")
    ats.get_by_role("link", name="View", exact=True).click()
    expect(board.locator(".stop.is-current .stop-name").first).to_have_text("Résumé downloaded")
    assert board.evaluate("window.notReloaded")

    ats.go_back()
    ats.get_by_role("button", name="Reject", exact=True).click()
    expect(ats.get_by_text("1 candidate was rejected.")).to_be_visible()
    sent(ats, "Rejected")
    assert "reject" not in board.content().lower(), "nothing shows before the hold ends"
    assert len(running.mails(EMAIL)) == 2
    mail = wait_for(lambda: running.mails(EMAIL)[2:], 90)[0]
    assert mail["subject"] == "Your application to Apprentice Joiner at Harbour & Pine"
    board.reload()
    assert stops(board) == ["Submitted", "Viewed", "Résumé downloaded"], "the policy tells a rejection by mail only"
    context.close()


def test_a_rejection_that_is_taken_back_inside_the_hold_leaves_no_trace(running: Demo, browser: Browser) -> None:
    """spec R10, R34"""
    context = browser.new_context(locale="en-GB")
    board, ats = context.new_page(), context.new_page()
    apply(board, running, "undone@applicant.example")
    applied = opened(ats, running, "undone@applicant.example")
    ats.get_by_role("button", name="Reject", exact=True).click()
    sent(ats, "Rejected")
    ats.get_by_role("button", name="Take rejection back").click()
    sent(ats, "Unrejected")

    explained = running.explain(applied.urn)
    [notice] = [
        notice
        for action in explained["actions"]
        if action["action"] == "APPLICATION_REJECTED"
        for notice in action["notices"]
    ]
    assert (notice["state"], notice["reason"]) == ("withheld", "withdrawn")
    context.close()


def test_ticked_candidates_are_rejected_together_and_each_is_reported(running: Demo, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    ats = context.new_page()
    ats.goto(running.line["ats_url"])
    boxes = (
        ats.locator("tr", has_text="Jonas Lindner").or_(ats.locator("tr", has_text="HP-226")).get_by_role("checkbox")
    )
    assert boxes.count() == 2
    for nth in range(2):
        boxes.nth(nth).check()
    ats.get_by_role("button", name="Reject", exact=True).click()
    expect(ats.get_by_text("2 candidates were rejected.")).to_be_visible()
    for name in ("Jonas Lindner", "Mira Okafor"):
        ats.goto(f"{running.line['ats_url']}?stage=rejected")
        ats.get_by_role("link", name=name).first.click()
        sent(ats, "Rejected")
    context.close()
