"""One request to a partner's URL, to exactly the address that was judged (spec R28, SSRF).

The name is resolved once and every address judged; the connection goes to a judged address, so no later answer of a
name server counts. Redirects are not followed, proxies of the environment not used, long answers not read to the end.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import h11

from unghost.jobboard.rules.reach import Forbidden, Network, Target, objection, target

#: What is read of an answer, in bytes.
_LARGEST = 65536
#: How many addresses of a name are tried.
_ADDRESSES = 4


class NoAnswer(Exception):
    """There was no answer. The message says why, for operators; it holds no more than the URL's host."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body`: its first 64 KiB."""

    status: int
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Outward:
    """Asks partners. `networks`: allowed in spite of being private."""

    networks: Sequence[Network] = ()
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    async def ask(
        self, method: str, url: str, *, within: timedelta, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send a request and give its answer, whatever the status. Raises `Forbidden` or `NoAnswer`."""
        found = target(url, self.networks)
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self._ask(method, found, dict(headers or {}), body, within)
        except TimeoutError:
            raise NoAnswer(f"{found.host} did not answer within {within.total_seconds():g} s") from None
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", None) or error.reason or type(error).__name__
            raise NoAnswer(f"no TLS with {found.host}: {why}") from None
        except OSError as error:
            raise NoAnswer(f"no connection to {found.host}: {error.strerror or type(error).__name__}") from None
        except h11.RemoteProtocolError:
            raise NoAnswer(f"{found.host} does not speak HTTP, or stopped in the middle") from None

    async def _ask(self, method: str, found: Target, headers: dict[str, str], body: bytes, within: timedelta) -> Answer:
        reader, writer = await self._connect(found, await self._resolve(found), within)
        try:
            line = h11.Connection(h11.CLIENT)
            sent = {"Host": found.authority, "User-Agent": "unghost", "Accept": "application/json", **headers}
            sent |= {"Content-Length": str(len(body)), "Connection": "close"} if body else {"Connection": "close"}
            request = h11.Request(method=method, target=found.path, headers=list(sent.items()))
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                writer.write(line.send(event) or b"")
            await writer.drain()
            return await _answer(line, reader)
        finally:
            writer.transport.abort()

    async def _resolve(self, found: Target) -> list[str]:
        """The addresses of the target, each judged; one that is forbidden forbids them all."""
        try:
            resolved = await asyncio.get_running_loop().getaddrinfo(found.host, found.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise NoAnswer(f"{found.host} has no address") from None
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in resolved))
        for address in addresses:
            if wrong := objection(found, address, self.networks):
                raise Forbidden(wrong)
        return addresses[:_ADDRESSES]

    async def _connect(
        self, found: Target, addresses: Sequence[str], within: timedelta
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that takes one; each has its part of the time."""
        part = within.total_seconds() / len(addresses) if len(addresses) > 1 else None
        secure = found.scheme == "https"
        failed: OSError | None = None
        for address in addresses:
            try:
                async with asyncio.timeout(part):
                    return await asyncio.open_connection(
                        address,
                        found.port,
                        flags=socket.AI_NUMERICHOST,
                        ssl=self.tls if secure else None,
                        server_hostname=found.host if secure else None,
                    )
            except OSError as error:  # TimeoutError is one
                failed = error
        raise failed or NoAnswer(f"{found.host} has no address")


async def _answer(line: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    status, body = 0, bytearray()
    while True:
        event = line.next_event()
        if event is h11.NEED_DATA:
            line.receive_data(await reader.read(_LARGEST))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) >= _LARGEST:
                return Answer(status, bytes(body[:_LARGEST]))
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            return Answer(status, bytes(body))
