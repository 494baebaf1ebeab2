"""The page /docs in a browser: readable by everyone, on every screen (spec R22 in spirit)."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.chromium import chromium
from tests.jobboard.board_server import Board

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible_and_fits(refusing_board: Board, scheme: Any, width: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{refusing_board.url}/docs")
        violations = Axe().run(page).response["violations"]
        found = [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in violations]
        fits = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    assert found == []
    assert said == []
    assert fits
