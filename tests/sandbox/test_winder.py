"""Winding from one due moment to the next, against real tables (spec R37)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.telling.board import NOW, report
from tests.sandbox.test_clock_file import Standing
from tests.world import make_world
from unghost.jobboard.rules.plan import State
from unghost.jobboard.rules.policy import Place
from unghost.jobboard.store import telling
from unghost.jobboard.store.telling import Settled
from unghost.sandbox.clock_file import ClockFile, WoundBack
from unghost.sandbox.winder import NotReady, Winder

pytestmark = pytest.mark.anyio
LEASE, HOLD = timedelta(seconds=10), timedelta(hours=72)


class Telling:
    """A dispatcher that takes one notice after the other and notes when; `puts_off`: not at the first try."""

    def __init__(self, connection: AsyncConnection, clock: ClockFile, puts_off: timedelta | None = None) -> None:
        self.connection, self.clock, self.puts_off = connection, clock, puts_off
        self.told: list[tuple[int, timedelta]] = []

    async def run(self) -> None:
        while True:
            now = self.clock.now()
            for id, place, attempts in await telling.claim(self.connection, [Place.EMAIL], now, LEASE, 1):
                await asyncio.sleep(0.03)  # in its hands for a while: the clock must not go on meanwhile
                put_off = self.puts_off is not None and attempts == 1
                state, at = State.WAITING if put_off else State.TOLD, self.clock.now()
                again_at = at + (self.puts_off or HOLD) if put_off else None
                settled = Settled(id, Place(place), attempts, state, None, None if put_off else at, again_at, "said so")
                assert await telling.settle(self.connection, [settled])
                self.told += [] if put_off else [(id, at - NOW)]
            await asyncio.sleep(0.001)


@pytest.fixture
def clock(tmp_path: Path) -> ClockFile:
    """A clock that stands at NOW until it is wound."""
    return ClockFile(tmp_path / "clock", Standing(NOW))


async def test_each_due_moment_is_waited_for_and_none_is_passed_over(
    pool: AsyncConnectionPool, clock: ClockFile
) -> None:
    async with pool.connection() as connection, pool.connection() as other:
        world = await make_world(connection, NOW - timedelta(days=9))
        ids = [
            await report(connection, application, "APPLICATION_REJECTED", performed_at=NOW + late, now=NOW + late)
            for application, late in zip(world.applications, map(timedelta, (0, 2, 1)), strict=True)
        ]
        await connection.commit()
        await other.set_autocommit(True)
        dispatcher = Telling(other, clock)
        working = asyncio.create_task(dispatcher.run())
        wound = await Winder(clock, pool, LEASE).wind(timedelta(days=30))
        working.cancel()
    days = [timedelta(days=day) for day in (3, 4, 5)]
    assert dispatcher.told == list(zip([ids[0], ids[2], ids[1]], days, strict=True))
    assert (wound.before, wound.now, wound.moments) == (NOW, NOW + timedelta(days=30), 3)


async def test_what_is_put_off_is_tried_again_at_its_time_and_no_lease_runs_out(
    pool: AsyncConnectionPool, clock: ClockFile
) -> None:
    async with pool.connection() as connection, pool.connection() as other:
        world = await make_world(connection, NOW - timedelta(days=9))
        id = await report(connection, world.applications[0], "APPLICATION_VIEWED")
        await connection.commit()
        await other.set_autocommit(True)
        dispatcher = Telling(other, clock, puts_off=timedelta(seconds=3))
        working = asyncio.create_task(dispatcher.run())
        wound = await Winder(clock, pool, LEASE).wind(timedelta(hours=1), stop=True)
        working.cancel()
    assert dispatcher.told == [(id, timedelta(seconds=3))]
    assert (wound.moments, clock.stopped) == (1, True)


async def test_where_nobody_tells_it_says_so_and_stands_where_it_came_to(
    pool: AsyncConnectionPool, clock: ClockFile
) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - timedelta(days=9))
        await report(connection, world.applications[0], "APPLICATION_REJECTED")
        await connection.commit()
    winder = Winder(clock, pool, LEASE, patience=0.05)
    await winder.settle()
    with pytest.raises(NotReady, match=r"^1 notices are due at .* and nobody tells them: see that the dispatcher"):
        await winder.wind(timedelta(days=30))
    assert (clock.now(), clock.stopped) == (NOW + HOLD, False)


async def test_it_is_never_wound_back(pool: AsyncConnectionPool, clock: ClockFile) -> None:
    winder = Winder(clock, pool, LEASE)
    for to, said in ((NOW - LEASE, "goes forward only"), (timedelta.max, "more than a calendar has")):
        with pytest.raises(WoundBack, match=said):
            await winder.wind(to)
    assert (clock.now(), clock.stopped) == (NOW, False)
