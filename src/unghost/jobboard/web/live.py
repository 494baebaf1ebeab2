"""Wakes open pages: one LISTEN connection per process, one event stream per open page (spec R22).

An event says "look again" and nothing else: the page reads its rows anew, so nothing held can leak through here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store.accepting import LIVE
from unghost.jobboard.web.sign_in import signed_in
from unghost.postgres.listen import listen

if TYPE_CHECKING:
    from unghost.jobboard.web.services import Services  # which imports web/live, and so this module

#: Open pages of one applicant; the oldest stream ends when another one comes.
STREAMS_PER_APPLICANT = 10
#: Seconds between heartbeats, so that proxies keep a stream open and a dead reader is noticed.
HEARTBEAT = 15


class Stream:
    """One open page that wants to know when to look again. A context: on leaving, it is forgotten."""

    def __init__(self, hub: LiveHub, applicant: int) -> None:
        self._hub, self._applicant = hub, applicant
        self._stirred = asyncio.Event()
        self.ended = False
        #: Ended because the applicant has too many open pages: this one should not come back by itself.
        self.superseded = False

    async def changed(self) -> bool:
        """Wait for the next change. False: the stream has ended. Changes that come together are one."""
        await self._stirred.wait()
        self._stirred.clear()
        return not self.ended

    def wake(self) -> None:
        """Say that something changed."""
        self._stirred.set()

    def end(self, *, superseded: bool = False) -> None:
        """End the stream."""
        self.ended, self.superseded = True, superseded
        self._stirred.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hub.forget(self._applicant, self)


class LiveHub:
    """Passes the database's notifications on to the open pages of this process.

    `database_url`: the hub keeps a connection of its own. It survives the loss of the database: once it listens again
    it wakes every page, for something may have been missed.
    """

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._streams: dict[int, deque[Stream]] = {}
        self._listener: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Begin to listen, in the background: a database that is away does not keep the process from starting."""
        self._stopped = False
        hearing = listen(self._database_url, {LIVE: self.wake}, self.wake_everyone)
        self._listener = asyncio.create_task(hearing, name="live")

    async def stop(self) -> None:
        """End all streams at once and stop listening. May be called more than once."""
        self._stopped = True
        for stream in [stream for streams in self._streams.values() for stream in streams]:
            stream.end()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    def subscribe(self, applicant: int) -> Stream:
        """A stream for one open page of an applicant: use it as a context."""
        stream = Stream(self, applicant)
        if self._stopped:
            stream.end()
            return stream
        streams = self._streams.setdefault(applicant, deque())
        streams.append(stream)
        if len(streams) > STREAMS_PER_APPLICANT:
            streams.popleft().end(superseded=True)
        return stream

    def forget(self, applicant: int, stream: Stream) -> None:
        """Drop a stream that nobody reads any more."""
        streams = self._streams.get(applicant)
        if streams is not None and stream in streams:
            streams.remove(stream)
            if not streams:
                del self._streams[applicant]

    def wake(self, payload: str) -> None:
        """Wake the pages of the applicants in a notification's payload: their ids, by commas."""
        for part in payload.split(","):
            if part.isascii() and part.isdigit() and len(part) < 20:
                for stream in self._streams.get(int(part), ()):
                    stream.wake()

    def wake_everyone(self) -> None:
        """Wake all pages: something may have been missed."""
        for streams in self._streams.values():
            for stream in streams:
                stream.wake()


async def _live(request: Request) -> Response:
    services: Services = request.app.state.services
    applicant = signed_in(request)
    if applicant is None:
        return Response(status_code=204)  # tells the browser not to come back
    return stream(services, applicant)


def stream(services: Services, applicant: int, seconds: float | None = None) -> Response:
    """An answer that says each time when this applicant's pages should look again.

    It ends after `seconds`; None: when its reader or the server does.
    """
    closing = anyio.Event()  # set when the server is told to stop

    async def events() -> AsyncIterator[ServerSentEvent]:
        with services.live.subscribe(applicant) as stream:
            ending = asyncio.create_task(_end_with(closing, stream, seconds))
            try:
                # The page was read before the stream stood: let it look once.
                yield ServerSentEvent(event="changed", data="1", retry=1000)
                while await stream.changed():
                    yield ServerSentEvent(event="changed", data="1")
            finally:
                ending.cancel()
            if stream.superseded:
                yield ServerSentEvent(event="superseded", data="1")

    return EventSourceResponse(
        events(),
        ping=HEARTBEAT,
        headers={"x-content-type-options": "nosniff"},
        shutdown_event=closing,
        shutdown_grace_period=1,
    )


async def _end_with(closing: anyio.Event, stream: Stream, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), seconds)
    stream.end()


def routes(services: Services) -> list[BaseRoute]:
    """The event stream of the applicant who is signed in."""
    return [Route("/live", _live, methods=["GET"])]
