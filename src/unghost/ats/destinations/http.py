"""HTTP to one address: kept connections, one call at a time on each, hand-written for the rate (see the decision page).

Behind a proxy that the environment names, httpx2 does it instead. Must know nothing of what is sent.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools

from unghost.ats.destinations.verdict import Answer
from unghost.clock import SystemClock

#: More of an answer than this is not taken.
_MOST_BYTES = 16 * 1024 * 1024


class NoAnswer(Exception):
    """No whole answer came. `sent`: the other side may have acted on the call."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Way(Protocol):
    """A way to one address."""

    async def call(self, method: str, path: str, headers: str, body: bytes = b"") -> Answer:
        """Send one request, whose header lines each end with CRLF. Raises `NoAnswer`."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


def open_way(url: str, connections: int, timeout: timedelta) -> Way:
    """The way to the scheme, host and port of this address."""
    parts = urlsplit(url)
    host = str(parts.hostname)
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return Proxied(f"{parts.scheme}://{parts.netloc}", connections, timeout)
    return Lines(host, parts.port, connections, timeout, tls=parts.scheme == "https")


class Lines:
    """Connections to one host, opened as they are needed and kept."""

    def __init__(self, host: str, port: int | None, connections: int, timeout: timedelta, *, tls: bool) -> None:
        self._host, self._port = host, port or (443 if tls else 80)
        written = f"[{host}]" if ":" in host else host
        self._head = f"Host: {written}{f':{port}' if port else ''}\r\n"
        self._tls = ssl.create_default_context() if tls else None
        self._timeout = timeout.total_seconds()
        self._free = asyncio.Semaphore(connections)
        self._idle: deque[_Line] = deque()

    async def call(self, method: str, path: str, headers: str, body: bytes = b"") -> Answer:
        """Send one request. One whose kept connection was just being closed is sent once more, on a new one."""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{headers}Content-Length: {len(body)}\r\n\r\n"
        data = head.encode("latin-1") + body
        async with self._free:
            try:
                async with asyncio.timeout(self._timeout):
                    if (line := self._kept()) is not None:
                        with suppress(_Stale):
                            return await line.call(data, method)
                    return await (await self._open()).call(data, method)
            except TimeoutError:
                raise NoAnswer(f"{self._host} did not answer within {self._timeout:g} s", sent=True) from None
            except _Stale:
                raise NoAnswer(f"{self._host} closed the connection without an answer", sent=True) from None

    async def close(self) -> None:
        """Close every connection that is kept."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.usable:
                return line
        return None

    async def _open(self) -> _Line:
        try:
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: _Line(self._idle.append), self._host, self._port, ssl=self._tls
            )
        except (OSError, UnicodeError) as error:  # ssl.SSLError is an OSError
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NoAnswer(f"{self._host} cannot be reached ({said})", sent=False) from None
        return line


class _Stale(Exception):
    """The connection ended before a byte of the answer came."""


class _Line(asyncio.Protocol):
    """One connection. httptools calls the methods that begin with `on_`."""

    def __init__(self, keep: Callable[[_Line], None]) -> None:
        self._keep = keep
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None
        self.usable = False

    async def call(self, data: bytes, method: str) -> Answer:
        """Send, and wait for the answer. Raises `_Stale` or `NoAnswer`."""
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._begun = self._headed = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            answer = await self._answer
        except BaseException:
            self.close()
            raise
        if self.usable and self._parser.should_keep_alive():
            self._keep(self)
        else:
            self.close()
        return answer

    def close(self) -> None:
        """Drop the connection."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by birth
        self.usable = True

    def data_received(self, data: bytes) -> None:
        self._begun = True
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(NoAnswer("the answer is not HTTP", sent=True))

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        if self._answer is None or self._answer.done():
            return
        if not self._begun:
            self._fail(_Stale())
        elif self._headed and "content-length" not in self._headers and "transfer-encoding" not in self._headers:
            self.on_message_complete()  # the end of the connection is the end of the body
        else:
            self._fail(NoAnswer("the connection ended in the middle of the answer", sent=True))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headed = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > _MOST_BYTES:
            self._fail(NoAnswer("the answer is too large", sent=True))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue: the answer comes yet
            self._headers.clear()
        elif self._answer is not None and not self._answer.done():
            if "date" not in self._headers:  # RFC 9110 6.6.1: when it was received
                self._headers["date"] = format_datetime(SystemClock().now(), usegmt=True)
            self._answer.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class Proxied:
    """The way through the proxy that HTTPS_PROXY or HTTP_PROXY names."""

    def __init__(self, origin: str, connections: int, timeout: timedelta) -> None:
        import httpx2

        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx2.AsyncClient(base_url=origin, limits=limits, timeout=timeout.total_seconds())

    async def call(self, method: str, path: str, headers: str, body: bytes = b"") -> Answer:
        """Send one request."""
        import httpx2

        pairs = [tuple(line.split(": ", 1)) for line in headers.split("\r\n") if line]
        try:
            answer = await self._client.request(method, path, content=body, headers=pairs)  # type: ignore[arg-type]
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise NoAnswer(f"the proxy's way is closed ({type(error).__name__})", sent=False) from None
        except httpx2.HTTPError as error:
            raise NoAnswer(f"no answer by way of the proxy ({type(error).__name__})", sent=True) from None
        return Answer(answer.status_code, {n.lower(): v for n, v in answer.headers.items()}, answer.content)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()
