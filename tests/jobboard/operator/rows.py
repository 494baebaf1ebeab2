"""Rows that tests of the operator's pages plant: what a board holds after something has gone wrong, or very much."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg import AsyncConnection

from tests.jobboard.telling.board import NOW, report
from tests.world import World
from unghost.jobboard.rules.policy import VIEWED


async def gave_up(
    connection: AsyncConnection,
    application: int,
    action: str = VIEWED,
    *,
    at: datetime = NOW,
    detail: str = "at RCPT: 552 5.2.2 mailbox is full",
) -> int:
    """A report whose mail was given up as undeliverable; the action's id."""
    action_id = await report(connection, application, action, performed_at=at, now=at)
    await connection.execute(
        """UPDATE jobboard.notice SET state = 'withheld', reason = 'undeliverable', attempt_at = NULL, attempts = 7,
               detail = %s WHERE action_id = %s AND place = 'EMAIL'""",
        (detail, action_id),
    )
    return action_id


async def told(connection: AsyncConnection, action_id: int, late: timedelta, place: str = "EMAIL") -> None:
    """A dispatcher told this so long after it was due."""
    await connection.execute(
        """UPDATE jobboard.notice SET state = 'told', told_at = due_at + %s, attempt_at = NULL, attempts = 1
           WHERE action_id = %s AND place = %s""",
        (late, action_id, place),
    )


async def webhook(connection: AsyncConnection, world: World, state: str, job: int | None = None) -> int:
    """A webhook of the first job, or another, in this state; its id."""
    cursor = await connection.execute(
        """INSERT INTO jobboard.webhook (oauth_application_id, url, state, failures, attempt_at, verified_at,
               secret_nonce, detail, created_at)
           VALUES (%(child)s, 'https://ats.example/hook/' || %(job)s, %(state)s, 3, %(next)s, %(verified)s, %(nonce)s,
               'did not pass the challenge: answered 500; want 200', %(now)s)
           RETURNING id, url""",
        {
            "child": world.child,
            "job": job or world.jobs[0],
            "state": state,
            "next": None if state == "blocked" else NOW + timedelta(hours=1),
            "verified": NOW if state == "verified" else None,
            "nonce": b"nonce" if state == "verified" else None,
            "now": NOW,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    await connection.execute(
        "UPDATE jobboard.job SET webhook_id = %s, webhook_url = %s WHERE id = %s", (*row, job or world.jobs[0])
    )
    return int(row[0])


async def delivery(
    connection: AsyncConnection, application: int, webhook_id: int, state: str = "failed", at: datetime = NOW
) -> None:
    """A delivery that failed for good, or waits since then."""
    await connection.execute(
        """INSERT INTO jobboard.delivery
               (application_number, webhook_id, state, failures, attempts, attempt_at, detail, created_at)
           VALUES (%s, %s, %s, 7, 7, %s, 'answered 500; want 200', %s)""",
        (application, webhook_id, state, at if state == "waiting" else None, at),
    )
