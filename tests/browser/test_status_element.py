"""The drop-in element in Chromium, on a page of another origin with the strictest policy (spec R22, R23)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessible import broken_rules, sideways
from tests.jobboard.pages.other_site import OtherSite, beside
from tests.jobboard.pages.site import Site

Look = Callable[..., Any]
FALLBACK = "What became of my application?"


@pytest.fixture
def other(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherSite]:
    """The board's own site."""
    with beside(database_url, tmp_path, monkeypatch) as running:
        yield running


@pytest.fixture
def look(browser: Browser, other: OtherSite) -> Look:
    """Open the site's page: `with look() as (page, console)`; `console` collects what it says."""

    @contextmanager
    def opened(**options: Any) -> Iterator[tuple[Page, list[str]]]:
        with browser.new_context(**({"viewport": DESKTOP, "locale": "en-GB"} | options)) as context:
            page = context.new_page()
            console: list[str] = []

            def said(message: ConsoleMessage) -> None:
                if message.type in ("error", "warning"):
                    console.append(message.text)

            page.on("console", said)
            page.on("pageerror", lambda error: console.append(str(error)))
            page.goto(other.url)
            yield page, console

    return opened


def stops(page: Page) -> list[str]:
    return [name.strip() for name in page.locator("unghost-status .stop-name").all_text_contents()]


def view(site: Site) -> None:
    site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")


def test_a_report_appears_on_the_boards_own_site_without_a_reload(other: OtherSite, look: Look) -> None:
    """The example of the documentation, word for word, under its policy."""
    with look() as (page, console):
        streams: list[str] = []
        page.on("request", lambda request: streams.append(request.url) if request.url.endswith("/live") else None)
        page.on("framenavigated", lambda _: streams.clear())  # the page before it may be opening its own just now
        page.reload()
        expect(page.locator("unghost-status .stop.is-current .stop-name")).to_have_text("Submitted")
        expect(page.locator("unghost-applications .entry")).to_have_count(2)
        expect(page.get_by_text(FALLBACK)).to_be_hidden()
        page.evaluate("window.notReloaded = true")
        view(other.board)
        fresh = page.locator("unghost-status .panel.is-fresh .stop.is-current .stop-name")  # for four seconds
        expect(fresh).to_have_text("Viewed", timeout=20_000)
        expect(page.locator("unghost-applications .stop.is-current .stop-name").first).to_have_text("Viewed")
        said = page.locator("unghost-status [role=status], unghost-applications [role=status]")
        expect(said.filter(has_text="Harbour master’s data engineer, Harbour & Pine: Viewed")).to_have_count(1)
        assert page.evaluate("window.notReloaded")
        assert streams == [f"{other.board.url}/status/v1/live"]  # one for both elements, and no token in it
        expect(page.locator("unghost-applications .entry a").first).to_have_attribute("href", "/jobs/12345/job-7")
        assert page.context.cookies(other.board.url) == []
        assert console == []


def test_a_rejection_that_is_held_shows_nothing(other: OtherSite, look: Look) -> None:
    """Spec R16. The view reported after it arrives, so the element has looked."""
    with look() as (page, _):
        expect(page.locator("unghost-status .stop-name")).to_have_text("Submitted")
        other.board.report(other.board.applications[other.board.jobs[0], other.board.ada], "APPLICATION_REJECTED")
        view(other.board)
        expect(page.locator("unghost-status .stop.is-current .stop-name")).to_have_text("Viewed")
        assert stops(page) == ["Submitted", "Viewed"]
        assert "Not selected" not in page.locator("main").inner_text()


def test_who_signs_out_leaves_nothing_behind(other: OtherSite, look: Look) -> None:
    with look() as (page, console):
        expect(page.locator("unghost-status[shown]")).to_be_visible()
        other.member = None
        page.evaluate("document.dispatchEvent(new Event('unghost-refresh'))")
        expect(page.get_by_text(FALLBACK)).to_be_visible()
        expect(page.locator("unghost-status[shown], unghost-applications[shown]")).to_have_count(0)
        assert page.locator("unghost-status .panel, unghost-applications .entry").count() == 0
        other.member = "member-ada"
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as after signing in elsewhere
        expect(page.locator("unghost-status[shown]")).to_be_visible()
        assert console == []


def test_an_expired_token_is_renewed_and_if_that_fails_the_page_is_told(other: OtherSite, look: Look) -> None:
    expired = other.board.member_token(aud="unghost-status", exp=1)
    with look() as (page, _):
        expect(page.locator("unghost-status[shown]")).to_be_visible()
        page.evaluate("document.addEventListener('unghost-token-expired', (e) => { window.told = e.detail.code; })")
        asked, other.token = len(other.asked), expired
        page.evaluate("document.dispatchEvent(new Event('unghost-refresh'))")
        expect(page.get_by_text(FALLBACK)).to_be_visible()
        assert page.evaluate("window.told") == "EXPIRED_TOKEN"
        assert len(other.asked) == asked + 2
        other.token = None
        page.evaluate("document.dispatchEvent(new Event('unghost-refresh'))")
        expect(page.locator("unghost-status[shown]")).to_be_visible()


def test_a_stream_that_ends_with_its_token_is_opened_with_another_one(other: OtherSite, look: Look) -> None:
    other.token = other.board.member_token(aud="unghost-status", exp=other.board.clock.now().timestamp() + 5)
    with look() as (page, console):
        expect(page.locator("unghost-status[shown]")).to_be_visible()
        other.token = None
        with page.expect_response(lambda answer: answer.url.endswith("/live") and answer.status == 200):
            pass
        view(other.board)
        expect(page.locator("unghost-status .stop.is-current .stop-name")).to_have_text("Viewed")
        assert "unghost" not in "".join(console)


def test_the_page_may_give_the_token_itself(other: OtherSite, look: Look) -> None:
    token = other.board.member_token(aud="unghost-status")
    other.member = None
    with look() as (page, _):
        expect(page.get_by_text(FALLBACK)).to_be_visible()
        page.evaluate(
            """(token) => {
                document.addEventListener("unghost-token", (event) => event.detail.answer(Promise.resolve(token)));
                document.dispatchEvent(new Event("unghost-refresh"));
            }""",
            token,
        )
        expect(page.locator("unghost-status[shown]")).to_be_visible()


def test_the_console_names_the_remedy(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    with (
        beside(database_url, tmp_path, monkeypatch, status_origins=("https://jobs.example",)) as other,
        browser.new_context() as context,
    ):
        page = context.new_page()
        with page.expect_console_message(lambda m: "unghost-status:" in m.text) as said:
            page.goto(other.url)
        assert f"'{other.url}' is not among the origins" in said.value.text
        assert "UNGHOST_STATUS_ORIGINS" in said.value.text
        expect(page.get_by_text(FALLBACK)).to_be_visible()


def test_what_stands_in_the_tag_is_seen_without_javascript_and_by_those_who_have_not_applied(
    other: OtherSite, look: Look
) -> None:
    with look(java_script_enabled=False) as (page, _):
        expect(page.get_by_text(FALLBACK)).to_be_visible()
    with look() as (page, console):
        expect(page.locator("unghost-status[shown]")).to_be_visible()
        page.evaluate("document.querySelector('unghost-status').setAttribute('job', 'P-3')")
        expect(page.get_by_text(FALLBACK)).to_be_visible()
        expect(page.locator("unghost-applications[shown]")).to_be_visible()
        assert console == []


def test_it_comes_right_when_the_board_was_away(other: OtherSite, look: Look) -> None:
    with look() as (page, _):
        expect(page.locator("unghost-status[shown]")).to_be_visible()
        page.context.set_offline(True)
        view(other.board)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        assert stops(page) == ["Submitted"]
        page.context.set_offline(False)
        expect(page.locator("unghost-status .stop.is-current .stop-name")).to_have_text("Viewed")


def test_a_page_that_is_hidden_or_has_no_element_left_holds_no_stream(other: OtherSite, look: Look) -> None:
    with look() as (page, _):
        expect(page.locator("unghost-status[shown]")).to_be_visible()

        def ended(act: str) -> None:
            with page.expect_event("requestfailed", lambda request: request.url.endswith("/live")):
                page.evaluate(act)

        with page.expect_request(lambda request: request.url.endswith("/live")):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        ended("""() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
        with page.expect_request(lambda request: request.url.endswith("/live")):
            page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }")
        ended("document.querySelectorAll('unghost-status, unghost-applications').forEach((each) => each.remove())")


def test_the_keyboard_stays_where_it_was_when_the_list_changes(other: OtherSite, look: Look) -> None:
    with look() as (page, _):
        second = page.locator("unghost-applications .entry a").filter(has_text="Harbour master")
        second.focus()
        view(other.board)
        expect(page.locator("unghost-applications .stop.is-current .stop-name").first).to_have_text("Viewed")
        expect(second).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_is_accessible_and_fits(other: OtherSite, look: Look, scheme: str, size: dict[str, int]) -> None:
    view(other.board)
    with look(color_scheme=scheme, viewport=size, reduced_motion="reduce") as (page, _):
        expect(page.locator("unghost-status[shown]")).to_be_visible()
        expect(page.locator("unghost-applications[shown]")).to_be_visible()
        assert (broken_rules(page), sideways(page)) == ([], 0)


def test_it_reads_from_right_to_left_where_its_language_does(other: OtherSite, look: Look) -> None:
    other.board.sql("UPDATE jobboard.applicant SET language = 'ar'")
    with look() as (page, _):
        panel = page.locator("unghost-status .panel")
        expect(panel).to_have_css("direction", "rtl")
        dot = panel.locator(".stop").evaluate("(stop) => getComputedStyle(stop, '::before').right")
        assert dot == "0px"
