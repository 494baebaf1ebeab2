"""The consent widget in Chromium, embedded as an ATS embeds it: sign-in, ticking, saving, reading (spec R26)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Frame

from tests.jobboard.consent.embedding import embedded, entry, frame_of, received, signed_in
from tests.jobboard.consent.stand import HANNA, Stand
from tests.sandbox.running import wait_for


@pytest.fixture
def same_site(database_url: str, tmp_path: Path) -> Iterator[tuple[Stand, str]]:
    """Board and ATS on the same site."""
    with embedded(database_url, tmp_path) as running:
        yield running


@pytest.fixture
def cross_site(database_url: str, tmp_path: Path) -> Iterator[tuple[Stand, str]]:
    """Board and ATS on two sites, by plain http: no cookie of the board reaches the frame."""
    with embedded(database_url, tmp_path, host="localhost") as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of the test's own."""
    with browser.new_context(locale="en-GB", ignore_https_errors=True) as opened:
        yield opened


def test_an_admin_signs_in_ticks_and_saves_and_the_ats_receives_the_integration_context(
    same_site: tuple[Stand, str], context: BrowserContext
) -> None:
    """Spec R24, R26: the whole way, beginning in the frame, and back again."""
    stand, ats = same_site
    page = context.new_page()
    page.add_init_script("addEventListener('unghost:integrate', (event) => { window.heard = event.detail; });")
    page.goto(ats)
    frame = frame_of(page)
    frame.get_by_label("Your work address").fill(HANNA)
    frame.get_by_role("button", name="Send me a link").click()
    frame.get_by_text("is on its way").wait_for()
    mail = context.new_page()
    mail.goto(stand.mailroom.link())
    # The frame goes on by itself once the link was opened in this browser.
    box = frame.get_by_role("checkbox", name="Applicant notifications", exact=True)
    assert not box.is_checked()
    box.check()
    frame.get_by_role("button", name="Save").click()
    frame.get_by_text("Saved. Applicants of Harbour & Pine will be told from now on.").wait_for()
    assert frame.locator("[aria-live=polite]").inner_text().startswith("Saved.")
    assert received(page) == page.evaluate("window.heard") == {"integrations": [entry(True)]}
    assert stand.ticked()
    page.bring_to_front()
    # Not wait_for_function: it looks again by `eval`, which the page's policy forbids.
    wait_for(lambda: page.frames[1].evaluate("document.body.getBoundingClientRect().height <= innerHeight"))

    box.uncheck()
    frame.get_by_role("button", name="Save").click()
    frame.get_by_text("are not told any more").wait_for()
    assert received(page) == {"integrations": [entry(False)]}
    assert [(ticked, who, origin) for ticked, who, origin, _ in stand.ledger()] == [
        (True, HANNA, ats),
        (False, HANNA, ats),
    ]


def test_where_cookies_do_not_reach_the_frame_the_boards_own_window_does_it_and_the_ats_is_told(
    cross_site: tuple[Stand, str], context: BrowserContext
) -> None:
    """Spec R26."""
    stand, ats = cross_site
    page = context.new_page()
    page.goto(ats)
    frame = frame_of(page)
    frame.get_by_role("link", name="Open in a new window").wait_for()
    assert frame.get_by_label("Your work address").count() == 0
    with context.expect_page() as opening:
        frame.get_by_role("link", name="Open in a new window").click()
    window = opening.value
    window.get_by_label("Your work address").fill(HANNA)
    window.get_by_role("button", name="Send me a link").click()
    window.get_by_text("is on its way").wait_for()
    mail = context.new_page()
    mail.goto(stand.mailroom.link())
    window.get_by_role("checkbox", name="Applicant notifications", exact=True).check()
    window.get_by_role("button", name="Save").click()
    window.get_by_text("You can close this window now").wait_for()
    frame.get_by_text("Saved in the other window.").wait_for()
    assert received(page) == {"integrations": [entry(True)]}
    assert window.locator(".changes > li").count() == 1
    assert [(ticked, who, origin) for ticked, who, origin, _ in stand.ledger()] == [(True, HANNA, stand.url)]


def test_under_https_the_window_hands_the_frame_a_session_of_its_own(
    database_url: str, tmp_path: Path, context: BrowserContext
) -> None:
    """Spec R24, R26: a partitioned cookie, kept for this ATS's page alone."""
    certificate = trustme.CA().issue_cert("127.0.0.1")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(chain)
    tls = {"ssl_keyfile": str(key), "ssl_certfile": str(chain)}
    with embedded(database_url, tmp_path, host="localhost", tls=tls) as (stand, ats):
        page = context.new_page()
        page.goto(ats)
        frame = frame_of(page)
        with context.expect_page() as opening:
            frame.get_by_role("link", name="Open in a new window").click()
        window = opening.value
        other = context.new_page()
        window.get_by_label("Your work address").wait_for()
        other.goto(stand.login_url())
        window.get_by_role("checkbox").check()
        window.get_by_role("button", name="Save").click()
        box = frame.get_by_role("checkbox", name="Applicant notifications", exact=True)
        box.wait_for()
        assert box.is_checked()
        box.uncheck()
        frame.get_by_role("button", name="Save").click()
        frame.get_by_text("are not told any more").wait_for()
        assert received(page) == {"integrations": [entry(False)]}
        assert [origin for _, _, origin, _ in stand.ledger()] == [stand.url, ats]
        kept = {(c["sameSite"], c["secure"], c.get("partitionKey")) for c in context.cookies(stand.url)}
        assert len(kept) == 2 and {(site, secure) for site, secure, _ in kept} == {("None", True)}


def test_the_box_can_be_saved_by_keyboard_alone(same_site: tuple[Stand, str], context: BrowserContext) -> None:
    """Spec R22, R26."""
    stand, ats = same_site
    page = signed_in(context, stand, ats)
    page.keyboard.press("Tab")
    frame = next(f for f in page.frames if f.url.startswith(stand.url))
    for _ in range(6):
        if frame.evaluate("document.activeElement.type") == "checkbox":
            break
        page.keyboard.press("Tab")
    assert frame.evaluate("document.activeElement.matches(':focus-visible')")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert frame.evaluate("document.activeElement.textContent") == "Save"
    page.keyboard.press("Enter")
    frame_of(page).get_by_text("Saved.").wait_for()
    assert frame.evaluate("document.activeElement.textContent") == "Save"
    assert stand.ticked()


@pytest.mark.parametrize(
    ("scheme", "language"), [("light", "en-GB"), ("dark", "de-DE"), ("light", "ar"), ("dark", "fr"), ("light", "es")]
)
def test_every_page_is_accessible_and_fits_a_phone(
    same_site: tuple[Stand, str], browser: Browser, scheme: Any, language: str
) -> None:
    """Spec R21, R22, R26: no axe-core violation and no horizontal scrolling at 360 pixels."""
    stand, ats = same_site
    stand.sql("UPDATE jobboard.oauth_application SET organization = NULL WHERE client_id = %s", stand.client_id)
    with browser.new_context(color_scheme=scheme, locale=language, viewport={"width": 360, "height": 800}) as context:
        page = context.new_page()
        page.goto(ats)
        frame_of(page).locator("#window").wait_for()
        _judge(page.main_frame, page.frames[1])
        for said in ("sent", "unusable"):
            page.goto(f"{stand.url}/admin/consent?said={said}")
            _judge(page.main_frame)
        page.goto(stand.url + "/admin/sign-in?word=forged")
        _judge(page.main_frame)
        page.goto(stand.login_url())
        _judge(page.main_frame)
        page.goto(ats)
        frame = frame_of(page)
        frame.get_by_role("radio").first.wait_for()
        _judge(page.main_frame, page.frames[1])
        frame.get_by_role("radio").first.check()
        frame.get_by_role("button").first.click()
        frame.get_by_role("checkbox").check()
        frame.locator("form.consent button").click()
        frame.locator("[data-said]:not(:empty)").wait_for()
        _judge(page.main_frame, page.frames[1])
        for path in ("/admin/consent", f"/admin/consent?client_id={stand.client_id}", stand.frame_path("unknown")):
            page.goto(stand.url + path)
            _judge(page.main_frame)


def test_the_boards_own_page_works_without_javascript(same_site: tuple[Stand, str], browser: Browser) -> None:
    """Spec R22, R26."""
    stand, _ = same_site
    with browser.new_context(locale="en-GB", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(stand.login_url())
        form = page.locator("section", has_text="Harbour & Pine").locator("form.consent").first
        form.get_by_role("checkbox").check()
        form.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.", exact=True).wait_for()
        assert page.locator("section", has_text="Harbour & Pine").locator(".changes > li").count() == 1
    assert stand.ticked()


def _judge(*frames: Frame) -> None:
    for frame in frames:
        found = Axe().run(frame)  # a frame evaluates scripts as a page does
        assert found.violations_count == 0, found.generate_report()
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert frame.evaluate(wide) <= 0, frame.url
