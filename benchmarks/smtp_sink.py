"""A mail server that takes everything at the least cost: `python -m benchmarks.smtp_sink --file F --expect N`.

Prints its port. Ends when N mails have come or on SIGTERM, and writes (number of the action, when accepted) of each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
from pathlib import Path
from time import perf_counter
from typing import cast

import uvloop

_NUMBER = re.compile(rb"^Message-ID:\s*<notice-(\d+)-email", re.IGNORECASE | re.MULTILINE)
_ANSWERS = {b"EHLO": b"250-sink\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class Sink:
    """What has come."""

    def __init__(self, expect: int) -> None:
        self.mails: list[tuple[int, float]] = []
        self._expect = expect
        self.over = asyncio.Event()

    def take(self, content: bytes) -> None:
        """Note one mail."""
        found = _NUMBER.search(content)
        self.mails.append((int(found[1]) if found else 0, perf_counter()))
        if len(self.mails) == self._expect:
            self.over.set()


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._got = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by birth
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._got += data
        while True:
            content, end, rest = self._got.partition(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if not end:
                return
            self._got = rest
            if self._in_data:
                self._in_data = False
                self._sink.take(content)
                self._transport.write(b"250 OK\r\n")
                continue
            verb = content[:4].upper()
            self._in_data = verb == b"DATA"
            self._transport.write(_ANSWERS.get(verb, b"250 OK\r\n"))
            if verb == b"QUIT":
                self._transport.close()


async def _serve(expect: int) -> list[tuple[int, float]]:
    sink, loop = Sink(expect), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, sink.over.set)
    server = await loop.create_server(lambda: Session(sink), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await sink.over.wait()
    return sink.mails


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--expect", type=int, default=0)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        given.file.write_text(json.dumps(runner.run(_serve(given.expect))), encoding="ascii")
