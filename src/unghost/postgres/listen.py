"""Hear what other processes NOTIFY, on a connection of its own that comes back when the database does.

Nothing may rest on being heard alone: what was said while the line was down is lost, so `missed` is called after
every new connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import psycopg
from psycopg import AsyncConnection, sql

from unghost.postgres.connect import connect
from unghost.postgres.errors import PostgresError

#: Seconds without a notification after which the database is asked whether it is still there.
_QUIET = 15
#: Seconds to wait before listening again after the database was lost: the first and the longest wait.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0

log = logging.getLogger(__name__)


async def listen(url: str, hear: Mapping[str, Callable[[str], None]], missed: Callable[[], None]) -> None:
    """Call `hear[channel](payload)` for each notification, until cancelled. Never raises for a lost database."""
    wait = _FIRST_WAIT
    while True:
        try:
            async with await connect(url, autocommit=True) as connection:
                for channel in hear:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                missed()
                wait = _FIRST_WAIT
                await _relay(connection, hear)
        except (psycopg.Error, PostgresError, OSError, TimeoutError) as error:
            log.warning("listening waits for the database: %s", type(error).__name__)
        await asyncio.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)


async def _relay(connection: AsyncConnection, hear: Mapping[str, Callable[[str], None]]) -> None:
    while True:
        async for notification in connection.notifies(timeout=_QUIET):
            hear[notification.channel](notification.payload)
        async with asyncio.timeout(_QUIET):  # a line that died silently answers nothing
            await connection.execute("SELECT 1")
