"""An applicant's open page, as the board's script keeps it: an event stream, and the page read anew on each event."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import cast

_EVENT = b"event: changed"


class OpenPage(asyncio.Protocol):
    """The stream of one applicant. Times are of the monotonic clock."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self._rest = b""
        self._ready = asyncio.Event()
        self._events: list[float] = []
        #: (asked, read) of each time the page was read anew.
        self._looks: list[tuple[float, float]] = []
        self._look: _Look | None = None

    @classmethod
    async def open(cls, port: int, cookie: str) -> OpenPage:
        """Open it, and wait until the stream stands and the page has been read once."""
        loop = asyncio.get_running_loop()
        _, look = await loop.create_connection(lambda: _Look(port, cookie), "127.0.0.1", port)
        _, page = await loop.create_connection(lambda: OpenPage(port, cookie), "127.0.0.1", port)
        page._look = look
        async with asyncio.timeout(20):
            await page._ready.wait()
        return page

    def seen(self) -> dict[str, object]:
        """When events came, and when the page was read anew: asked and read."""
        assert self._look
        return {"events": self._events, "looks": self._look.looks}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(_request("/live", self._port, self._cookie, b"text/event-stream"))

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        data = self._rest + data
        count = data.count(_EVENT)
        self._rest = data[-len(_EVENT) + 1 :] if not data.endswith(_EVENT) else b""
        if not count:
            return
        assert self._look
        self._look.again()
        if self._ready.is_set():
            self._events += [now] * count
        self._ready.set()  # the first event says that the stream stands


class _Look(asyncio.Protocol):
    """The connection on which the page is read."""

    def __init__(self, port: int, cookie: str) -> None:
        self._request = _request("/my-jobs", port, cookie, b"text/html")
        self._got = b""
        self._asked = 0.0
        self._again = False
        self.looks: list[tuple[float, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by birth

    def again(self) -> None:
        """Read the page; while it is being read, once more afterwards."""
        if self._asked:
            self._again = True
            return
        self._asked = perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        at = self._got.find(b"content-length: ", 0, end)
        if end < 0 or len(self._got) < end + 4 + int(self._got[at + 16 : self._got.index(b"\r\n", at)]):
            return
        if not self._got.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the page was answered with {self._got[:12].decode(errors='replace')}")
        self.looks.append((self._asked, perf_counter()))
        self._got, self._asked = b"", 0.0
        if self._again:
            self._again = False
            self.again()


def _request(path: str, port: int, cookie: str, accept: bytes) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nAccept: "
    return head.encode() + accept + b"\r\n\r\n"
