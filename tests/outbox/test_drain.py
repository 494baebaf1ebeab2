"""The step and the loop, over rows that need no database: what is claimed, attempted, settled, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from unghost.outbox import Done, Drain, GiveUp, Outcome, Settlement, TryLater

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Noon:
    """A clock that stands still."""

    def now(self) -> datetime:
        """Nine o'clock."""
        return NOW


@dataclass(frozen=True)
class Row:
    """A claimed row."""

    name: int
    attempts: int = 1


@dataclass
class Rows:
    """Rows that are due, and how they were settled. `broken`: calls that fail before one succeeds."""

    due: list[Row]
    settled: list[Settlement[Row]] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    broken_claims: int = 0
    broken_settles: int = 0
    poison: int | None = None
    until: int = 0
    all_settled: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.until = self.until or len(self.due)

    async def claim(self, now: datetime, limit: int) -> Sequence[Row]:
        """Take from the front."""
        self.asked.append(limit)
        await asyncio.sleep(0)
        if self.broken_claims:
            self.broken_claims -= 1
            raise ConnectionError
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def settle(self, settlements: Sequence[Settlement[Row]]) -> None:
        """Keep them."""
        await asyncio.sleep(0)
        if self.broken_settles:
            self.broken_settles -= 1
            raise ConnectionError
        if any(s.item.name == self.poison for s in settlements):
            raise ValueError("this one cannot be stored")
        self.commits.append(len(settlements))
        self.settled.extend(settlements)
        if len(self.settled) >= self.until:
            self.all_settled.set()


def drain(
    rows: Rows, attempt: Callable[[Row], Outcome] = lambda row: Done(), *, slots: int = 4, lease: float = 30
) -> Drain[Row]:
    """A drain whose attempts give an outcome at once."""

    async def at_once(row: Row) -> Outcome:
        return attempt(row)

    return Drain(
        claims=rows,
        attempt=at_once,
        clock=Noon(),
        slots=slots,
        lease=timedelta(seconds=lease),
        chance=lambda: 1.0,
    )


async def run_until_settled(worker: Drain[Row], rows: Rows) -> None:
    """Run the loop until every row is settled, then stop it."""
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        async with asyncio.timeout(60):
            await rows.all_settled.wait()
    finally:
        stop.set()
        await running


async def test_a_step_settles_all_it_claimed_together() -> None:
    rows = Rows([Row(n) for n in range(6)])
    assert await drain(rows).step(NOW) == 4
    assert (rows.asked, rows.commits) == ([4], [4])
    assert await drain(rows).step(NOW) == 2
    assert await drain(rows).step(NOW) == 0


async def test_what_is_tried_later_says_when() -> None:
    rows = Rows([Row(0, attempts=2), Row(1), Row(2), Row(3)])
    outcomes: list[Outcome] = [
        TryLater(None, "by the backoff"),
        TryLater(timedelta(minutes=7), "as they ask"),
        TryLater(None, "nobody can pass", way_closed=True),
        GiveUp("never"),
    ]
    await drain(rows, lambda row: outcomes[row.name]).step(NOW)
    assert [s.again_at for s in rows.settled] == [
        NOW + timedelta(seconds=20),
        NOW + timedelta(minutes=7),
        NOW,
        None,
    ]


async def test_the_loop_claims_no_more_than_it_can_begin_at_once() -> None:
    rows = Rows([Row(n) for n in range(100)])
    under_way, most = 0, 0

    async def attempt(row: Row) -> Outcome:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return Done()

    worker = drain(rows)
    worker.attempt = attempt
    await run_until_settled(worker, rows)
    assert sorted(s.item.name for s in rows.settled) == list(range(100))
    assert most <= 4
    assert max(rows.asked) <= 4


async def test_a_slow_commit_leaves_at_most_twice_the_slots_done_and_unsettled() -> None:
    rows, begun, committed = Rows([Row(n) for n in range(100)]), list[int](), asyncio.Event()
    settle = rows.settle

    async def settle_slowly(settlements: Sequence[Settlement[Row]]) -> None:
        await committed.wait()
        await settle(settlements)

    def attempt(row: Row) -> Outcome:
        begun.append(row.name)
        return Done()

    rows.settle = settle_slowly  # type: ignore[method-assign]
    running = asyncio.create_task(run_until_settled(drain(rows, attempt), rows))
    async with asyncio.timeout(60):
        while len(begun) < 8:  # noqa: ASYNC110  (the loop says to nobody what it has begun)
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert begun == list(range(8))
    committed.set()
    await running
    assert sorted(s.item.name for s in rows.settled) == list(range(100))


async def test_an_attempt_that_raises_is_tried_later_and_says_only_its_kind() -> None:
    rows = Rows([Row(0)])

    def fail(row: Row) -> Outcome:
        raise RuntimeError("ada@applicant.example")

    await drain(rows, fail).step(NOW)
    assert rows.settled[0].outcome == TryLater(None, "the attempt failed: RuntimeError")


async def test_an_attempt_is_ended_before_its_lease() -> None:
    rows = Rows([Row(0)])

    async def hang(row: Row) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    worker = drain(rows, lease=0.2)
    worker.attempt = hang
    async with asyncio.timeout(10):
        await worker.step(NOW)
    assert isinstance(rows.settled[0].outcome, TryLater)


async def test_rows_claimed_while_stopping_are_given_back_unbegun() -> None:
    rows = Rows([Row(n) for n in range(4)])
    stop = asyncio.Event()
    begun: list[Row] = []

    def begin(row: Row) -> Outcome:
        begun.append(row)
        return Done()

    worker = drain(rows, begin)
    claim = rows.claim

    async def claim_and_stop(now: datetime, limit: int) -> Sequence[Row]:
        stop.set()
        return await claim(now, limit)

    rows.claim = claim_and_stop  # type: ignore[method-assign]
    await worker.run(stop)
    assert begun == []
    assert [s.again_at for s in rows.settled] == [NOW] * 4


async def test_ended_attempts_outlast_an_absence_of_the_database() -> None:
    rows = Rows([Row(n) for n in range(8)], broken_settles=3)
    await run_until_settled(drain(rows), rows)
    assert sorted(s.item.name for s in rows.settled) == list(range(8))


async def test_claims_outlast_an_absence_of_the_database() -> None:
    rows = Rows([Row(n) for n in range(8)], broken_claims=2)
    await run_until_settled(drain(rows), rows)
    assert len(rows.settled) == 8
    assert 0 in rows.asked, "once it is back what was done before is settled first"


async def test_a_settlement_that_cannot_be_stored_holds_up_no_other() -> None:
    rows = Rows([Row(n) for n in range(8)], poison=2, until=7)
    worker = drain(rows, lease=0.5)
    await run_until_settled(worker, rows)
    assert sorted(s.item.name for s in rows.settled) == [0, 1, 3, 4, 5, 6, 7]


async def test_after_a_closed_way_one_row_probes_before_the_others_follow() -> None:
    rows = Rows([Row(n) for n in range(12)])
    closed = True
    tried: list[int] = []

    def attempt(row: Row) -> Outcome:
        nonlocal closed
        tried.append(row.name)
        if closed and len(tried) == 5:
            closed = False
        return TryLater(None, "closed", way_closed=True) if closed else Done()

    await run_until_settled(drain(rows, attempt), rows)
    assert rows.asked[0] == 4
    assert 1 in rows.asked[1:]
    assert sum(isinstance(s.outcome, Done) for s in rows.settled) >= 8
