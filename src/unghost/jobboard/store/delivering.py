"""Deliveries of applications to webhooks: written with the application, claimed, settled (spec R28).

As in store/telling a claim is a lease, and `attempts` the fence of its settlement. When to send again is decided by
rules/resending, not here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.store.webhooks import DELIVER


class State(StrEnum):
    """What has become of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed delivery and all that is sent. `secret_nonce`: of the secret that signs it."""

    application_number: int
    attempts: int
    failures: int
    webhook_id: int
    url: str
    client_id: str
    secret_nonce: bytes
    external_job_id: str
    applicant_id: int
    name: str
    email: str
    submitted_at: datetime
    has_resume: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a claimed delivery. `at`: when it was settled; `again_at`: when it is sent again, if it waits."""

    application_number: int
    attempts: int
    state: State
    failures: int
    at: datetime
    again_at: datetime | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Resume:
    """A résumé as it was uploaded."""

    file_name: str
    media_type: str
    content: bytes


# In the transaction of the application. Nothing is stored for a job that has no webhook. One that comes while the job
# is off-site has happened all the same: it is kept as failed, and delivered when the job is turned on-site.
_PUT = """
WITH put AS (
    INSERT INTO jobboard.delivery (application_number, webhook_id, state, attempt_at, detail, created_at)
    SELECT a.number, j.webhook_id, CASE WHEN j.off_site_since IS NULL THEN 'waiting' ELSE 'failed' END,
           CASE WHEN j.off_site_since IS NULL THEN %(now)s::timestamptz END,
           CASE WHEN j.off_site_since IS NOT NULL THEN %(off_site)s END, %(now)s
    FROM jobboard.application a JOIN jobboard.job j ON j.id = a.job_id
    WHERE a.number = %(number)s AND j.webhook_id IS NOT NULL
    RETURNING state
)
SELECT pg_notify(%(channel)s, '') FROM put WHERE state = 'waiting'
"""

_OFF_SITE = "not sent: the job was off-site when the application came"

# Only what a verified webhook of a partner who is not shut out may get. Webhook by webhook, each with a share, so that
# many applications that wait for one ATS keep nobody else's waiting; `busy` ones have as much under way as they may.
_CLAIM = """
UPDATE jobboard.delivery SET attempts = attempts + 1, attempt_at = %(until)s, detail = NULL
WHERE ctid = ANY (ARRAY (
    SELECT due.ctid
    FROM jobboard.webhook w
    JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
    LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
    CROSS JOIN LATERAL (
        SELECT d.ctid, d.attempt_at FROM jobboard.delivery d
        WHERE d.webhook_id = w.id AND d.state = 'waiting' AND d.attempt_at <= %(now)s
        ORDER BY d.attempt_at LIMIT %(share)s
        FOR UPDATE SKIP LOCKED
    ) due
    WHERE w.state = 'verified' AND o.revoked_at IS NULL AND p.revoked_at IS NULL
      AND w.id <> ALL (%(busy)s::bigint[])
    ORDER BY due.attempt_at LIMIT %(limit)s
))
RETURNING application_number, attempts
"""

_READ = """
SELECT d.application_number, d.attempts, d.failures, w.id, w.url, o.client_id, w.secret_nonce, j.external_id,
       p.id, p.name, p.email, a.submitted_at,
       EXISTS (SELECT FROM jobboard.resume r WHERE r.application_number = a.number)
FROM unnest(%(number)s::bigint[], %(attempts)s::bigint[]) AS k (number, attempts)
JOIN jobboard.delivery d ON d.application_number = k.number AND d.attempts = k.attempts
JOIN jobboard.webhook w ON w.id = d.webhook_id
JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
JOIN jobboard.application a ON a.number = d.application_number
JOIN jobboard.job j ON j.id = a.job_id
JOIN jobboard.applicant p ON p.id = a.applicant_id
WHERE d.state = 'waiting' AND w.state = 'verified'
"""

# A job turns off-site when its first application failed for good and no other has arrived.
_SETTLE = """
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(settled)s::json)
        AS g (application_number bigint, attempts bigint, state text, failures int, at timestamptz,
              again_at timestamptz, detail text)
), settled AS (
    UPDATE jobboard.delivery d
    SET state = g.state, failures = g.failures, detail = g.detail,
        delivered_at = CASE g.state WHEN 'delivered' THEN g.at END,
        attempt_at = CASE g.state WHEN 'waiting' THEN g.again_at END
    FROM given g
    WHERE d.application_number = g.application_number AND d.attempts = g.attempts AND d.state = 'waiting'
    RETURNING d.application_number, d.state, d.created_at, g.at
), turned AS (
    UPDATE jobboard.job j SET off_site_since = s.at
    FROM settled s JOIN jobboard.application a ON a.number = s.application_number
    WHERE s.state = 'failed' AND j.id = a.job_id AND j.off_site_since IS NULL
      AND NOT EXISTS (
          SELECT FROM jobboard.application o JOIN jobboard.delivery e ON e.application_number = o.number
          WHERE o.job_id = a.job_id AND o.number <> a.number
            AND (e.state = 'delivered' OR (e.created_at, o.number) < (s.created_at, a.number)))
    RETURNING j.id, a.number
)
SELECT s.application_number, t.id FROM settled s LEFT JOIN turned t ON t.number = s.application_number
"""


async def put(connection: AsyncConnection, application_number: int, now: datetime) -> None:
    """Have an application delivered if its job has a webhook, in the caller's transaction.

    If the job is off-site, it is delivered when it no longer is (`webhooks.turn_on_site`).
    """
    given = {"number": application_number, "now": now, "off_site": _OFF_SITE, "channel": DELIVER}
    await connection.execute(_PUT, given)


async def resume(connection: AsyncConnection, application_number: int) -> Resume | None:
    """The résumé of an application that goes to a webhook whose partner is not shut out, or None."""
    cursor = await connection.execute(
        """SELECT r.file_name, r.media_type, r.content
           FROM jobboard.resume r
           JOIN jobboard.delivery d ON d.application_number = r.application_number
           JOIN jobboard.webhook w ON w.id = d.webhook_id
           JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
           LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
           WHERE r.application_number = %s AND o.revoked_at IS NULL AND p.revoked_at IS NULL""",
        (application_number,),
    )
    row = await cursor.fetchone()
    return None if row is None else Resume(*row)


async def claim(
    connection: AsyncConnection, now: datetime, lease: timedelta, limit: int, *, share: int, busy: Sequence[int]
) -> list[tuple[int, int]]:
    """Lease up to `limit` due deliveries, up to `share` of a webhook: (application number, attempts)."""
    cursor = await connection.execute(
        _CLAIM,
        {"now": now, "until": now + lease, "limit": limit, "share": share, "busy": list(busy)},
        prepare=True,
    )
    return await cursor.fetchall()


async def read(connection: AsyncConnection, claimed: Sequence[tuple[int, int]]) -> list[Due]:
    """What is sent of claimed deliveries, as it is now. Erased ones are absent, and those whose webhook was blocked."""
    given = {"number": [c[0] for c in claimed], "attempts": [c[1] for c in claimed]}
    cursor = await connection.execute(_READ, given, prepare=True)
    return [Due(*row) for row in await cursor.fetchall()]


async def settle(connection: AsyncConnection, settled: Sequence[Settled]) -> dict[int, int | None]:
    """Store what became of deliveries, in one transaction: the numbers settled, each with a job that turned off-site.

    One that is missing from the answer was claimed by another since, erased, or settled already.
    """
    given = json.dumps([{name: getattr(row, name) for name in Settled.__slots__} for row in settled], default=_text)
    cursor = await connection.execute(_SETTLE, {"settled": given}, prepare=True)
    return dict(await cursor.fetchall())


def _text(moment: Any) -> str:
    return str(moment.isoformat())
