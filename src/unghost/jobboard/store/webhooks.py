"""Webhooks of child applications, and which job's applications go to which (spec R28).

Each function runs in the caller's transaction. It judges no URL: rules/reach does, before it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from unghost.jobboard.store.accepting import notify

#: NOTIFY channel: a challenge or a delivery is due now.
DELIVER = "jobboard_deliver"

#: SQL: since when a job `j` with its webhook `w` takes applications elsewhere only: its first could not be delivered,
#: or the webhook is blocked, and then only until it passes a challenge again.
OFF_SITE_SINCE = """coalesce(
           j.off_site_since, CASE w.state WHEN 'blocked' THEN coalesce(w.verified_at, w.created_at) END
       ) AS off_site_since"""

# A webhook that is blocked gets another chance; one that is verified stays so while it is asked again; a
# challenge under way settles nothing any more.
_REGISTER = """
INSERT INTO jobboard.webhook AS w (oauth_application_id, url, state, attempt_at, created_at)
VALUES (%(oauth_application)s, %(url)s, 'unverified', %(now)s, %(now)s)
ON CONFLICT (oauth_application_id, url) DO UPDATE SET
    state = CASE w.state WHEN 'blocked' THEN 'unverified' ELSE w.state END,
    failures = CASE w.state WHEN 'blocked' THEN 0 ELSE w.failures END,
    attempt_at = %(now)s, attempts = w.attempts + 1
RETURNING id
"""

_ATTACH = "UPDATE jobboard.job SET webhook_id = %(webhook)s, webhook_url = %(url)s WHERE id = %(job)s"

# What the former webhook made of them says nothing of the new one; a send under way settles nothing any more.
_MOVE = """
UPDATE jobboard.delivery d
SET webhook_id = %(webhook)s, failures = 0, attempts = d.attempts + 1, attempt_at = %(now)s
FROM jobboard.application a
WHERE a.job_id = %(job)s AND d.application_number = a.number AND d.state = 'waiting' AND d.webhook_id <> %(webhook)s
"""


_AGAIN = """
UPDATE jobboard.webhook SET attempt_at = %(now)s, attempts = attempts + 1,
    state = CASE state WHEN 'blocked' THEN 'unverified' ELSE state END,
    failures = CASE state WHEN 'blocked' THEN 0 ELSE failures END
WHERE oauth_application_id = %(oauth_application)s::bigint
   OR id = (SELECT webhook_id FROM jobboard.job WHERE id = %(job)s::bigint)
"""

# To the webhook that the job has by now.
_DELIVER_ANEW = """
UPDATE jobboard.delivery d
SET state = 'waiting', webhook_id = j.webhook_id, failures = 0, attempt_at = %(now)s, detail = NULL
FROM jobboard.application a JOIN jobboard.job j ON j.id = a.job_id
WHERE a.job_id = %(job)s AND d.application_number = a.number AND d.state = 'failed'
"""

# Of the deliveries' details the newest application's is shown.
_OF_JOB = """
SELECT j.id, j.title, j.external_id, j.off_site_since, j.company_apply_url, w.url, w.state, w.detail, w.verified_at,
       w.attempt_at AS challenge_at, o.client_id, d.waiting, d.delivered, d.failed, d.last_detail
FROM jobboard.job j
LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
LEFT JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE d.state = 'waiting') AS waiting,
           count(*) FILTER (WHERE d.state = 'delivered') AS delivered,
           count(*) FILTER (WHERE d.state = 'failed') AS failed,
           (array_agg(d.detail ORDER BY a.number DESC) FILTER (WHERE d.detail IS NOT NULL))[1] AS last_detail
    FROM jobboard.application a JOIN jobboard.delivery d ON d.application_number = a.number
    WHERE a.job_id = j.id
) d
WHERE j.id = %(job)s
"""


_CUSTOMER_OF = """
SELECT organization FROM jobboard.application WHERE number = %(application)s::bigint
UNION ALL SELECT organization FROM jobboard.oauth_application WHERE id = %(oauth_application)s::bigint
"""

# A challenge's URL is the webhook's own with two words more.
_BECAME = """
SELECT 'delivery' AS place, state, coalesce(delivered_at, attempt_at, created_at) AS due_at, detail
FROM jobboard.delivery WHERE application_number = %(application)s::bigint
UNION ALL
SELECT 'webhook', state, coalesce(verified_at, attempt_at, created_at), detail
FROM jobboard.webhook WHERE %(application)s::bigint IS NULL AND starts_with(%(url)s, url)
"""


@dataclass(frozen=True, slots=True)
class JobWebhook:
    """A job's webhook (`url`, `state` and what belongs to it are None without one) and how its deliveries stand."""

    id: int
    title: str
    external_id: str
    off_site_since: datetime | None
    company_apply_url: str | None
    url: str | None
    state: str | None
    detail: str | None
    verified_at: datetime | None
    challenge_at: datetime | None
    client_id: str | None
    waiting: int
    delivered: int
    failed: int
    last_detail: str | None


async def register_webhook(
    connection: AsyncConnection[Any], *, job_id: int, oauth_application: int, url: str, now: datetime
) -> None:
    """Let a job's applications go to this URL of a child application, and make its challenge due (spec R28).

    Applications that wait for the job's former webhook go to the new one.
    """
    given = {"oauth_application": oauth_application, "url": url, "now": now, "job": job_id}
    row = await (await connection.execute(_REGISTER, given)).fetchone()
    assert row is not None
    given["webhook"] = row[0]
    await connection.execute(_ATTACH, given)
    await connection.execute(_MOVE, given)
    await notify(connection, DELIVER)


async def challenge_again(connection: AsyncConnection[Any], oauth_application: int, now: datetime) -> None:
    """Make the challenges of a child application's webhooks due; blocked ones get another chance (spec R28)."""
    await connection.execute(_AGAIN, {"oauth_application": oauth_application, "job": None, "now": now})
    await notify(connection, DELIVER)


async def revalidate(connection: AsyncConnection[Any], job_id: int, now: datetime) -> bool:
    """Make the challenge of a job's webhook due, also of a blocked one. False: the job has none, or is none."""
    cursor = await connection.execute(_AGAIN, {"oauth_application": None, "job": job_id, "now": now})
    await notify(connection, DELIVER)
    return bool(cursor.rowcount)


async def turn_on_site(connection: AsyncConnection[Any], job_id: int, now: datetime) -> int | None:
    """Let a job take applications here again, and have those delivered anew that could not be. How many those are.

    None: there is no such job.
    """
    given = {"job": job_id, "now": now}
    job = await connection.execute("UPDATE jobboard.job SET off_site_since = NULL WHERE id = %(job)s", given)
    deliveries = await connection.execute(_DELIVER_ANEW, given)
    await notify(connection, DELIVER)
    return deliveries.rowcount if job.rowcount else None


async def of_job(connection: AsyncConnection[Any], job_id: int) -> JobWebhook | None:
    """What an operator is shown of a job's webhook and deliveries; None: there is no such job."""
    async with connection.cursor(row_factory=class_row(JobWebhook)) as cursor:
        await cursor.execute(_OF_JOB, {"job": job_id})
        return await cursor.fetchone()


async def customer_of(
    connection: AsyncConnection[Any], application: int | None, oauth_application: int | None
) -> int | None:
    """The organization of an application, or of an OAuth application."""
    given = {"application": application, "oauth_application": oauth_application}
    row = await (await connection.execute(_CUSTOMER_OF, given)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


async def became(connection: AsyncConnection[Any], application: str | None, url: str) -> list[dict[str, Any]]:
    """How the delivery of this application stands, or, without one, the webhook that was challenged at this URL."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_BECAME, {"application": application, "url": url})
        return await cursor.fetchall()
