"""The consent widget in Chromium where it must not work: foreign pages, forged messages, mistakes (spec R26)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.jobboard.consent.embedding import embedded, entry, frame_of, signed_in
from tests.jobboard.consent.stand import HANNA, Stand, address, bound, served
from unghost.sandbox import host_page


@pytest.fixture
def same_site(database_url: str, tmp_path: Path) -> Iterator[tuple[Stand, str]]:
    """Board and ATS on the same site."""
    with embedded(database_url, tmp_path) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of the test's own."""
    with browser.new_context(locale="en-GB", ignore_https_errors=True) as opened:
        yield opened


def test_a_page_of_a_foreign_origin_gets_nothing_and_its_console_names_the_remedy(
    same_site: tuple[Stand, str], context: BrowserContext
) -> None:
    """Spec R26."""
    stand, _ = same_site
    with bound() as listener, served(host_page.create(stand.url, stand.client_id), listener):
        page = context.new_page()
        page.goto(stand.login_url())
        with page.expect_console_message(lambda m: "not among the allowed origins" in m.text) as said:
            page.goto(address(listener))
        frame = frame_of(page)
        frame.get_by_text("This page is not registered").wait_for()
        assert address(listener) in said.value.text and "ask unghost to add it" in said.value.text
        assert frame.get_by_role("checkbox").count() == 0
        assert page.locator("#received").inner_text() == "Nothing yet."


def test_a_foreign_page_that_claims_an_allowed_origin_is_refused_by_the_browser(
    same_site: tuple[Stand, str], context: BrowserContext
) -> None:
    """Spec R26: frame-ancestors."""
    stand, _ = same_site
    with bound() as listener, served(host_page.create(stand.url, stand.client_id), listener):
        page = context.new_page()
        page.goto(stand.login_url())
        page.goto(address(listener))
        with page.expect_console_message(lambda m: "frame-ancestors" in m.text):
            page.evaluate(
                "(src) => { const f = document.createElement('iframe'); f.id = 'liar'; f.src = src; "
                "document.body.append(f); }",
                stand.url + stand.frame_path(),
            )
        liar = page.wait_for_selector("#liar")
        frame = liar.content_frame() if liar else None
        assert frame is not None
        frame.wait_for_url("chrome-error://**")
        assert "Applicant notifications" not in frame.content()


def test_the_scripts_own_mistakes_are_said_in_the_console(
    same_site: tuple[Stand, str], context: BrowserContext
) -> None:
    """Spec R26: an unknown client id, a callback that is none, a missing client id."""
    stand, ats = same_site
    page = signed_in(context, stand, ats)

    def said(attributes: dict[str, str], sentence: str) -> None:
        with page.expect_console_message(lambda m: sentence in m.text):
            page.evaluate(
                "([src, data]) => { const s = document.createElement('script'); s.src = src; "
                "Object.assign(s.dataset, data); document.body.append(s); }",
                [stand.url + "/consent/widget.js", attributes],
            )

    said({"clientId": "unknown"}, "no child application has the client id 'unknown'")
    said({}, "give the script tag data-client-id")
    page.evaluate("window.onIntegrate = 'not a function'")
    with page.expect_console_message(lambda m: "which is not a global function" in m.text):
        frame_of(page).get_by_role("button", name="Save").click()


def test_a_message_from_anybody_else_calls_no_callback(same_site: tuple[Stand, str], context: BrowserContext) -> None:
    """Spec R26: only the board's origin and only from the widget's frame."""
    stand, ats = same_site
    page = signed_in(context, stand, ats)
    forged = {"from": "unghost-consent", "kind": "saved", "integrations": [entry(True)]}
    page.evaluate("(forged) => window.postMessage(forged, '*')", forged)
    page.evaluate("() => new Promise((done) => setTimeout(done))")
    assert page.locator("#received").inner_text() == "Nothing yet."


def test_what_could_not_be_saved_is_said_and_the_ats_hears_nothing(
    same_site: tuple[Stand, str], context: BrowserContext
) -> None:
    """Spec R26: a broken connection, and a right that was taken away meanwhile."""
    stand, ats = same_site
    page = signed_in(context, stand, ats)
    frame = frame_of(page)
    frame.get_by_role("checkbox").check()
    context.set_offline(True)
    frame.get_by_role("button", name="Save").click()
    frame.get_by_text("This could not be saved.").wait_for()
    context.set_offline(False)
    stand.sql("DELETE FROM jobboard.customer_admin WHERE email = %s", HANNA)
    frame.get_by_role("button", name="Save").click()
    frame.get_by_text("You are not signed in any more.").wait_for()
    assert frame.get_by_text("At present, applicants of Harbour & Pine are not told.").is_visible()
    assert page.locator("#received").inner_text() == "Nothing yet."
    assert not stand.ticked()
