"""Connections that run the same few statements over and over: those of the acceptor and of the dispatchers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from psycopg import AsyncConnection

from unghost.postgres import connect

#: Statements go by index and are planned once, not at each call.
_SESSION = ("plan_cache_mode = force_generic_plan", "enable_seqscan = off", "enable_bitmapscan = off")
#: Seconds after which plans are made anew. Those made while the tables were empty, as on a new board, read whole
#: indexes for ever: it cost a factor of twenty. Planning costs about a millisecond.
_PLANS_LAST = 1.0


class Line:
    """One connection for statements that are transactions of their own; opened when needed, again when it is lost.

    `lock_timeout`: how long a statement waits for a row that somebody else has locked; None: for ever.
    """

    def __init__(self, url: str, *, lock_timeout: timedelta | None = None) -> None:
        self._url = url
        self._lock_timeout = lock_timeout
        self._connection: AsyncConnection | None = None
        self._planned_at = 0.0

    async def connection(self) -> AsyncConnection:
        """The connection. Raises `DatabaseUnreachable` when the database cannot be reached."""
        now = asyncio.get_running_loop().time()
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = await connect(self._url, autocommit=True)
            for setting in self._session():
                await self._connection.execute(f"SET {setting}".encode())
            self._planned_at = now
        elif now - self._planned_at > _PLANS_LAST:
            await self._connection.execute("DISCARD PLANS", prepare=False)
            self._planned_at = now
        return self._connection

    async def close(self) -> None:
        """Close the connection, if it is open. The next call of `connection` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _session(self) -> list[str]:
        if self._lock_timeout is None:
            return list(_SESSION)
        return [*_SESSION, f"lock_timeout = {self._lock_timeout // timedelta(milliseconds=1)}"]
