"""Claiming due notices, reading what is true of them now, settling them (spec R9, R14-R19); and mail preferences.

A claim is a lease: `attempt_at` is the timer and the lease's end, `attempts` the fence of the settlement.
Must not decide whether a notice may be told: rules/plan does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.rules.plan import Standing, State
from unghost.jobboard.rules.policy import PAGES, Place


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed notice and all that is true of it: may it be told (`standing`), and what would be said to whom."""

    action_id: int
    attempts: int
    standing: Standing
    applicant_id: int
    name: str
    email: str
    language: str
    time_zone: str
    company: str
    job: str
    submitted_at: datetime
    redriven_at: datetime | None = None
    #: Of the report that it tells of, if that was traced (spec R41).
    traceparent: str | None = None

    @property
    def due_since(self) -> datetime:
        """From when its lateness and its patience count: an operator may have put it back (spec R42)."""
        return self.redriven_at or self.standing.due_at

    @property
    def key(self) -> str:
        """What logs call it: names nobody."""
        return f"{self.action_id}-{self.standing.place}"


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a claimed notice.

    `at`: when it was told; `again_at`: when the next attempt may begin; each only in its state.
    `bounced`: the address that does not exist, so that no further mail goes there (spec R19).
    """

    action_id: int
    place: Place
    attempts: int
    state: State
    reason: str | None = None
    at: datetime | None = None
    again_at: datetime | None = None
    detail: str | None = None
    bounced: str | None = None


# attempt_at becomes the lease's end; until then a row without detail is in somebody's hands (store/erasing). The rows
# are picked once, before anything else, and updated where they lie: joined by key, a plan made while the table was
# empty would read it whole. Place by place, so that many mails that wait for a mail server are not read through to find
# what a page waits for. A mail server that is away for weeks is probed more often than a smallint counts to.
_CLAIM = """
UPDATE jobboard.notice SET attempt_at = %(until)s, detail = NULL,
    attempts = CASE WHEN attempts < 32767 THEN attempts + 1 ELSE 16384 END
WHERE ctid = ANY (ARRAY (
    SELECT w.ctid FROM unnest(%(places)s::text[]) AS p (place) CROSS JOIN LATERAL (
        SELECT n.ctid FROM jobboard.notice n
        WHERE n.state = 'waiting' AND n.place = p.place AND n.attempt_at <= %(now)s
        ORDER BY n.attempt_at LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) w LIMIT %(limit)s
))
RETURNING action_id, place, attempts
"""

# Each by its key: were the state compared by =, a plan made on a new board would read all that waits for each claim.
_READ = """
SELECT n.action_id, n.attempts, n.action, n.place, a.performed_at, n.due_at,
       c.applicant_notifications AND n.action_id > c.consent_after,
       (SELECT min(t.performed_at) FROM jobboard.notice d JOIN jobboard.action t ON t.id = d.action_id
        WHERE d.application_number = n.application_number AND d.action = ANY (%(deciders)s::text[])
          AND d.state <> 'withheld' AND d.state = 'told'),
       p.viewed_mails, p.status_mails, p.mail_suppressed IS NOT NULL,
       p.id, p.name, p.email, p.language, p.time_zone, c.name, j.title, s.submitted_at, n.redriven_at, a.traceparent
FROM unnest(%(action_id)s::bigint[], %(place)s::text[], %(attempts)s::int[]) AS k (action_id, place, attempts)
JOIN jobboard.notice n ON n.action_id = k.action_id AND n.place = k.place AND n.attempts = k.attempts
JOIN jobboard.action a ON a.id = n.action_id
JOIN jobboard.application s ON s.number = n.application_number
JOIN jobboard.customer c ON c.organization = s.organization
JOIN jobboard.job j ON j.id = s.job_id
JOIN jobboard.applicant p ON p.id = s.applicant_id
WHERE n.state IS NOT DISTINCT FROM 'waiting'
"""

# told_at and attempt_at never come before due_at, whatever the machine's clock did meanwhile. A notice whose report was
# taken back while it was being told is told: else a later report of the same would tell it a second time (spec R14).
_SETTLE = """
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(settled)s::json)
        AS g (action_id bigint, place text, attempts int, state text, reason text, at timestamptz,
              again_at timestamptz, detail text, bounced text)
), settled AS (
    UPDATE jobboard.notice n
    SET state = g.state, reason = g.reason, detail = g.detail,
        told_at = CASE g.state WHEN 'told' THEN greatest(g.at, n.due_at) END,
        attempt_at = CASE g.state WHEN 'waiting' THEN greatest(g.again_at, n.due_at) END
    FROM given g
    WHERE n.action_id = g.action_id AND n.place = g.place AND n.attempts = g.attempts
      AND (n.state = 'waiting' OR n.reason = 'withdrawn' AND g.state = 'told' AND NOT EXISTS (
          SELECT FROM jobboard.notice o WHERE o.application_number = n.application_number AND o.action = n.action
            AND o.place = n.place AND o.state <> 'withheld'))
    RETURNING n.action_id, n.place, n.application_number, n.state
), suppressed AS (
    UPDATE jobboard.applicant p SET mail_suppressed = 'hard_bounce'
    FROM given g
    JOIN settled s ON s.action_id = g.action_id AND s.place = g.place
    JOIN jobboard.application t ON t.number = s.application_number
    WHERE g.bounced IS NOT NULL AND p.id = t.applicant_id AND p.email = g.bounced AND p.mail_suppressed IS NULL
), woken AS (
    SELECT pg_notify('jobboard_live', string_agg(DISTINCT t.applicant_id::text, ','))
    FROM settled s JOIN jobboard.application t ON t.number = s.application_number
    WHERE s.state = 'told' AND s.place = ANY (%(pages)s::text[])
    HAVING count(*) > 0
)
SELECT action_id, place, (SELECT count(*) FROM woken) FROM settled
"""


async def claim(
    connection: AsyncConnection, places: Sequence[Place], now: datetime, lease: timedelta, limit: int
) -> list[tuple[int, str, int]]:
    """Lease up to `limit` notices that are due at these places: (action id, place, attempts), committed on return."""
    cursor = await connection.execute(
        _CLAIM,
        {"places": _array(places), "now": now, "until": now + lease, "limit": limit},
        prepare=True,
    )
    return await cursor.fetchall()


async def read(
    connection: AsyncConnection, claimed: Sequence[tuple[int, str, int]], deciders: Iterable[str]
) -> list[Due]:
    """What is true of claimed notices now, in one read (spec R15, R18, R19). Withdrawn or erased ones are absent."""
    cursor = await connection.execute(
        _READ,
        _keys(claimed) | {"deciders": _array(deciders)},
        prepare=True,
    )
    return [_due(row) for row in await cursor.fetchall()]


def _keys(claimed: Sequence[tuple[int, str, int]]) -> dict[str, str]:
    action_ids, places, attempts = (_array(column) for column in zip(*claimed, strict=True))
    return {"action_id": action_ids, "place": places, "attempts": attempts}


def _due(row: tuple[Any, ...]) -> Due:
    action_id, attempts, action, place, performed_at, due_at, consent, decided_at, viewed, status, suppressed = row[:11]
    standing = Standing(
        action=action,
        place=Place(place),
        performed_at=performed_at,
        due_at=due_at,
        consent=consent,
        decided_at=decided_at,
        viewed_mails=viewed,
        status_mails=status,
        mail_suppressed=suppressed,
    )
    return Due(action_id, attempts, standing, *row[11:])


# What waits and was not tried yet, of the same that was told after all though its report was taken back meanwhile.
_GIVE_WAY = """
UPDATE jobboard.notice o SET state = 'withheld', reason = 'already_told', attempt_at = NULL
FROM unnest(%(action_id)s::bigint[], %(place)s::text[], %(attempts)s::int[]) AS k (action_id, place, attempts)
JOIN jobboard.notice n ON n.action_id = k.action_id AND n.place = k.place AND n.attempts = k.attempts
WHERE n.state = 'withheld' AND n.reason = 'withdrawn' AND o.application_number = n.application_number
  AND o.action = n.action AND o.place = n.place AND o.state = 'waiting' AND o.attempts = 0
"""


async def settle(connection: AsyncConnection, settled: Sequence[Settled]) -> set[tuple[int, str]]:
    """Store what became of notices and wake pages, in one transaction; the (action id, place) that were settled.

    One that is missing from the answer was claimed by another since, withdrawn, erased, or settled already.
    """
    stored = await _settle(connection, settled)
    told = [row for row in settled if row.state is State.TOLD and (row.action_id, row.place) not in stored]
    if told:
        async with connection.transaction():
            cursor = await connection.execute(_GIVE_WAY, _keys([(t.action_id, t.place, t.attempts) for t in told]))
            if cursor.rowcount:
                stored |= await _settle(connection, told)
    return stored


async def _settle(connection: AsyncConnection, settled: Sequence[Settled]) -> set[tuple[int, str]]:
    given = json.dumps([{name: getattr(row, name) for name in Settled.__slots__} for row in settled], default=_text)
    cursor = await connection.execute(_SETTLE, {"settled": given, "pages": _array(sorted(PAGES))}, prepare=True)
    return {(action_id, place) for action_id, place, _ in await cursor.fetchall()}


def _text(moment: datetime) -> str:
    return moment.isoformat()


# By hand, for numbers and our own tokens only: psycopg's list adapter costs more than the database does.
def _array(values: Iterable[int | str]) -> str:
    return "{" + ",".join([str(value) for value in values]) + "}"


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which mails an applicant wants (spec R19), and the language in which to ask."""

    viewed_mails: bool
    status_mails: bool
    language: str


async def preferences(connection: AsyncConnection, applicant_id: int) -> Preferences | None:
    """An applicant's preferences; None: there is no such applicant any more."""
    cursor = await connection.execute(
        "SELECT viewed_mails, status_mails, language FROM jobboard.applicant WHERE id = %s", (applicant_id,)
    )
    row = await cursor.fetchone()
    return None if row is None else Preferences(*row)


async def prefer(
    connection: AsyncConnection,
    applicant_id: int,
    *,
    viewed_mails: bool | None = None,
    status_mails: bool | None = None,
) -> bool:
    """Set preferences, None leaves one as it is; whether there is such an applicant."""
    cursor = await connection.execute(
        """UPDATE jobboard.applicant SET viewed_mails = coalesce(%s, viewed_mails),
               status_mails = coalesce(%s, status_mails) WHERE id = %s""",
        (viewed_mails, status_mails, applicant_id),
    )
    return cursor.rowcount == 1
