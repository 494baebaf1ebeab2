"""The sandbox's control server: its clock, its states, and what the journal and the faults add (spec R37).

Every call takes and gives JSON, and is done when it is answered: whoever was told `ready` need not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import msgspec
import psycopg
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.postgres import PostgresError
from unghost.sandbox import inbox_call
from unghost.sandbox.clock_file import ClockFile, WoundBack, said
from unghost.sandbox.control_call import OnlyFromHere, Wrong, body, refused, wrong
from unghost.sandbox.duration import BadDuration, duration
from unghost.sandbox.rules import BadRule
from unghost.sandbox.snapshots import STORY, NoSuchSnapshot, Snapshots
from unghost.sandbox.winder import NotReady, Winder

HELP = """The sandbox's control server. Bodies are JSON; a refusal is {"status", "message"}.

GET  /clock             {"now", "stopped", "ahead_seconds"}
POST /clock/advance     {"by": "72h"} or {"to": "2026-03-01T12:00:00Z"}: does all that falls due, in order
POST /clock/freeze      {} or {"to": moment}: the clock stands
POST /clock/run         the clock goes on from where it stands
POST /settle            wait until nothing that is due by now is untold, then `ready`
POST /reset             {"to": "story" | "empty" | a snapshot}: state, mails, journal, faults and clock
GET  /snapshots         their names
POST /snapshots         {"name": "before-the-test"}: put the present state aside
"""


class _Wind(msgspec.Struct, forbid_unknown_fields=True):
    by: str | None = None
    to: str | None = None


class _Reset(msgspec.Struct, forbid_unknown_fields=True):
    to: str = STORY


class _Named(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class Resettable(Protocol):
    """What begins anew when the sandbox is reset."""

    def reset(self) -> None:
        """Forget all that came before."""


@dataclass(kw_only=True)
class Control:
    """What the calls work on. `addresses`: where the sandbox's other servers are, by name.

    `changed` is called when the clock or a state is another one: pages that are open show it.
    """

    clock: ClockFile
    winder: Winder
    snapshots: Snapshots
    addresses: dict[str, str]
    changed: Callable[[], None]
    resettable: Iterable[Resettable] = ()

    def application(self, routes: Iterable[BaseRoute] = (), help: str = "") -> OnlyFromHere:
        """The server, with the routes of those who belong to it and their lines of help."""
        own = [
            Route("/clock", self._clock),
            Route("/clock/advance", self._advance, methods=["POST"]),
            Route("/clock/freeze", self._freeze, methods=["POST"]),
            Route("/clock/run", self._run, methods=["POST"]),
            Route("/settle", self._settle, methods=["POST"]),
            Route("/reset", self._reset, methods=["POST"]),
            Route("/snapshots", self._names, methods=["GET"]),
            Route("/snapshots", self._take, methods=["POST"]),
            Route("/help", lambda _: PlainTextResponse(HELP + help)),
        ]
        kinds = (Wrong, WoundBack, BadDuration, NoSuchSnapshot, BadRule)
        handlers: dict[Any, Any] = dict.fromkeys(kinds, wrong)
        handlers[NotReady] = _not_ready
        handlers |= dict.fromkeys((psycopg.OperationalError, PoolTimeout, PostgresError), _no_database)
        return OnlyFromHere(Starlette(routes=[*own, *routes], exception_handlers=handlers))

    def shown(self) -> dict[str, Any]:
        """The clock, as JSON."""
        now, ahead = self.clock.now(), self.clock.ahead
        return {"now": said(now), "stopped": self.clock.stopped, "ahead_seconds": round(ahead.total_seconds(), 3)}

    async def _clock(self, request: Request) -> Response:
        return JSONResponse(self.shown())

    async def _advance(self, request: Request) -> Response:
        wish = await body(request, _Wind)
        if (wish.by is None) == (wish.to is None):
            raise Wrong('the clock is wound by a time or to a moment: give either {"by": "72h"} or {"to": "…T…Z"}')
        return await self._wound(duration(wish.by) if wish.by is not None else moment(wish.to or ""), stop=False)

    async def _freeze(self, request: Request) -> Response:
        wish = await body(request, _Wind)
        if wish.by is not None and wish.to is not None:
            raise Wrong('the clock is stopped at one moment: give {"by": …} or {"to": …}, or neither to stop it now')
        by = timedelta(0) if wish.by is None else duration(wish.by)
        return await self._wound(by if wish.to is None else moment(wish.to), stop=True)

    async def _wound(self, to: datetime | timedelta, *, stop: bool) -> Response:
        try:
            done = await self.winder.wind(to, stop=stop)
        finally:  # it may have come some of the way
            self.changed()
        return JSONResponse(self.shown() | {"before": said(done.before), "moments": done.moments, "ready": True})

    async def _run(self, request: Request) -> Response:
        self.clock.run()
        self.changed()
        return JSONResponse(self.shown())

    async def _settle(self, request: Request) -> Response:
        await self.winder.settle()
        return JSONResponse(self.shown() | {"ready": True})

    async def _reset(self, request: Request) -> Response:
        wish = await body(request, _Reset)
        self.snapshots.check(wish.to)
        for each in self.resettable:  # the rules first: none may keep what is under way from ending
            each.reset()
        await self.winder.alone(partial(self.snapshots.put_back, wish.to))
        if inbox := self.addresses.get("inbox"):
            await inbox_call.empty(inbox)
        self.changed()
        await self.winder.settle()
        self.changed()
        return JSONResponse(self.shown() | {"state": wish.to, "ready": True})

    async def _names(self, request: Request) -> Response:
        return JSONResponse({"snapshots": self.snapshots.names()})

    async def _take(self, request: Request) -> Response:
        wish = await body(request, _Named)
        await self.snapshots.take(wish.name)
        self.changed()
        return JSONResponse({"snapshots": self.snapshots.names()}, 201)


def moment(given: str) -> datetime:
    """Read an ISO 8601 moment; without an offset it is in UTC. Raises `Wrong`."""
    try:
        read = datetime.fromisoformat(given)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Wrong(f"{given[:40]!r} is no moment: give one such as 2026-03-01T12:00:00Z") from None


async def _not_ready(request: Request, error: Exception) -> Response:
    return refused(str(error), 504)


async def _no_database(request: Request, error: Exception) -> Response:
    return refused("the sandbox cannot reach its database: try again, it is started anew when it was killed", 503)
