"""Jobs that partners post, the tasks that say what became of them, and where each job stands (spec R27).

Each function runs in the caller's transaction. Whether a webhook answers is store/challenging's; it is only read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from unghost.jobboard.store import board
from unghost.jobboard.store.webhooks import register_webhook
from unghost.wire.postings import Operation, Posting

#: How long a task can be read, as at LinkedIn.
TASK_LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its job as it stands. `webhook`: the state of the job's webhook, and `detail` what it last met."""

    id: UUID
    operation: str
    job_id: int
    external_id: str
    location: str
    webhook: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A job as it stands. `off_site_since`: since when nobody can apply here."""

    job_id: int
    external_id: str
    location: str
    listed_at: datetime
    closed_at: datetime | None
    off_site_since: datetime | None
    webhook: str | None
    detail: str | None


async def post(
    connection: AsyncConnection,
    *,
    task: UUID,
    oauth_application: int,
    organization: int,
    posting: Posting,
    now: datetime,
) -> bool:
    """Store what is posted and its task. False if it changes or closes a job that the customer does not have."""
    standing = await board.job(connection, organization, posting.external_id)
    if standing is None and posting.operation is not Operation.CREATE:
        return False
    closes = posting.operation is Operation.CLOSE
    title = standing.title if standing is not None and (closes or posting.title is None) else posting.title
    assert title is not None  # a CREATE has one
    await board.put_job(
        connection,
        organization=organization,
        external_id=posting.external_id,
        title=title,
        location=None if closes else posting.location,
        description=None if closes else posting.description,
        listed_at=None if closes else posting.listed_at,
        closed={Operation.CREATE: False, Operation.CLOSE: True}.get(posting.operation),
        now=now,
    )
    job = await board.job(connection, organization, posting.external_id)
    assert job is not None
    if posting.company_apply_url and not closes:
        await connection.execute(
            "UPDATE jobboard.job SET company_apply_url = %s WHERE id = %s", (posting.company_apply_url, job.id)
        )
    if posting.webhook_url and not closes:
        await register_webhook(
            connection, job_id=job.id, oauth_application=oauth_application, url=posting.webhook_url, now=now
        )
    await connection.execute(
        """INSERT INTO jobboard.job_posting_task (id, oauth_application_id, job_id, operation, created_at)
           VALUES (%s, %s, %s, %s, %s)""",
        (task, oauth_application, job.id, posting.operation, now),
    )
    return True


async def drop_old_tasks(connection: AsyncConnection, now: datetime) -> None:
    """Forget tasks that nobody can read any more."""
    await connection.execute("DELETE FROM jobboard.job_posting_task WHERE created_at < %s", (now - TASK_LIFE,))


async def tasks(connection: AsyncConnection, oauth_application: int, ids: Sequence[UUID], now: datetime) -> list[Task]:
    """Those of these tasks that this child application was given, and that can still be read."""
    async with connection.cursor(row_factory=class_row(Task)) as cursor:
        await cursor.execute(
            """SELECT t.id, t.operation, j.id AS job_id, j.external_id, j.location, w.state AS webhook, w.detail
               FROM jobboard.job_posting_task t
               JOIN jobboard.job j ON j.id = t.job_id
               LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
               WHERE t.id = ANY (%s::uuid[]) AND t.oauth_application_id = %s AND t.created_at >= %s""",
            (list(ids), oauth_application, now - TASK_LIFE),
        )
        return await cursor.fetchall()


async def standings(connection: AsyncConnection, organization: int, ids: Sequence[int]) -> list[Standing]:
    """Those of these jobs that are this customer's."""
    async with connection.cursor(row_factory=class_row(Standing)) as cursor:
        await cursor.execute(
            """SELECT j.id AS job_id, j.external_id, j.location, j.listed_at, j.closed_at, j.off_site_since,
                      w.state AS webhook, w.detail
               FROM jobboard.job j LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
               WHERE j.id = ANY (%s::bigint[]) AND j.organization = %s""",
            (list(ids), organization),
        )
        return await cursor.fetchall()
