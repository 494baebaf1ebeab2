"""What health checks and metrics ask of the database: cheap, whatever lies in the tables."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection

from unghost.jobboard.rules.policy import Place

#: Counting stops here: a scrape must stay cheap when millions are late.
_MOST = 100_000


async def ping(connection: AsyncConnection) -> None:
    """Does the database answer, with our tables in it?"""
    await connection.execute("SELECT FROM jobboard.customer LIMIT 1")


async def due(connection: AsyncConnection, now: datetime) -> tuple[int, float]:
    """How many notices are due and not told (100,000 a place at most), and for how many seconds the oldest is.

    One that is held (spec R16) is never counted: it is not due. One that was tried and waits to be tried again is
    counted when its wait is over.
    """
    cursor = await connection.execute(
        """SELECT count(*), min(d.due_at) FROM unnest(%s::text[]) p (place) CROSS JOIN LATERAL (
               SELECT due_at FROM jobboard.notice n
               WHERE n.state = 'waiting' AND n.place = p.place AND n.attempt_at <= %s
               ORDER BY n.attempt_at LIMIT %s) d""",
        ([place.value for place in Place], now, _MOST),
    )
    row = await cursor.fetchone()
    assert row is not None
    count, oldest = row
    return count, (now - oldest).total_seconds() if oldest else 0.0


async def webhooks(connection: AsyncConnection, now: datetime) -> tuple[int, int]:
    """Deliveries that are due and not made (100,000 of a webhook at most), and webhooks that are blocked (spec R28).

    A delivery to a webhook that is not verified is counted: it waits for somebody.
    """
    cursor = await connection.execute(
        """SELECT (SELECT count(*) FROM jobboard.webhook w CROSS JOIN LATERAL (
                       SELECT FROM jobboard.delivery d
                       WHERE d.webhook_id = w.id AND d.state = 'waiting' AND d.attempt_at <= %s LIMIT %s) d),
                  (SELECT count(*) FROM jobboard.webhook WHERE state = 'blocked')""",
        (now, _MOST),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]
