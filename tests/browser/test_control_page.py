"""The sandbox's control page as people use it: wind, read, break things; accessible and by keyboard (spec R37)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessible import broken_rules, sideways
from tests.journeys.winding import Sandbox
from tests.journeys.winding import sandbox as run_sandbox

EXAMPLE = "urn:li:jobApplication:12345678"


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


@contextmanager
def page_of(browser: Browser, sandbox: Sandbox, path: str = "", **options: Any) -> Iterator[Page]:
    """The control page; at the end nothing may have gone wrong in it."""
    context = browser.new_context(**({"viewport": DESKTOP} | options))
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(sandbox.control_url + path)
    yield page
    context.close()
    assert broken == []


def test_a_person_reports_winds_72_hours_and_reads_the_rejection(browser: Browser, sandbox: Sandbox) -> None:
    with page_of(browser, sandbox) as page:
        page.get_by_text("No request yet").wait_for()
        assert sandbox.report(EXAMPLE, "APPLICATION_REJECTED").status_code == 201
        page.get_by_role("link", name="stored as action").click()  # it came by itself
        expect(page.get_by_role("cell", name="waiting")).to_be_visible()
        page.get_by_role("button", name="+72 h").click()
        expect(page.get_by_role("status")).to_have_text("Ready: something fell due once on the way.")
        expect(page.get_by_role("cell", name="told")).to_be_visible()  # what it led to has changed by itself
        page.get_by_role("link", name="Inbox").click()
        page.get_by_role("link", name="Workshop Lead, Joinery").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Workshop Lead, Joinery at Harbour & Pine")


def test_what_others_do_to_the_sandbox_is_shown_at_once(browser: Browser, sandbox: Sandbox) -> None:
    """A program winds, breaks and resets while a person looks."""
    with page_of(browser, sandbox) as page:
        hands = page.locator("#now")
        page.get_by_label("A rule, as JSON").fill("half a rule")
        before = sandbox.now()
        sandbox.told("POST", "clock/freeze", {"to": "2190-05-06T07:08:09Z"})
        expect(page.get_by_text("UTC, stopped")).to_be_visible()
        expect(hands).to_have_text("2190-05-06 07:08:09")
        sandbox.told("POST", "clock/run")
        expect(page.get_by_text("UTC, stopped")).not_to_be_visible()
        sandbox.told("POST", "faults", {"when": {}, "what": {"status": 503}, "name": "theirs"})
        expect(page.get_by_label("Rules", exact=True)).to_contain_text("theirs")
        sandbox.told("PUT", "strictness", {"level": "linkedin"})
        expect(page.get_by_role("button", name="linkedin")).to_have_attribute("aria-pressed", "true")
        sandbox.told("POST", "snapshots", {"name": "theirs-too"})
        expect(page.get_by_role("button", name="theirs-too")).to_be_visible()
        assert page.get_by_label("A rule, as JSON").input_value() == "half a rule"
        sandbox.reset()
        expect(page.get_by_text("No rule. Everything works")).to_be_visible()
        expect(page.get_by_role("button", name="lenient")).to_have_attribute("aria-pressed", "true")
        expect(hands).to_contain_text(f"{before.year}-")


def test_all_of_it_works_by_keyboard(browser: Browser, sandbox: Sandbox) -> None:
    with page_of(browser, sandbox) as page:
        page.get_by_label("by or to", exact=True).focus()
        page.keyboard.type("2d")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Ready: something fell due never on the way.")
        page.get_by_label("by or to", exact=True).fill("yesterday")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("'yesterday' is no time: give a number")
        page.get_by_label("by or to", exact=True).fill("2190-05-06 07:08")
        page.keyboard.press("Enter")
        expect(page.locator("#now")).to_contain_text("2190-05-06 07:08:")
        page.get_by_label("by or to", exact=True).fill("2020-01-01")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("goes forward only: give a later moment than 2020-01-01")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("UTC, stopped")).to_be_visible()
        assert sandbox.told("GET", "clock")["stopped"] is True
        page.get_by_label("A rule, as JSON").fill('{"when": {}, "what": {"status": 503}, "name": "my rule"}')
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove all rules")).to_be_visible()
        assert sandbox.report(EXAMPLE, "APPLICATION_VIEWED").status_code == 503
        expect(page.get_by_text("rule: my rule")).to_be_visible()
        page.get_by_role("button", name="linkedin").press("Enter")
        expect(page.get_by_role("button", name="linkedin")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="story").press("Enter")
        expect(page.get_by_text("No request yet")).to_be_visible()
        assert sandbox.told("GET", "faults")["rules"] == []


def test_whoever_goes_on_while_a_call_is_under_way_is_not_called_back(browser: Browser, sandbox: Sandbox) -> None:
    """A slow call moves no focus and lets no key go elsewhere; the next one waits for it, and the same twice is one."""
    with page_of(browser, sandbox) as page:
        slow = page.evaluate_handle(
            "() => { let go; const gate = new Promise((done) => { go = done; }); return { gate, go }; }"
        )
        page.evaluate(
            """(slow) => {
              const real = window.fetch;
              window.fetch = (path, options) =>
                path.startsWith("/clock/") ? slow.gate.then(() => real(path, options)) : real(path, options);
            }""",
            slow,
        )
        before = sandbox.now()
        page.get_by_role("button", name="+72 h").press("Enter")
        page.get_by_role("button", name="+72 h").press("Enter")
        expect(page.locator("body")).to_have_attribute("aria-busy", "true")
        page.get_by_label("A rule, as JSON").fill('{"when": {}, "what": {"status": 503}, "name": "the next"}')
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Add the rule")).to_be_focused()
        page.keyboard.press("Enter")
        assert sandbox.told("GET", "faults")["rules"] == []
        page.evaluate("(slow) => slow.go()", slow)
        expect(page.get_by_role("button", name="Remove all rules")).to_be_visible()
        expect(page.locator("body")).not_to_have_attribute("aria-busy", "true")
        expect(page.get_by_role("button", name="Add the rule")).to_be_focused()
        assert timedelta(hours=72) <= sandbox.now() - before < timedelta(hours=144)


def test_a_refusal_is_seen_on_a_phone_wherever_one_is(browser: Browser, sandbox: Sandbox) -> None:
    for action in ["APPLICATION_VIEWED"] * 8:
        sandbox.report(EXAMPLE, action)
    with page_of(browser, sandbox, viewport=PHONE) as page:
        page.get_by_label("A rule, as JSON").fill("{")
        page.get_by_role("button", name="Add the rule").click()
        expect(page.get_by_role("status")).to_contain_text("cannot be read")
        expect(page.get_by_role("status")).to_be_in_viewport()
        assert page.evaluate("scrollY") > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_is_accessible_and_fits(browser: Browser, sandbox: Sandbox, scheme: str, size: dict[str, int]) -> None:
    sandbox.told("POST", "faults", {"when": {}, "what": {"status": 503}, "nth": 2})
    for action in ("APPLICATION_VIEWED", "APPLICATION_VIEWED", "x" * 300):
        sandbox.report(EXAMPLE, action)
    newest = sandbox.told("GET", "journal")["entries"][0]["number"]
    for path in ("", f"journal/{newest}", f"journal/{newest - 2}", "?text=nothing"):
        with page_of(browser, sandbox, path, color_scheme=scheme, viewport=size, reduced_motion="reduce") as page:
            assert (broken_rules(page), sideways(page)) == ([], 0), path
