"""An operator's desk: a running board that has operators, and a client that is signed in as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tests.jobboard.pages.site import Site
from unghost.jobboard.links import LINK_LIFE, For
from unghost.jobboard.operators import Operator

DANA, EMIL = "dana@board.example", "emil@board.example"
PAGES = ("/operator", "/operator/dead-letters", "/operator/explain", "/operator/consent", "/operator/audit")


def link(site: Site, email: str = DANA) -> str:
    """A sign-in link, as it is mailed."""
    word = site.links.make(For.OPERATOR_LINK, Operator(email).id, site.clock.now() + LINK_LIFE)
    return f"{site.url}/operator/sign-in?word={word}"


@contextmanager
def signed_in(site: Site, email: str = DANA) -> Iterator[httpx2.Client]:
    """A client that keeps cookies, signed in as that operator."""
    with site.browser() as browser:
        assert browser.get(link(site, email)).headers["location"] == "/operator"
        yield browser
