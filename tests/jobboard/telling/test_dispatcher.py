"""The dispatcher's process: woken, stopped, and left alone by database and mail server (spec R9, R40)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.telling.board import report, row, settings_for
from tests.jobboard.telling.post import Gate, Post, posting
from tests.world import make_world
from unghost.clock import SystemClock
from unghost.jobboard import dispatcher
from unghost.jobboard.rules.policy import REJECTED, VIEWED
from unghost.jobboard.settings import Settings, SettingsError
from unghost.postgres import Embedded, migrate, open_pool

pytestmark = pytest.mark.anyio
CLOCK = SystemClock()


@asynccontextmanager
async def _dispatching(settings: Settings) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    running = asyncio.create_task(dispatcher.run(settings, CLOCK, stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await running


async def _arrived(post: Post, count: int) -> None:
    """Wait until the server has so many mails."""
    there = threading.Event()
    previous = post.at

    def look(step: str, client: str) -> None:
        previous(step, client)
        if len(post.accepted) >= count:
            there.set()

    post.at = look
    if len(post.accepted) < count:
        assert await asyncio.to_thread(there.wait, 60)


async def _settled(pool: AsyncConnectionPool, action_id: int, is_so: Callable[[tuple[object, ...]], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            async with pool.connection() as connection:
                if is_so(await row(connection, action_id)):
                    return
            await asyncio.sleep(0.05)


async def _one(pool: AsyncConnectionPool, action: str = VIEWED) -> int:
    now = CLOCK.now()
    async with pool.connection() as connection:
        world = await make_world(connection, now)
        return await report(connection, world.applications[0], action, performed_at=now, now=now)


async def test_a_waiting_dispatcher_is_woken_by_a_report(database_url: str, pool: AsyncConnectionPool) -> None:
    with posting() as post:
        async with _dispatching(settings_for(database_url, post)):
            await _one(pool)
            await _arrived(post, 1)


async def test_stopping_ends_the_attempt_under_way_and_settles_it(database_url: str, pool: AsyncConnectionPool) -> None:
    action_id = await _one(pool)
    with posting() as post:
        gate = Gate()
        post.at = lambda step, client: gate.wait() if step == "after the dot" else None
        async with _dispatching(settings_for(database_url, post)) as stop:
            assert await asyncio.to_thread(gate.reached.wait, 60)
            stop.set()
            gate.open.set()
        async with pool.connection() as connection:
            assert (await row(connection, action_id))[0] == "told"


async def test_an_attempt_ends_before_its_lease_does(database_url: str, pool: AsyncConnectionPool) -> None:
    """So that no second dispatcher can be sending the same mail."""
    action_id = await _one(pool)
    with posting() as post:
        gate = Gate()
        post.at = lambda step, client: gate.wait() if step == "RCPT" else None
        async with _dispatching(settings_for(database_url, post, lease=timedelta(seconds=1))):
            assert await asyncio.to_thread(gate.reached.wait, 60)
            await _settled(pool, action_id, lambda r: r[0] == "waiting" and "lease" in str(r[2]))
            assert post.accepted == []
            gate.open.set()


async def test_without_a_mail_server_mails_wait(database_url: str, pool: AsyncConnectionPool) -> None:
    action_id = await _one(pool)
    async with _dispatching(settings_for(database_url, None)), pool.connection() as connection:
        await asyncio.sleep(1)
        assert await row(connection, action_id) == ("waiting", None, None)


async def test_a_database_that_goes_away_and_comes_back_is_outlasted(tmp_path: Path) -> None:
    """A mail that was accepted while it was away is settled when it is back, before anything is claimed (spec R9)."""
    server = Embedded(tmp_path / "data")
    url = server.start()
    try:
        migrate(url)
        async with await open_pool(url) as pool:
            action_id = await _one(pool)
        with posting() as post:
            gate = Gate()
            post.at = lambda step, client: gate.wait() if step == "after the dot" else None
            lease = timedelta(seconds=6)  # longer than a busy machine takes to stop the server
            async with _dispatching(settings_for(url, post, lease=lease)):
                assert await asyncio.to_thread(gate.reached.wait, 60)
                await asyncio.to_thread(server.stop)
                gate.open.set()
                await asyncio.sleep(6.5)  # longer than the lease: whoever comes first when it is back has the mail
                assert await asyncio.to_thread(server.start) == url
                async with await open_pool(url) as pool:
                    await _settled(pool, action_id, lambda r: r[0] == "told")
                    async with pool.connection() as connection:
                        now = CLOCK.now()
                        cursor = await connection.execute("SELECT max(number) FROM jobboard.application")
                        found = await cursor.fetchone()
                        assert found is not None
                        await report(connection, found[0], VIEWED, performed_at=now, now=now)
                    await _arrived(post, 2)
            assert sorted(post.copies().values()) == [1, 1]
    finally:
        server.stop()


async def test_a_held_rejection_is_left_alone(database_url: str, pool: AsyncConnectionPool) -> None:
    """spec R16"""
    action_id = await _one(pool, REJECTED)
    with posting() as post:
        async with _dispatching(settings_for(database_url, post)), pool.connection() as connection:
            await asyncio.sleep(1)
            assert await row(connection, action_id) == ("waiting", None, None)
        assert post.connections == 0


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ({"database_url": None}, "UNGHOST_DATABASE_URL"),
        ({"mail_from": "nobody"}, "UNGHOST_MAIL_FROM"),
        ({"mail_from": "Jörg <jörg@board.example>"}, "UNGHOST_MAIL_FROM"),
        ({"dkim_key": "no key"}, "UNGHOST_DKIM_KEY"),
    ],
)
async def test_an_unusable_setting_is_one_sentence(own: dict[str, Any], named: str) -> None:
    given: dict[str, Any] = {"database_url": "postgresql://localhost/none", "secret_key": "x" * 32}
    settings = Settings(**given | own)
    with pytest.raises(SettingsError, match=named):
        await dispatcher.run(settings, CLOCK, asyncio.Event())
