"""kill -9 of dispatchers loses no mail and doubles none but the one that SMTP cannot exclude (spec R9)."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from collections import Counter
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.telling import dispatcher_process
from tests.jobboard.telling.board import report, settings_for
from tests.jobboard.telling.post import STEPS, posting
from tests.world import add_applicant, add_application, make_world
from unghost.clock import SystemClock
from unghost.jobboard.rules.policy import VIEWED

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400)]
LEASE = timedelta(seconds=3)
CONNECTIONS = 4


async def _all_told(pool: AsyncConnectionPool) -> bool:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT bool_and(state = 'told') FROM jobboard.notice WHERE place = 'EMAIL'")
        row = await cursor.fetchone()
        return row is not None and bool(row[0])


async def _reports(pool: AsyncConnectionPool, count: int, now: datetime) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, now)
        for n in range(count):
            applicant = await add_applicant(connection, f"Applicant {n}", f"a{n}@applicant.example", now)
            application = await add_application(connection, world.jobs[0], 12345, applicant, now)
            await report(connection, application, VIEWED, performed_at=now, now=now)


@pytest.mark.parametrize("step", STEPS)
async def test_a_dispatcher_killed_at_a_step_leaves_its_mail_to_the_next(
    database_url: str, pool: AsyncConnectionPool, step: str
) -> None:
    await _reports(pool, 1, SystemClock().now())
    with posting() as post:
        settings = settings_for(database_url, post, lease=LEASE)
        first = dispatcher_process.start(settings)

        def kill(at: str, client: str) -> None:
            if at == step:
                post.at = lambda step, client: None
                first.kill()
                first.wait()

        post.at = kill
        try:
            assert await asyncio.to_thread(first.wait, 60) == -signal.SIGKILL
        finally:
            first.kill()
        second = dispatcher_process.start(settings)
        try:
            async with asyncio.timeout(120):
                while not await _all_told(pool):  # noqa: ASYNC110  (another process tells)
                    await asyncio.sleep(0.1)
        finally:
            second.terminate()
            assert second.wait(30) == 0, "SIGTERM ends it in peace"
        [copies] = post.copies().values()
        assert copies == 1 or (step.startswith("after") and copies == 2)


async def test_dispatchers_killed_at_random_under_load_tell_everyone_once(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    """Every mail arrives; one that arrives twice was with a killed dispatcher, answered or not, when it died.

    Of those there is at most one on each connection, and as many that were answered and not settled (outbox/drain).
    """
    count, kills, chance = 240, 10, random.Random(20261123)
    await _reports(pool, count, SystemClock().now())
    processes: dict[str, subprocess.Popen[bytes]] = {}
    killed: Counter[str] = Counter()
    with posting() as post:

        def start() -> None:
            name = f"d{len(processes)}.example"
            settings = settings_for(
                database_url, post, lease=LEASE, base_url=f"https://{name}", mail_connections=CONNECTIONS
            )
            processes[name] = dispatcher_process.start(settings)

        def kill(step: str, client: str) -> None:
            if client in processes and client not in killed and len(killed) < kills and chance.random() < 0.02:
                killed[client] += 1
                processes[client].kill()

        post.at = kill
        try:
            async with asyncio.timeout(300):
                while not await _all_told(pool):
                    for _ in range(3 - sum(p.poll() is None for p in processes.values())):
                        start()
                    await asyncio.sleep(0.1)
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait(30)
    assert len(killed) == kills
    assert len(post.copies()) == count
    seen: set[str] = set()
    doubled: Counter[str] = Counter()
    for mail in reversed(post.accepted):
        if mail.message_id in seen:
            doubled[mail.client] += 1
        seen.add(mail.message_id)
    assert set(doubled) <= set(killed)
    assert max(doubled.values(), default=0) <= 2 * CONNECTIONS


async def test_a_dispatcher_killed_while_its_settlements_wait_doubles_twice_its_connections(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    """The most that one kill can double: a commit that takes long, and mails that go on until as many wait for it."""
    most = 2 * CONNECTIONS
    await _reports(pool, 3 * CONNECTIONS, SystemClock().now())
    with posting() as post, psycopg.connect(database_url) as holding:

        def hold(step: str, client: str) -> None:
            if step == "MAIL":
                post.at = lambda step, client: None
                holding.execute("SELECT FROM jobboard.notice WHERE place = 'EMAIL' AND attempts > 0 FOR UPDATE")

        post.at = hold
        long = timedelta(seconds=10)  # for so long a settlement is waited for before the next is tried
        settings = settings_for(database_url, post, lease=long, mail_connections=CONNECTIONS)
        first = dispatcher_process.start(settings)
        try:
            async with asyncio.timeout(60):
                while len(post.accepted) < most:  # noqa: ASYNC110  (another process tells)
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
        finally:
            first.kill()
            first.wait()
        assert len(post.accepted) == most
        # The statement that waits would be stored yet: PostgreSQL does not see that nobody waits for its answer.
        holding.execute(
            """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'"""
        )
        holding.rollback()
        second = dispatcher_process.start(settings)
        try:
            async with asyncio.timeout(120):
                while not await _all_told(pool):  # noqa: ASYNC110  (another process tells)
                    await asyncio.sleep(0.1)
        finally:
            second.terminate()
            assert second.wait(30) == 0
        assert sorted(post.copies().values()) == [1] * CONNECTIONS + [2] * most
