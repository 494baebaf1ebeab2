"""What the operator's pages ask reads indexes, however much lies in the tables (spec R42)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.telling.board import NOW
from tests.world import make_world
from unghost.jobboard import audit
from unghost.jobboard.rules.policy import Place
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import flow, redriving
from unghost.jobboard.store.redriving import Kind, Which

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)

# 40,000 views, one a minute: four weeks; all told, but for the newest ten and ten that were given up long ago.
_MANY = """
WITH stored AS (
    INSERT INTO jobboard.action (application_number, action, performed_at, received_at)
    SELECT %(application)s, 'APPLICATION_VIEWED', %(now)s - n * interval '1 minute', %(now)s - n * interval '1 minute'
    FROM generate_series(40000, 1, -1) n
    RETURNING id, action, received_at
), planned AS (
    SELECT s.*, p.place, CASE WHEN p.place <> 'EMAIL' THEN 'shown' WHEN s.id %% 4000 = 0 THEN 'given up'
                              WHEN s.received_at > %(now)s - interval '10 minutes' THEN 'due' ELSE 'sent' END AS became
    FROM stored s, unnest(ARRAY['EMAIL', 'JOB_POSTING', 'MY_JOBS']) p (place)
)
INSERT INTO jobboard.notice (action_id, place, application_number, action, state, reason, due_at, told_at, attempt_at)
SELECT id, place, CASE became WHEN 'given up' THEN %(application)s ELSE id END, action,
       CASE became WHEN 'given up' THEN 'withheld' WHEN 'due' THEN 'waiting' ELSE 'told' END,
       CASE became WHEN 'given up' THEN 'undeliverable' END, received_at,
       CASE became WHEN 'shown' THEN received_at WHEN 'sent' THEN received_at + interval '1 second' END,
       CASE became WHEN 'due' THEN received_at END
FROM planned
"""


async def _read(connection: AsyncConnection, table: str) -> int:
    """Rows of a table that were read from end to end so far."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.commit()
    cursor = await connection.execute(
        "SELECT seq_tup_read FROM pg_stat_user_tables WHERE schemaname = 'jobboard' AND relname = %s", (table,)
    )
    row = await cursor.fetchone()
    await connection.commit()
    assert row is not None
    return int(row[0])


async def test_no_page_reads_a_large_table_from_end_to_end(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - 90 * DAY)
        await connection.execute(_MANY.encode(), {"application": world.applications[0], "now": NOW})
        await connection.execute("ANALYZE jobboard.action, jobboard.notice")
        await connection.commit()
        before = {table: await _read(connection, table) for table in ("action", "notice")}
        window = await flow.window(connection, NOW - DAY)
        received = await flow.received(connection, window, NOW)
        became = await flow.became(connection, window, NOW, NOW)
        await flow.waiting(connection, list(Place), NOW)
        await flow.lateness(connection, NOW - DAY)
        await flow.last_told(connection)
        mails = Which(kind=Kind.MAIL)
        count = await redriving.count(connection, mails)
        listed = await redriving.dead_letters(connection, mails, before=None, limit=5)
        found = await audit.audit(connection, Settings(), NOW)
        await connection.commit()
        assert {table: await _read(connection, table) for table in before} == before
    assert [one.all for one in received] == [1440]
    assert sum(one.all for one in became) == 3 * 1440
    assert (count, len(listed)) == (10, 5)
    assert found.findings == ()
