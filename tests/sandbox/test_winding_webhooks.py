"""Winding waits for calls to webhooks as it does for mails: each at its own time, none for ever (spec R28, R37)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.webhooks.ats import Ats, Said, Sent, listening
from tests.jobboard.webhooks.board import LOOPBACK, NOW, Hands, Stand
from tests.sandbox.test_clock_file import Standing
from tests.world import SECRETS, make_world
from unghost.jobboard.settings import Settings
from unghost.jobboard.webhooks import Webhooks
from unghost.jobboard.webhooks.outward import Outward
from unghost.sandbox.clock_file import ClockFile
from unghost.sandbox.winder import Winder

pytestmark = pytest.mark.anyio
LEASE = timedelta(seconds=14)
UNSENT: Said = (503, {}, b"")


@asynccontextmanager
async def working(pool: AsyncConnectionPool, database_url: str, clock: ClockFile) -> AsyncIterator[Stand]:
    """A board whose first job has a webhook at an ATS that listens, with what calls it at work."""
    settings = Settings(database_url=database_url, secret_key=SECRETS.secret_key, lease=LEASE)
    calls = Webhooks(settings, database_url, clock, SECRETS.secret_key, Outward(networks=LOOPBACK))
    stop = asyncio.Event()
    async with pool.connection() as connection:
        await connection.set_autocommit(True)
        world = await make_world(connection, NOW)
        work = asyncio.create_task(calls.run(stop))
        try:
            yield Stand(connection, world, calls, Hands())
        finally:
            stop.set()
            await work
            await calls.close()
            await connection.set_autocommit(False)


class Noted:
    """An ATS's answers, and what the clock showed when each call came."""

    def __init__(self, ats: Ats, clock: ClockFile, refused: int) -> None:
        self.challenged: list[timedelta] = []
        self.delivered: list[timedelta] = []

        def challenged(ats: Ats, code: str) -> Said:
            self.challenged.append(clock.now() - NOW)
            return ats.proof(code)

        def answer(sent: Sent) -> Said:
            self.delivered.append(clock.now() - NOW)
            return UNSENT if len(self.delivered) <= refused else (200, {}, b"")

        ats.challenged, ats.answer = challenged, answer


def _never(ats: Ats, code: str) -> Said:
    ats.stopped.wait(30)
    return UNSENT


async def apply(stand: Stand, ats: Ats) -> int:
    await stand.register(ats.url)
    return await stand.apply()


async def test_what_an_ats_refuses_is_sent_again_at_its_time_and_its_webhook_challenged(
    pool: AsyncConnectionPool, database_url: str, tmp_path: Path
) -> None:
    clock = ClockFile(tmp_path / "clock", Standing(NOW))
    async with working(pool, database_url, clock) as stand:
        with listening(stand.world.client_secret) as ats:
            noted = Noted(ats, clock, refused=3)
            number = await apply(stand, ats)
            wound = await Winder(clock, pool, LEASE, places=()).wind(timedelta(hours=7), stop=True)
            minutes = [timedelta(seconds=passed) for passed in (0, 10, 70, 370)]
            assert noted.delivered == minutes
            assert noted.challenged == [timedelta(hours=2 * nth) for nth in range(4)]
            assert (await stand.delivery(number))[0] == "delivered"
            assert wound.moments == 6


async def test_an_ats_that_never_answers_is_waited_for_no_longer_than_a_call_lasts(
    pool: AsyncConnectionPool, database_url: str, tmp_path: Path
) -> None:
    clock = ClockFile(tmp_path / "clock", Standing(NOW))
    async with working(pool, database_url, clock) as stand:
        with listening(stand.world.client_secret) as ats:
            ats.challenged = _never
            await apply(stand, ats)
            await Winder(clock, pool, LEASE, places=()).wind(timedelta(seconds=30))
            assert clock.now() == NOW + timedelta(seconds=30)
            state, failures, again_at, detail = await stand.webhook()
            assert (state, failures, again_at) == ("unverified", 1, NOW + timedelta(minutes=1))
            assert detail == "127.0.0.1 did not answer within 3 s"
