"""Coverage as a page (spec R33): what it says, who may see it, and that everybody can read it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.ats.conftest import AtsDatabase
from tests.sandbox.running import environment
from unghost.ats.activity import Kind
from unghost.ats.coverage import Coverage, Customer, Gap
from unghost.ats.integrations import coverage_page
from unghost.ats.store.covering import Application
from unghost.cli import ats_coverage

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MS = 1_795_597_200_000
CUSTOMERS = [Customer(1, "linkedin", 12345, 18204, 312, 1022, 40211, 37, 2, 118), Customer(2, "board", 7, *(0,) * 7)]
GAPS = [Gap(1, n, 10000 + n, f"<C&{n}>", Kind.RESUME_DOWNLOADED, MS, "In the <viewer>") for n in range(4)]
UNVIEWED = [Application(1, 2, 20001, "C-1", 0), Application(2, 1, 20002, "C-2", MS)]
WITH_GAPS = Coverage(NOW, CUSTOMERS, {1: 6}, GAPS, UNVIEWED)


class Text(HTMLParser):
    """A page's words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_says_what_is_missing_and_escapes_what_the_ats_wrote() -> None:
    read = Text(coverage_page.page(WITH_GAPS))
    for words in (
        "6 activities are missing", "18,204 applications received for 2 customers", "<C&3>", "In the <viewer>",
        "And 2 more.", "And 1,020 more.", "not known", "2026-11-25 09:00 UTC",
    ):  # fmt: skip
        assert words in read.words, words
    assert not read.tags & {"script", "link", "img", "iframe", "viewer", "c"}
    assert "Nothing is missing" in Text(coverage_page.page(Coverage(NOW, CUSTOMERS, {}, [], []))).words
    one = Coverage(NOW, CUSTOMERS[:1], {1: 1}, GAPS[:1], [])
    assert "1 activity is missing" in Text(coverage_page.page(one)).words
    assert "cannot be said yet" in Text(coverage_page.page(Coverage(NOW, CUSTOMERS, None, [], []))).words
    blind = Text(coverage_page.page(Coverage(NOW, CUSTOMERS, None, [], [], is_blind=True))).words
    assert "The history knows none of them" in blind and "Nothing is missing" not in blind
    assert "There is no customer yet" in Text(coverage_page.page(Coverage(NOW, [], None, [], []))).words


def test_everybody_can_read_the_page(chromium: str, tmp_path: Path) -> None:
    file = tmp_path / "coverage.html"
    file.write_text(coverage_page.page(WITH_GAPS), encoding="utf-8")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)):
            look: Any = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
            with browser.new_page(**look) as page:
                page.goto(file.as_uri())
                found += [rule["id"] for rule in Axe().run(page).response["violations"]]
                sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                found += ["scrolls sideways"] if page.evaluate(sideways) else []
        browser.close()
    assert found == []


@pytest.fixture
def config(ats_database: AtsDatabase, tmp_path: Path) -> Path:
    path = tmp_path / "unghost.toml"
    path.write_text(f'[ats]\ndatabase_url = "{ats_database.url}"\n')
    return path


ON_SQLITE = pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)


@ON_SQLITE
def test_the_command_writes_the_page_into_a_file(config: Path, tmp_path: Path) -> None:
    assert ats_coverage.coverage(config=config, html=tmp_path / "page.html") == 0
    assert "urn:li:organization:67890" in (tmp_path / "page.html").read_text(encoding="utf-8")


@ON_SQLITE
@pytest.mark.parametrize(("allowed", "wanted"), [(True, 200), (False, 403)])
def test_each_view_shows_it_to_who_may_see_it(config: Path, allowed: bool, wanted: int) -> None:
    told: list[Any] = []
    app: Any = coverage_page.wsgi_app(lambda environ: allowed, config)
    body = b"".join(app({}, lambda status, headers: told.append((status, dict(headers)))))
    assert told[0][0].startswith(str(wanted))
    assert (b"urn:li:organization:67890" in body) == allowed
    assert "unghost_customer" not in body.decode()

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(coverage_page.asgi_app(lambda scope: allowed, config)({"type": "http"}, None, send))
    assert (sent[0]["status"], b"urn:li:organization:67890" in sent[1]["body"]) == (wanted, allowed)
    code = f"""
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"])
from pathlib import Path
from django.test import RequestFactory
from unghost.ats.integrations.coverage_page import django_view
response = django_view(lambda request: {allowed}, Path({str(config)!r}))(RequestFactory().get("/"))
print(response.status_code, b"urn:li:organization:67890" in response.content)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.split() == [str(wanted), str(allowed)]
