"""What tests of erasing start from: an eraser of the tests' board, and the whole database as text."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg_pool import AsyncConnectionPool

from tests.world import TOMBSTONES
from unghost.clock import Clock
from unghost.jobboard.erase import Eraser
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.store import board, registering


def eraser(clock: Clock, lease: timedelta = timedelta(seconds=60)) -> Eraser:
    """An eraser with the tests' key."""
    return Eraser(tombstones=TOMBSTONES, clock=clock, lease=lease)


async def tables(connection: AsyncConnection[Any]) -> list[str]:
    """The names of all tables, of whatever schema of ours."""
    cursor = await connection.execute(
        """SELECT schemaname || '.' || tablename FROM pg_tables
           WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"""
    )
    return [name for (name,) in await cursor.fetchall()]


async def everything(connection: AsyncConnection[Any]) -> str:
    """Every row of every table as text; binary data in hexadecimal digits."""
    rows: list[str] = []
    for name in await tables(connection):
        table = sql.Identifier(*name.split("."))
        cursor = await connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(table))
        rows += [f"{name}: {row}" for (row,) in await cursor.fetchall()]
    return "\n".join(rows)


async def register(
    connection: AsyncConnection[Any], job: int, applicant: int, now: datetime, number: int | None = None
) -> registering.Registered:
    """An application with its SUBMITTED, as the board registers it."""
    return await registering.register_application(
        connection,
        job_id=job,
        applicant_id=applicant,
        submitted_at=now,
        now=now,
        policy=DEFAULT,
        tombstones=TOMBSTONES,
        number=number,
    )


async def put(connection: AsyncConnection[Any], external_id: str, email: str, now: datetime, name: str = "Ada") -> bool:
    """An applicant, as the board's own back end puts them."""
    return await board.put_applicant(
        connection,
        external_id=external_id,
        email=email,
        name=name,
        language=None,
        time_zone=None,
        tombstones=TOMBSTONES,
        now=now,
    )


async def waiting_for_a_lock(pool: AsyncConnectionPool, query: str) -> None:
    """Return once a statement with these words waits for somebody else's lock."""
    async with asyncio.timeout(30), pool.connection() as connection:
        await connection.set_autocommit(True)
        try:
            while True:
                cursor = await connection.execute(
                    """SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                       AND position(%s IN query) > 0 AND pid <> pg_backend_pid()""",
                    (query,),
                )
                if await cursor.fetchone() is not None:
                    return
                await asyncio.sleep(0.01)
        finally:
            await connection.set_autocommit(False)
