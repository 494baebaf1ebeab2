"""The pretend ATS's page with the widget in it, for the browser tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, FrameLocator, Page

from tests.jobboard.consent.stand import HARBOUR, Stand, address, bound, served, standing
from unghost.sandbox import host_page


@contextmanager
def embedded(
    database_url: str, folder: Path, *, host: str = "127.0.0.1", **settings: Any
) -> Iterator[tuple[Stand, str]]:
    """A board, and the ATS's settings page on `host`: another site than the board unless it is 127.0.0.1."""
    with bound() as listener:
        ats = address(listener).replace("127.0.0.1", host)
        with (
            standing(database_url, folder, ats, **settings) as stand,
            served(host_page.create(stand.url, stand.client_id), listener),
        ):
            yield stand, ats


def frame_of(page: Page) -> FrameLocator:
    """The widget's frame."""
    return page.frame_locator("iframe").first


def received(page: Page) -> Any:
    """What the page's callback was given last."""
    return json.loads(page.locator("#received").inner_text())


def entry(ticked: bool) -> dict[str, object]:
    """The callback's entry for HARBOUR."""
    return {
        "integrationContext": f"urn:li:organization:{HARBOUR}",
        "integrationType": "APPLY_CONNECT",
        "integrationName": "Tern for Harbour & Pine",
        "applicantNotifications": ticked,
    }


def signed_in(context: BrowserContext, stand: Stand, ats: str) -> Page:
    """The ATS's page, opened by an admin who is signed in."""
    page = context.new_page()
    page.goto(stand.login_url())
    page.goto(ats)
    frame_of(page).get_by_role("checkbox").wait_for()
    return page
