"""Pools and single connections: what they give, what they survive, what they say when there is no database."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from unghost.postgres import DatabaseUnreachable, Embedded, PostgresError, connect, open_pool
from unghost.postgres.connect import check_version


@pytest.mark.anyio
async def test_a_pools_connections_speak_utc_in_transactions(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        zone = await (await connection.execute("SHOW timezone")).fetchone()
        assert not connection.autocommit
    assert zone == ("UTC",)


@pytest.mark.anyio
async def test_a_pool_survives_the_database_going_away_and_coming_back(tmp_path: Path) -> None:
    server = Embedded(tmp_path)
    async with await open_pool(server.start(), min_size=2) as pool:
        assert server.process_id
        os.kill(server.process_id, signal.SIGKILL)
        await asyncio.to_thread(server.stop)
        with pytest.raises(psycopg.OperationalError):
            async with pool.connection(timeout=0.2) as connection:
                await connection.execute("SELECT 1")
        await asyncio.to_thread(server.start)
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    server.stop()


@pytest.mark.anyio
async def test_a_pool_waits_for_a_database_that_is_on_its_way(tmp_path: Path) -> None:
    server = Embedded(tmp_path)
    url = server.start()
    server.stop()
    opening = asyncio.create_task(open_pool(url))
    await asyncio.sleep(0)
    await asyncio.to_thread(server.start)
    async with await opening as pool, pool.connection() as connection:
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    server.stop()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://someone:hush@127.0.0.1:1/board", "the database board at 127.0.0.1:1 cannot be reached"),
        ("postgresql://someone:hush@/board?host=/nowhere", "the database board at /nowhere:5432 cannot be reached"),
        ("postgresql://someone:hush@127.0.0.1:port/board", "127.0.0.1:port cannot be reached"),
        ("postgresql://someone:hush@[127.0.0.1/board", "the database's URL cannot be read"),
        ("postgresql://127.0.0.1/board?colour=hush", "the database's URL cannot be read"),
    ],
)
async def test_no_database_is_told_in_one_sentence_without_the_password(url: str, said: str) -> None:
    with pytest.raises(DatabaseUnreachable) as caught:
        await open_pool(url, patience=0)
    sentence = str(caught.value)
    assert said in sentence
    assert "hush" not in sentence
    assert "\n" not in sentence


@pytest.mark.anyio
async def test_a_database_that_does_not_exist_is_not_waited_for(database_url: str) -> None:
    url = make_conninfo(database_url, dbname="nothing_here")
    with pytest.raises(DatabaseUnreachable, match="does not exist"):
        await open_pool(url, patience=3600)


@pytest.mark.anyio
async def test_a_single_connection_is_in_utc_and_commits_by_itself_where_asked(database_url: str) -> None:
    async with await connect(database_url) as connection:
        assert not connection.autocommit
    async with await connect(database_url, autocommit=True) as connection:
        assert connection.autocommit
        assert await (await connection.execute("SHOW timezone")).fetchone() == ("UTC",)


def test_a_server_older_than_15_is_refused() -> None:
    check_version(150000)
    with pytest.raises(PostgresError, match="PostgreSQL 14: use version 15 or newer"):
        check_version(140012)
