"""The job board's own site, on an origin of its own: docs/howto/show-status-on-your-site.md, followed to the letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.house.sources import ROOT, text
from tests.jobboard.consent.stand import address, bound
from tests.jobboard.pages.site import BOARD_TOKEN_KEY, Site, served, standing

PAGE = text(ROOT / "docs" / "howto" / "show-status-on-your-site.md")
BOARD = "https://unghost.board.example"


def shown(language: str) -> str:
    """The one block of that language on the page of the documentation that is not a command or a line."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return max(blocks, key=len)


@dataclass
class OtherSite:
    """What a test has. `member`: who is signed in there; `token`: what is answered instead of a good one."""

    url: str
    board: Site
    member: str | None = "member-ada"
    token: str | None = None
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        """The page, its style sheet, and who is signed in."""
        example: dict[str, Any] = {}
        exec(shown("python"), example)
        policy = shown("text").strip().removeprefix("Content-Security-Policy: ").replace(BOARD, self.board.url)
        page = shown("html").replace(BOARD, self.board.url)

        async def html(request: Request) -> Response:
            return HTMLResponse(page, headers={"content-security-policy": policy})

        async def css(request: Request) -> Response:
            return PlainTextResponse(shown("css"), media_type="text/css")

        async def token(request: Request) -> Response:
            self.asked.append(request.method)
            if self.member is None:
                return Response(status_code=204)
            return PlainTextResponse(
                self.token or example["unghost_token"](self.member), headers={"cache-control": "no-store"}
            )

        return Starlette(routes=[Route("/", html), Route("/site.css", css), Route("/unghost-token", token)])


@contextmanager
def beside(database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[OtherSite]:
    """A board, and another site that shows its statuses. The first job is the example's."""
    monkeypatch.setenv("UNGHOST_BOARD_TOKEN_KEY", BOARD_TOKEN_KEY)
    with bound() as listener:
        url = address(listener).replace("127.0.0.1", "localhost")
        with standing(database_url, folder, **{"status_origins": (url,)} | settings) as board:
            board.sql("UPDATE jobboard.job SET external_id = 'job-7' WHERE id = %s", board.jobs[0])
            site = OtherSite(url, board)
            with served(site.app(), listener):
                yield site
