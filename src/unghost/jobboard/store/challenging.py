"""Challenges of webhooks: claimed when they are due, settled (spec R28). A claim is a lease, as in store/telling.

When to challenge again, and when to block, is decided by rules/resending, not here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection


class State(StrEnum):
    """What is known of a webhook."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Due:
    """A webhook to be challenged, with what is known of its application's secrets."""

    id: int
    attempts: int
    failures: int
    state: State
    url: str
    oauth_application: int
    client_id: str
    secret_hash: bytes
    secret_nonce: bytes | None
    former_secret_hash: bytes | None
    former_secret_nonce: bytes | None
    former_secret_until: datetime | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a challenged webhook. `nonce`: of the secret that it answered with, in hex, if it passed."""

    id: int
    attempts: int
    state: State
    failures: int
    at: datetime
    again_at: datetime | None
    detail: str | None
    nonce: str | None = None


# A partner who is shut out is asked nothing.
_CLAIM = """
UPDATE jobboard.webhook SET attempts = attempts + 1, attempt_at = %(until)s
WHERE id = ANY (ARRAY (
    SELECT w.id
    FROM jobboard.webhook w
    JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
    LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
    WHERE w.state <> 'blocked' AND w.attempt_at <= %(now)s AND o.revoked_at IS NULL AND p.revoked_at IS NULL
    ORDER BY w.attempt_at LIMIT %(limit)s
    FOR UPDATE OF w SKIP LOCKED
))
RETURNING id, attempts
"""

_READ = """
SELECT w.id, w.attempts, w.failures, w.state, w.url, o.id, o.client_id, o.secret_hash, o.secret_nonce,
       o.former_secret_hash, o.former_secret_nonce, o.former_secret_until
FROM unnest(%(id)s::bigint[], %(attempts)s::bigint[]) AS k (id, attempts)
JOIN jobboard.webhook w ON w.id = k.id AND w.attempts = k.attempts
JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
WHERE w.state <> 'blocked'
"""

_SETTLE = """
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(settled)s::json)
        AS g (id bigint, attempts bigint, state text, failures int, at timestamptz, again_at timestamptz, detail text,
              nonce text)
)
UPDATE jobboard.webhook w
SET state = g.state, failures = g.failures, attempt_at = g.again_at, detail = g.detail,
    secret_nonce = coalesce(decode(g.nonce, 'hex'), w.secret_nonce),
    verified_at = CASE WHEN g.nonce IS NULL THEN w.verified_at ELSE g.at END
FROM given g
WHERE w.id = g.id AND w.attempts = g.attempts AND w.state <> 'blocked'
RETURNING w.id
"""


async def claim(connection: AsyncConnection, now: datetime, lease: timedelta, limit: int) -> list[tuple[int, int]]:
    """Lease up to `limit` webhooks whose challenge is due: (id, attempts), committed on return."""
    cursor = await connection.execute(_CLAIM, {"now": now, "until": now + lease, "limit": limit}, prepare=True)
    return await cursor.fetchall()


async def read(connection: AsyncConnection, claimed: Sequence[tuple[int, int]]) -> list[Due]:
    """What claimed webhooks are challenged with, as it is now."""
    given = {"id": [c[0] for c in claimed], "attempts": [c[1] for c in claimed]}
    cursor = await connection.execute(_READ, given, prepare=True)
    return [Due(*(*row[:3], State(row[3]), *row[4:])) for row in await cursor.fetchall()]


async def settle(connection: AsyncConnection, settled: Sequence[Settled]) -> set[int]:
    """Store how challenges ended, in one transaction; the ids that were settled.

    One that is missing from the answer was claimed by another since, or registered anew.
    """
    given = json.dumps([{name: getattr(row, name) for name in Settled.__slots__} for row in settled], default=_text)
    cursor = await connection.execute(_SETTLE, {"settled": given}, prepare=True)
    return {id for (id,) in await cursor.fetchall()}


def _text(moment: Any) -> str:
    return str(moment.isoformat())
