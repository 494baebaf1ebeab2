"""The load generator, a process of its own: `python -m benchmarks.load` reads an Order and writes what it measured.

Hand-written HTTP on uvloop, because it runs on the processors of what it measures. Closed loop: each connection
sends as soon as it is answered. Open loop: at a fixed rate, latency counted from the moment a report was meant to go.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from array import array
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import msgspec
import uvloop

from benchmarks import processor
from benchmarks.open_pages import OpenPage
from benchmarks.reports import Reports

#: Seconds that the last answers may take.
_PATIENCE = 20.0
_PATH = "/v2/jobApplicationLifecycleActions"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to send. `rate` in reports a second, None: closed loop. `batch`: reports in one request.

    `groups`: roots of the process trees whose processor time is wanted. `cookies`: of applicants with an open page.
    `records`: the folder for what was acknowledged, when, and what pages saw.
    """

    port: int
    token: str
    organization: int
    reports: Reports
    records: str
    connections: int
    seconds: float
    warm_up: float = 1.0
    rate: float | None = None
    batch: int = 1
    groups: dict[str, list[int]] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)

    def json(self) -> str:
        """As it is given to the process."""
        return json.dumps(asdict(self))

    @staticmethod
    def read(text: str) -> Order:
        """What `json` wrote."""
        given = json.loads(text)
        return Order(**given | {"reports": Reports(**given["reports"])})


class Line(asyncio.Protocol):
    """One kept connection: one request under way at most."""

    transport: asyncio.Transport

    def __init__(self, load: Load) -> None:
        self._load = load
        self._got = b""
        self.first = 0
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by birth

    def data_received(self, data: bytes) -> None:
        if self._got:
            data = self._got + data
        end = data.find(b"\r\n\r\n")
        at = data.find(b"content-length: ", 0, end)
        if end < 0 or len(data) < end + 4 + int(data[at + 16 : data.index(b"\r\n", at)]):
            self._got = data
            return
        self._got = b""
        self._load.answered(self, data, end)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost(self)


class Load:
    """One run of an order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._reports = order.reports
        method = "batch_create" if order.batch > 1 else "create"
        head = (
            f"POST {_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\nUser-Agent: unghost-benchmarks\r\n"
            f"Authorization: Bearer {order.token}\r\nContent-Type: application/json\r\n"
            f"X-RestLi-Protocol-Version: 2.0.0\r\nX-RestLi-Method: {method}\r\nContent-Length: "
        )
        self._head = head.encode()
        self._nth = 0
        self._open = 0
        self._until = 0.0
        self._lines: list[Line] = []
        self._idle: deque[Line] = deque()
        self._late: deque[tuple[int, float]] = deque()
        self._over = asyncio.Event()
        #: (number of the first report, ids, sent, answered), one for each request that was acknowledged.
        self.acknowledged: list[tuple[int, list[int], float, float]] = []
        self.refused: Counter[str] = Counter()

    async def run(self) -> dict[str, Any]:
        """Send, and wait for the last answers."""
        order, loop = self._order, asyncio.get_running_loop()
        pages = [await OpenPage.open(order.port, cookie) for cookie in order.cookies]
        for _ in range(order.connections):
            _, line = await loop.create_connection(lambda: Line(self), "127.0.0.1", order.port)
            self._lines.append(line)
        gc.collect()
        gc.disable()
        began = perf_counter()
        self._until = began + order.warm_up + order.seconds
        sending = asyncio.create_task(self._by_rate(began)) if order.rate else None
        if not sending:
            for line in self._lines:
                self._next(line)
        await asyncio.sleep(order.warm_up)
        groups = order.groups | {"load": [os.getpid()]}
        first = processor.moment(groups)
        await asyncio.sleep(max(0.0, self._until - perf_counter()))
        last = processor.moment(groups)
        if sending:
            await sending
        if self._open or self._late:
            async with asyncio.timeout(_PATIENCE):
                await self._over.wait()
        if pages:
            await asyncio.sleep(1.0)  # what is on its way to the pages
        measured = self._measured(first, last, began)
        self._keep(pages)
        return measured

    def _measured(self, first: processor.Moment, last: processor.Moment, began: float) -> dict[str, Any]:
        done = [each for each in self.acknowledged if first.at <= each[3] < last.at]
        # A run that came to the end of its reports is measured until then.
        ended = min(last.at, max((each[3] for each in self.acknowledged), default=last.at))
        count = sum(len(ids) for _, ids, _, _ in done)
        # Open loop: the reports meant to go in the window, so that a slow answer is not left out.
        latencies = sorted(answered - sent for _, _, sent, answered in self.acknowledged if first.at <= sent < last.at)
        return {
            "reports/s": count / (ended - first.at),
            "p50 ms": 1000 * share(latencies, 0.5),
            "p99 ms": 1000 * share(latencies, 0.99),
            "worst ms": 1000 * (latencies[-1] if latencies else 0.0),
            **processor.between(first, last, count),
            "acknowledged": sum(len(ids) for _, ids, _, _ in self.acknowledged),
            "refused": sum(self.refused.values()),
            "refusals": dict(self.refused),
            "ran out": self._nth + self._order.batch > self._reports.count,
        }

    def _keep(self, pages: list[OpenPage]) -> None:
        """Write what was acknowledged, as columns: number, id, sent, answered."""
        rows = [(n, i, s, d) for first, ids, s, d in self.acknowledged for n, i in enumerate(ids, first)]
        folder = Path(self._order.records)
        for name, kind, nth in (("number", "q", 0), ("id", "q", 1), ("sent", "d", 2), ("answered", "d", 3)):
            with (folder / name).open("wb") as file:
                array(kind, [row[nth] for row in rows]).tofile(file)
        (folder / "pages").write_text(json.dumps([page.seen() for page in pages]), encoding="ascii")

    async def _by_rate(self, began: float) -> None:
        assert self._order.rate
        self._idle.extend(self._lines)
        nth, apart = 0, self._order.batch / self._order.rate
        while (now := perf_counter()) < self._until:
            while (meant := began + nth * apart) <= now and (first := self._take()) is not None:
                nth += 1
                self._open += 1
                if self._idle:
                    self._send(self._idle.popleft(), first, meant)
                else:
                    self._late.append((first, meant))
            if meant <= now:
                break  # no reports are left
            await asyncio.sleep(0.001)

    def _take(self) -> int | None:
        first = self._nth
        if first + self._order.batch > self._reports.count:
            return None
        self._nth += self._order.batch
        return first

    def _next(self, line: Line) -> None:
        """Closed loop: send the next at once."""
        now = perf_counter()
        first = self._take() if now < self._until else None
        if first is not None:
            self._open += 1
            self._send(line, first, now)

    def _send(self, line: Line, first: int, meant: float) -> None:
        order = self._order
        if order.batch == 1:
            body = self._reports.body(first, order.organization)
        else:
            numbers = range(first, first + order.batch)
            body = f'{{"elements":[{",".join([self._reports.body(n, order.organization) for n in numbers])}]}}'
        line.first, line.sent = first, meant
        line.transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body.encode()))

    def answered(self, line: Line, data: bytes, end: int) -> None:
        """A whole answer has come."""
        self._open -= 1
        if data.startswith(b"HTTP/1.1 201"):
            at = data.find(b"x-restli-id: ") + 13
            self.acknowledged.append((line.first, [int(data[at : data.index(b"\r\n", at)])], line.sent, perf_counter()))
        elif data.startswith(b"HTTP/1.1 200"):
            ids = [int(each["id"]) if each["status"] == 201 else 0 for each in _elements(data[end + 4 :])]
            if all(ids):
                self.acknowledged.append((line.first, ids, line.sent, perf_counter()))
            else:
                self.refused["elements"] += ids.count(0)
        else:
            self.refused[data[9:12].decode()] += 1
        if self._order.rate is None:
            self._next(line)
        elif self._late:
            self._send(line, *self._late.popleft())
        else:
            self._idle.append(line)
        if not self._open:
            self._over.set()

    def lost(self, line: Line) -> None:
        """A connection was closed under us."""
        self.refused["connection lost"] += 1


def _elements(body: bytes) -> Iterable[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(body)["elements"]
    return found


def share(ordered: list[float], part: float) -> float:
    """The value below which this part of them lies."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(Load(Order.read(sys.stdin.read())).run()), sys.stdout)
