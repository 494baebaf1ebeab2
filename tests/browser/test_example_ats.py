"""The example ATSs' pages: no axe-core violation, no sideways scrolling, and every trigger without JavaScript (R29)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.ats.conftest import AtsDatabase
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessible import broken_rules, sideways, small_targets
from tests.examples.conftest import EXAMPLES
from tests.examples.running import board, running


def _sqlite(folder: Path) -> AtsDatabase:
    path = folder / "ats.sqlite"
    return AtsDatabase("sqlite", f"sqlite:///{path}", "", lambda: sqlite3.connect(path, timeout=30))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_page_of_an_example_is_accessible_and_fits(example: str, browser: Browser, tmp_path: Path) -> None:
    with board() as board_url, running(example, _sqlite(tmp_path), board_url, tmp_path / "log") as ats:
        first, second = (ats.deliver(number) for number in (50001, 50002))
        ats.press(f"/candidates/{second}", "/acts/reject")
        records = (f"/candidates/{first}", f"/candidates/{second}", f"/candidates/{first}/resume", "/candidates/999")
        pages = ("/", "/?stage=withdrawn", "/candidates/new", "/settings", *records)
        found = {}
        for scheme in ("light", "dark"):
            for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
                context = browser.new_context(viewport=size, color_scheme=scheme, base_url=ats.url)  # type: ignore[arg-type]
                page = context.new_page()
                for path in pages:
                    page.goto(path)
                    wrong = broken_rules(page), sideways(page), _small(small_targets(page))
                    if any(wrong):
                        found[scheme, name, path] = wrong
                context.close()
        assert found == {}


def _small(targets: list[str]) -> list[str]:
    """A check box is small, the label around it that takes the click is not."""
    return [each for each in targets if 'type="checkbox"' not in each and 'type="hidden"' not in each]


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_recruiter_does_everything_by_keyboard_and_without_javascript(
    example: str, browser: Browser, tmp_path: Path
) -> None:
    with board() as board_url, running(example, _sqlite(tmp_path), board_url, tmp_path / "log") as ats:
        ats.deliver(50001)
        context = browser.new_context(base_url=ats.url, java_script_enabled=False)
        page = context.new_page()
        page.goto("/")
        page.get_by_role("checkbox", name="Zoë Nguyễn 🦉").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Reject", exact=True).press("Enter")
        expect(page.get_by_role("status")).to_have_text("1 candidate was rejected.")
        page.get_by_role("link", name="Zoë Nguyễn 🦉").press("Enter")
        page.get_by_role("button", name="Take rejection back").press("Enter")
        expect(page.get_by_role("status")).to_have_text("1 rejection was taken back.")
        page.get_by_role("link", name="View").press("Enter")
        expect(page.get_by_label("zoë.text")).to_contain_text("Zoë builds")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").press("Enter")
        assert download.value.suggested_filename == "zoë.text"
        context.close()
        acts = [kind for _, kind in ats.activities()]
        assert acts == ["rejected", "viewed", "unrejected", "viewed", "resume_displayed", "resume_downloaded"]
