"""A person sees a recruiter's click become a mail and a live page, without touching the browser (spec R22, R36)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.journeys.playing import Demo

pytestmark = pytest.mark.browser


def test_a_report_changes_open_pages_and_the_open_inbox(demo: Demo, chromium: str) -> None:
    applied = demo.applied()
    demo.mail(applied.email, "received")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context()
        context.add_cookies(
            [{"name": c.name, "value": c.value or "", "url": demo.base_url} for c in applied.browser().cookies]
        )
        pages = {address: context.new_page() for address in (f"{demo.base_url}/my-jobs", applied.job_url)}
        inbox: Page = context.new_page()
        for address, page in (*pages.items(), (demo.line["inbox_url"], inbox)):
            page.goto(address)
            page.evaluate("window.kept = true")
        assert demo.report(applied.urn, "APPLICATION_VIEWED").status_code == 201
        for page in pages.values():
            page.locator(".stop-name", has_text="Viewed").wait_for(timeout=10_000)
        inbox.get_by_role("link", name=applied.email).get_by_text("viewed").wait_for(timeout=10_000)
        assert all(page.evaluate("window.kept") is True for page in (*pages.values(), inbox))
        browser.close()
