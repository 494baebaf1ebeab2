"""The operator's pages in a real browser: accessible, at any width, by keyboard, without scripts (spec R42)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Opener
from tests.browser.test_accessible import broken_rules, sideways
from tests.jobboard.operator.desk import DANA, link
from tests.jobboard.pages.site import Site, standing

PAGES = {
    "flow": "/operator",
    "mails": "/operator/dead-letters",
    "refused filter": "/operator/dead-letters?organization=x",
    "webhooks": "/operator/dead-letters?kind=webhook",
    "explain": "/operator/explain",
    "explained": "/operator/explain?application={0}",
    "unknown": "/operator/explain?application=1",
    "consent": "/operator/consent",
    "consent of one": "/operator/consent?organization=12345",
    "audit": "/operator/audit",
}


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A board with an operator, a rejection that is held, a mail that was given up and a ledger."""
    with standing(database_url, tmp_path, operators=(DANA,)) as running:
        application = running.applications[running.jobs[0], running.ada]
        for action in ("APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED"):
            running.report(application, action)
        running.sql(
            """UPDATE jobboard.notice SET state = 'withheld', reason = 'undeliverable', attempt_at = NULL, attempts = 7,
                   detail = 'at RCPT: 552 5.2.2 mailbox is full'
               WHERE place = 'EMAIL' AND action = 'APPLICATION_VIEWED'"""
        )
        running.sql(
            """UPDATE jobboard.notice SET state = 'told', told_at = due_at + interval '2 seconds', attempt_at = NULL
               WHERE place = 'EMAIL' AND action = 'APPLICATION_SUBMITTED' AND application_number = %s""",
            application,
        )
        running.sql(
            """INSERT INTO jobboard.consent_ledger
                   (organization, ticked, changed_by, changed_from, wording_version, changed_at)
               VALUES (12345, true, 'hanna@harbour.example', 'https://ats.example', 'en-0123456789ab', now())"""
        )
        yield running


def small_targets(page: Page) -> list[str]:
    """What can be pressed and is lower than 44 pixels; a checkbox has its label's row."""
    return list(
        page.evaluate("""() => [...document.querySelectorAll('button, .button, input, select, nav a, .brand')]
            .filter((e) => e.type !== 'hidden' && e.type !== 'checkbox' && e.getBoundingClientRect().height < 44)
            .map((e) => e.outerHTML)""")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible_and_fits(site: Site, visit: Opener, scheme: str, size: dict[str, int]) -> None:
    found: dict[str, object] = {}
    application = site.applications[site.jobs[0], site.ada]
    with visit("/operator/sign-in", color_scheme=scheme, viewport=size) as page:
        if wrong := (*broken_rules(page), *small_targets(page)):
            found["sign in"] = wrong
        page.goto(link(site))
        for name, path in PAGES.items():
            page.goto(path.format(application))
            wrong = (
                *broken_rules(page),
                *small_targets(page),
                *([f"sideways by {sideways(page)}"] if sideways(page) else []),
            )
            if wrong:
                found[name] = wrong
    assert found == {}


def test_an_operator_signs_in_and_puts_a_mail_back_without_scripts(site: Site, visit: Opener) -> None:
    with visit("/operator", java_script_enabled=False) as page:
        page.get_by_label("Your address").fill(DANA)
        page.get_by_role("button", name="Send me a link").click()
        expect(page.get_by_role("status")).to_contain_text("a link is on its way")
        page.goto(site.mailbox.link())
        page.get_by_role("navigation").get_by_role("link", name="Dead letters").click()
        expect(page.get_by_text("552 5.2.2 mailbox is full")).to_be_visible()
        page.get_by_role("link", name=re.compile(r"^Application \d+$")).click()
        expect(page.get_by_role("heading", name="Something is held")).to_be_visible()
        page.go_back()
        page.get_by_role("checkbox", name="Yes, this one").check()
        page.get_by_role("button", name="Put back", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("1 put back: tried again at once.")
        expect(page.get_by_text("None: nothing was given up.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Operator pages")).to_be_visible()


def test_the_keyboard_reaches_what_a_page_offers(site: Site, visit: Opener) -> None:
    with visit("/operator/sign-in") as page:
        page.goto(link(site))
        page.goto("/operator/dead-letters")
        reached: list[str] = []
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.append(str(page.evaluate("document.activeElement.id || document.activeElement.innerText.trim()")))
        wanted = ["Skip to content", "unghost", "Flow", "Dead letters", "Explain", "Consent", "Audit", "Sign out"]
        assert reached[1 : len(wanted)] == wanted[1:]
        for stop in ("organization", "action", "days", "Show these", "sure", "Put back", "Put this one back"):
            assert stop in reached, stop
