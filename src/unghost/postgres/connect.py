"""Connections to PostgreSQL, single and pooled; a pool outlives the database's absences.

Here alone is told why there is no connection, and never with a password.
"""

from __future__ import annotations

import re
import time

import anyio
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from unghost.postgres.errors import DatabaseUnreachable, PostgresError

OLDEST = 150000
"""PostgreSQL 15, as `server_version` counts."""
CONNECT_SECONDS = 10
PAUSE_SECONDS = 0.2
HOPELESS = re.compile(
    "authentication failed|does not exist|no pg_hba.conf entry|no password supplied|permission denied for database"
)


async def connect(url: str, *, autocommit: bool = False, patience: float = 0.0) -> psycopg.AsyncConnection:
    """One connection in UTC, tried again for `patience` seconds.

    Raises `DatabaseUnreachable`, or `PostgresError` if the server is older than PostgreSQL 15.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
            break
        except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
            if hopeless(error) or time.monotonic() >= deadline:
                raise unreachable(url, error) from None
        await anyio.sleep(PAUSE_SECONDS)
    try:
        check_version(connection.info.server_version)
        await connection.execute("SET TIME ZONE 'UTC'")
        await connection.set_autocommit(autocommit)
    except BaseException:
        await connection.close()
        raise
    return connection


async def open_pool(
    url: str, *, min_size: int = 1, max_size: int = 8, patience: float = 30.0, timeout: float = 30.0
) -> AsyncConnectionPool:
    """A pool of connections in UTC, opened; a lost database is noticed and reached again when it is back (spec R40).

    Waits `patience` seconds for the database at first; raises as `connect` does. Later whoever asks for a connection
    waits `timeout` seconds for one, then gets `psycopg_pool.PoolTimeout`.
    """
    await (await connect(url, patience=patience)).close()
    pool = AsyncConnectionPool(
        url,
        min_size=min_size,
        max_size=max_size,
        timeout=timeout,
        open=False,
        kwargs={"connect_timeout": CONNECT_SECONDS},
        configure=_configure,
        check=AsyncConnectionPool.check_connection,
    )
    await pool.open()
    return pool


def check_version(version: int) -> None:
    """Raises `PostgresError` for a server older than PostgreSQL 15; `version` is its `server_version_num`."""
    if version < OLDEST:
        raise PostgresError(f"the database is PostgreSQL {version // 10000}: use version 15 or newer")


def hopeless(error: psycopg.Error) -> bool:
    """Whether waiting for the database will not help."""
    return isinstance(error, psycopg.ProgrammingError) or bool(HOPELESS.search(str(error)))


def unreachable(url: str, error: psycopg.Error) -> DatabaseUnreachable:
    """The sentence for a failed connection; it never shows the password."""
    if isinstance(error, psycopg.ProgrammingError):
        return DatabaseUnreachable("the database's URL cannot be read: give postgresql://user:password@host:5432/name")
    said = str(error).strip().splitlines() or ["no answer"]
    return DatabaseUnreachable(
        f"the database {place(url)} cannot be reached ({said[-1].strip()}): start it or correct UNGHOST_DATABASE_URL"
    )


def place(url: str) -> str:
    """Where a URL points, without user and password."""
    parts = conninfo_to_dict(url)
    return f"{parts.get('dbname', '')} at {parts.get('host', 'the local socket')}:{parts.get('port', 5432)}"


async def _configure(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("SET TIME ZONE 'UTC'")
    # A plan that was kept from when the tables were small would outlive them.
    await connection.execute("SET plan_cache_mode = force_custom_plan")
    await connection.commit()
