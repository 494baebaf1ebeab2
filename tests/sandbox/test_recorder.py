"""The journal around a board: what it keeps, and when (spec R37)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from psycopg_pool import AsyncConnectionPool
from starlette.types import Message, Receive, Scope, Send

from unghost.clock import SystemClock
from unghost.sandbox import rules
from unghost.sandbox.faults import Faults
from unghost.sandbox.journal import Journal, Wanted
from unghost.sandbox.recorder import Recorder, Strictness

pytestmark = pytest.mark.anyio


async def board(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": []})
    for part in (b"st", b"or"):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"ed"})


@pytest.mark.parametrize("what", [None, {"status": 503}, {"drip": "1ms"}, {"latency": "1ms"}])
async def test_who_has_the_whole_answer_finds_it_in_the_journal(
    what: dict[str, object] | None, pool: AsyncConnectionPool, tmp_path: Path
) -> None:
    journal, clock = Journal(tmp_path / "journal"), SystemClock()
    faults = Faults(tmp_path / "faults.json", pool, clock)
    if what:
        faults.add(rules.read(msgspec.json.encode({"name": "odd", "when": {}, "what": what})))
    found: list[list[tuple[int, str, str | None]]] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Message) -> None:
        if message.get("body"):  # who counts bytes has all of them with the last
            found.append([(one.status, one.answer, one.fault) for one in journal.newest_first(Wanted())])

    path = "/v2/jobApplicationLifecycleActions"
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await Recorder(board, journal, clock, faults, Strictness(tmp_path / "strictness"))(scope, receive, send)
    [(status, answer, fault)] = found[-1]
    assert (status, fault) == (503 if what == {"status": 503} else 201, "odd" if what else None)
    assert answer == "stored" or "answers so" in answer
    assert len(list(journal.newest_first(Wanted()))) == 1
