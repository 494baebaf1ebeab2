"""`record`: writes activities into the outbox, in the ATS's own transaction, on the ATS's own connection (spec R29).

If that transaction rolls back, nothing was recorded. Must not commit, send, or read a configuration.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from unghost.ats.activity import Activity, RecordError, aware
from unghost.ats.store import callers, recording
from unghost.ats.store.recording import Statement
from unghost.clock import SystemClock

if TYPE_CHECKING:
    from psycopg import AsyncConnection as PsycopgAsyncConnection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session


@dataclass(frozen=True, slots=True)
class Recorded:
    """What `record` did. `written`: activities in the outbox; `left_out`: ids that did not come from a board.

    An id that came from two boards is written twice.
    """

    written: int
    left_out: int


@overload
def record(
    connection: AsyncSession | async_scoped_session[Any] | AsyncConnection | PsycopgAsyncConnection[Any],
    *activities: Activity,
    now: datetime | None = None,
) -> Awaitable[Recorded]: ...
@overload
def record(connection: Any, *activities: Activity, now: datetime | None = None) -> Recorded: ...
def record(connection: Any, *activities: Activity, now: datetime | None = None) -> Recorded | Awaitable[Recorded]:
    """Write activities into the outbox, in the transaction that `connection` is in.

    One INSERT for each; in a bulk form also one SELECT for each 500 ids.

    `connection`: a SQLAlchemy `Session`, scoped or not, `Connection` or their async forms; a Django connection; or a
    DB-API connection of psycopg, psycopg2, PyMySQL, mysqlclient, MariaDB or sqlite3. An async one gives an awaitable.
    `now`: aware; by default the machine's clock. An id that did not come from a board is left out and counted.
    Raises `RecordError` before anything is written, and what the database raises.
    """
    if not activities:
        raise RecordError("nothing to record: give at least one activity, e.g. ats.viewed(4711)")
    for one in activities:
        if not isinstance(one, Activity):
            raise RecordError(f"an activity is of the type {type(one).__name__}: make it by ats.viewed(4711) and so on")
    now = SystemClock().now() if now is None else aware("now", now)
    caller = callers.of(connection)
    statements = [each for one in activities for each in recording.statements(one, now, caller.dialect, caller.mark)]
    asked = sum(len(one.ats_ids) or 1 for one in activities)
    if isinstance(caller, callers.AsyncCaller):
        return _recorded_async(caller, statements, asked)
    told = [(caller.run if each.counts else caller.fetch)(each.sql, each.values) for each in statements]
    return _recorded(statements, told, asked)


async def _recorded_async(caller: callers.AsyncCaller, statements: list[Statement], asked: int) -> Recorded:
    told: list[Any] = []
    for each in statements:
        ask: Any = caller.run if each.counts else caller.fetch
        told.append(await ask(each.sql, each.values))
    return _recorded(statements, told, asked)


def _recorded(statements: list[Statement], told: list[Any], asked: int) -> Recorded:
    """`told`: of an INSERT how many rows it wrote, of a SELECT its rows."""
    written = came = 0
    for each, answer in zip(statements, told, strict=True):
        if each.counts:
            written += answer
            came += 0 if each.several else min(answer, 1)
        else:
            came += len(set(answer))
    return Recorded(written, asked - came)
