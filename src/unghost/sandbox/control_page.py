"""The journal, the faults and the strictness on the control server: as JSON, and as the page that people use.

The page changes by itself and works by keyboard; it asks for nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
import msgspec
from psycopg_pool import AsyncConnectionPool
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from unghost.jobboard.store import explaining, webhooks
from unghost.sandbox import magic, rules
from unghost.sandbox.control import Control
from unghost.sandbox.control_call import Wrong, body
from unghost.sandbox.doubts import STRICTNESSES
from unghost.sandbox.faults import Faults
from unghost.sandbox.journal import Entry, Journal, Wanted
from unghost.sandbox.recorder import Strictness

_HERE = Path(__file__).parent
_LISTED = 100
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HELP = """GET  /journal           newest first; ?method= path= status=4xx application= text= warned=true after=N limit=
                        webhook=any (or delivery, challenge): the board's calls to ATSs
GET  /journal/N         one entry with what it led to; /journal/N/curl gives it as a command
GET  /journal.jsonl     all that is wanted, one JSON object a line, oldest first
DELETE /journal         forget all entries
GET  /faults            the rules, with how often each was applied, and the magic values
POST /faults            a rule, or an array: {"when": {…}, "what": {…}, "nth": 1}
DELETE /faults          no rules
GET, PUT /strictness    {"level": "lenient" | "linkedin"}
"""
#: What a delivery or a webhook has not, of what the page shows of notices.
_NOTHING = {"action_id": "", "reason": None, "told_at": None, "attempt_at": None}


class _Level(msgspec.Struct, forbid_unknown_fields=True):
    level: str


@dataclass
class Pages:
    """The routes, and what they show."""

    control: Control
    journal: Journal
    faults: Faults
    strictness: Strictness
    pool: AsyncConnectionPool
    _templates: jinja2.Environment = field(
        default_factory=lambda: jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
        )
    )

    def routes(self) -> list[BaseRoute]:
        """What the control server answers besides its own."""
        return [
            Route("/", self._page, methods=["GET"]),
            Route("/journal", self._list, methods=["GET"]),
            Route("/journal", self._forget, methods=["DELETE"]),
            Route("/journal.jsonl", self._export, methods=["GET"]),
            Route("/journal/{number:int}", self._entry, methods=["GET"]),
            Route("/journal/{number:int}/curl", self._curl, methods=["GET"]),
            Route("/faults", self._faults, methods=["GET"]),
            Route("/faults", self._add, methods=["POST"]),
            Route("/faults", self._remove, methods=["DELETE"]),
            Route("/strictness", self._level, methods=["GET", "PUT"]),
            Route("/live", self._live, methods=["GET"]),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ]

    def help(self) -> str:
        """Their lines of /help."""
        return _HELP

    async def _list(self, request: Request) -> Response:
        wanted, most = _wanted(request)
        found = islice(self.journal.newest_first(wanted), most)
        return JSONResponse({"entries": [msgspec.to_builtins(entry) for entry in found]})

    async def _export(self, request: Request) -> Response:
        wanted, most = _wanted(request, 1_000_000)
        found = list(islice(self.journal.newest_first(wanted), most))[::-1]
        lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in found)
        return Response(lines, media_type="application/jsonl")

    async def _forget(self, request: Request) -> Response:
        self.journal.reset()
        return Response(status_code=204)

    async def _entry(self, request: Request) -> Response:
        entry = self._asked(request)
        shown = msgspec.to_builtins(entry) | {"led_to": await self._led_to(entry), "curl": self._as_curl(entry)}
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse(shown)
        return self._html("journal_page.html", request, open=entry, led_to=shown["led_to"], curl=shown["curl"])

    async def _curl(self, request: Request) -> Response:
        return PlainTextResponse(self._as_curl(self._asked(request)) + "\n")

    async def _faults(self, request: Request) -> Response:
        addresses = {f"{name}@…": said for name, (said, _, _) in magic.ADDRESSES.items()}
        known = {"applications": magic.APPLICATIONS, "addresses": addresses}
        return JSONResponse({"rules": self.faults.shown(), "magic": known})

    async def _add(self, request: Request) -> Response:
        self.faults.add(rules.read(msgspec.json.encode(await body(request, Any))))
        self.journal.ring()
        return JSONResponse({"rules": self.faults.shown()}, 201)

    async def _remove(self, request: Request) -> Response:
        self.faults.reset()
        self.journal.ring()
        return Response(status_code=204)

    async def _level(self, request: Request) -> Response:
        if request.method == "PUT":
            wish = await body(request, _Level)
            if wish.level not in STRICTNESSES:
                raise Wrong(f"{wish.level[:40]!r} is no strictness: give {' or '.join(STRICTNESSES)}")
            self.strictness.set(wish.level)
            self.journal.ring()
        return JSONResponse({"level": self.strictness.level})

    async def _live(self, request: Request) -> Response:
        """Say `changed` with the clock whenever something has; the page then asks for itself again."""

        async def events() -> AsyncIterator[dict[str, str]]:
            changed, unwatch = self.journal.watch()
            try:
                yield {"event": "listening", "data": "{}"}
                while True:
                    await changed.wait()
                    await asyncio.sleep(0.05)  # what comes together is shown together
                    changed.clear()
                    yield {"event": "changed", "data": json.dumps(self.control.shown())}
            finally:
                unwatch()

        return EventSourceResponse(events(), ping=15)

    async def _page(self, request: Request) -> Response:
        return self._html("journal_page.html", request, open=None, led_to=[], curl="")

    def _html(self, template: str, request: Request, **more: Any) -> Response:
        wanted, most = _wanted(request)
        text = self._templates.get_template(template).render(
            entries=list(islice(self.journal.newest_first(wanted), min(most, _LISTED))),
            clock=self.control.shown(),
            addresses=self.control.addresses,
            rules=[json.dumps(rule, ensure_ascii=False) for rule in self.faults.shown()],
            level=self.strictness.level,
            levels=STRICTNESSES,
            snapshots=self.control.snapshots.names(),
            wanted=wanted,
            query=urlencode([(name, value) for name, value in request.query_params.items() if value]),
            **more,
        )
        return HTMLResponse(
            text.encode("utf-8", "replace"),
            headers={"content-security-policy": _CSP, "cache-control": "no-store", "vary": "accept"},
        )

    async def _led_to(self, entry: Entry) -> list[dict[str, Any]]:
        """The notices of the actions that the answer names, or the delivery or webhook, as they are now."""
        async with self.pool.connection() as connection:
            if entry.webhook is not None:
                stands = await webhooks.became(connection, entry.application, entry.path)
                return [_NOTHING | msgspec.to_builtins(row) for row in stands]
            found = await explaining.notices(connection, entry.actions)
        return [msgspec.to_builtins(asdict(notice)) for notice in found]

    def _asked(self, request: Request) -> Entry:
        entry = self.journal.entry(request.path_params["number"])
        if entry is None:
            raise Wrong(f"the journal has no entry {request.path_params['number']}: the newest are at /journal", 404)
        return entry

    def _as_curl(self, entry: Entry) -> str:
        return entry.curl(self.control.addresses["board"])


def _wanted(request: Request, usual: int = _LISTED) -> tuple[Wanted, int]:
    """The filter of a query, and how many at most. Raises `Wrong` for a name that is none."""
    given = {name: value for name, value in request.query_params.items() if value}
    try:
        most = int(given.pop("limit", usual))
        return msgspec.convert(given, Wanted, strict=False), max(0, most)
    except (ValueError, msgspec.ValidationError):
        raise Wrong(f"the query {request.url.query[:80]!r} cannot be read: see /help for the filters") from None
