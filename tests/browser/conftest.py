"""A real browser (Debian's Chromium) on a running board; the one place that says when these tests are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.chromium import chromium
from tests.jobboard.pages.site import Site, standing

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}

expect.set_options(timeout=30_000)

Opener = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder; where there is no Chromium it is then skipped."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: while it runs, Playwright's event loop keeps asynchronous tests from running."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A board with jobs, ada and ben."""
    with standing(database_url, tmp_path) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, site: Site) -> Opener:
    """Open a page in a context of its own: `with visit("/jobs", applicant) as page`."""

    @contextmanager
    def opened(path: str, applicant: int | None = None, **options: Any) -> Iterator[Page]:
        context = browser.new_context(base_url=site.url, **({"viewport": DESKTOP, "locale": "en-GB"} | options))
        try:
            page = context.new_page()
            broken: list[str] = []

            def said(message: ConsoleMessage) -> None:
                # Answers that are refused and lines that are cut are what some tests are about.
                if message.type == "error" and "Failed to load resource" not in message.text:
                    broken.append(message.text)

            page.on("console", said)
            page.on("pageerror", lambda error: broken.append(str(error)))
            if applicant is not None:
                page.goto(site.link(applicant))
            page.goto(path)
            yield page
            assert broken == [], "the browser's console says so"
        finally:
            context.close()

    return opened
