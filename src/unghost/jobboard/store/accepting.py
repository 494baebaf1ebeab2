"""Reading what a group of reports is judged by, and writing their actions and notices in one statement.

One statement is one transaction (spec R9): actions and notices are stored together or not at all.
Must not decide who is told what: rules/plan does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.rules.plan import Planned, Reason, State

#: NOTIFY channels: applicants whose pages changed; a notice is due now; who may use the wire has changed.
LIVE, DUE, ACCESS = "jobboard_live", "jobboard_due", "jobboard_access"

_PAYLOAD = 7900  # bytes; PostgreSQL takes payloads below 8,000

Key = tuple[int, str, datetime]
"""What makes an occurrence one of its kind: application number, action, performedAt (spec R8)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of one report: `action_id` if that occurrence is stored already, else None."""

    action_id: int | None
    organization: int
    applicant_id: int
    submitted_at: datetime
    consent: bool
    holds: Any
    spoken_for: list[str] | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewAction:
    """An action to be stored with its notices. `reported_by` is None for the job board itself."""

    application: int
    action: str
    performed_at: datetime
    reported_by: int | None
    notices: tuple[Planned, ...]


_KNOWN = """
SELECT k.nth,
       (SELECT x.id FROM jobboard.action x
        WHERE x.application_number = k.number AND x.performed_at = k.performed_at AND x.action = k.action),
       a.organization, a.applicant_id, a.submitted_at, c.applicant_notifications, c.holds,
       n.spoken_for, n.decided_at
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) WITH ORDINALITY AS k (number, action, performed_at, nth)
JOIN jobboard.application a ON a.number = k.number
JOIN jobboard.customer c ON c.organization = a.organization
LEFT JOIN LATERAL (
    SELECT array_agg(s.action || ' ' || s.place) AS spoken_for,
           min(CASE WHEN s.state = 'told' AND s.action = ANY (%s::text[])
               THEN (SELECT d.performed_at FROM jobboard.action d WHERE d.id = s.action_id) END) AS decided_at
    FROM jobboard.notice s
    WHERE s.application_number = k.number AND s.state <> 'withheld'
) n ON true
"""

# Rows go in ordered by application, so that two groups that meet wait for each other instead of deadlocking.
# `beaten`: another process told the same thing first, between our reading and our writing (spec R14).
_STORE = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%(number)s::bigint[], %(action)s::text[], %(performed_at)s::timestamptz[],
                         %(reported_by)s::bigint[]) AS g (number, action, performed_at, reported_by)
), stored AS (
    INSERT INTO jobboard.action (application_number, action, performed_at, received_at, reported_by)
    SELECT number, action, performed_at, %(now)s, reported_by FROM given
    ON CONFLICT (application_number, performed_at, action) DO NOTHING
    RETURNING id, application_number, action, performed_at
), planned AS (
    SELECT s.id, p.place, s.application_number, s.action, p.state, p.reason, p.due_at, p.nth
    FROM unnest(%(of)s::int[], %(place)s::text[], %(state)s::text[], %(reason)s::text[], %(due_at)s::timestamptz[])
         WITH ORDINALITY AS p (of, place, state, reason, due_at, nth)
    JOIN (SELECT *, row_number() OVER () AS of FROM given) g USING (of)
    JOIN stored s ON s.application_number = g.number AND s.performed_at = g.performed_at AND s.action = g.action
), noticed AS (
    INSERT INTO jobboard.notice
        (action_id, place, application_number, action, state, reason, due_at, told_at, attempt_at)
    SELECT id, place, application_number, action, state, reason, due_at,
           CASE state WHEN 'told' THEN %(now)s::timestamptz END, CASE state WHEN 'waiting' THEN due_at END
    FROM planned ORDER BY nth
    ON CONFLICT (application_number, action, place) WHERE state <> 'withheld' DO NOTHING
    RETURNING action_id, place
), beaten AS (
    INSERT INTO jobboard.notice (action_id, place, application_number, action, state, reason, due_at)
    SELECT id, place, application_number, action, 'withheld', %(already_told)s, due_at
    FROM (SELECT id, place FROM planned EXCEPT SELECT action_id, place FROM noticed) b JOIN planned USING (id, place)
), woken AS (
    SELECT pg_notify(channel, payload) FROM unnest(%(channels)s::text[], %(payloads)s::text[]) w (channel, payload)
)
SELECT id, application_number, action, performed_at, (SELECT count(*) FROM woken) FROM stored
"""


async def prepare(connection: AsyncConnection, lock_timeout: timedelta) -> None:
    """Set up a connection for `known` and `store`.

    Both go by index and are planned once: a plan made while the tables were empty would scan them for ever.
    """
    for setting in (
        f"lock_timeout = {lock_timeout // timedelta(milliseconds=1)}",
        "plan_cache_mode = force_generic_plan",
        "enable_seqscan = off",
        "enable_bitmapscan = off",
    ):
        await connection.execute(f"SET {setting}".encode())


async def known(connection: AsyncConnection, keys: Sequence[Key], deciders: Iterable[str]) -> list[Known | None]:
    """What is known of each report, in order; None where there is no such application."""
    found: list[Known | None] = [None] * len(keys)
    numbers, actions, moments = _array(k[0] for k in keys), _array(k[1] for k in keys), _moments(k[2] for k in keys)
    cursor = await connection.execute(_KNOWN, (numbers, actions, moments, list(deciders)), prepare=True)
    for nth, *row in await cursor.fetchall():
        found[nth - 1] = Known(*row)
    return found


async def store(
    connection: AsyncConnection, actions: Sequence[NewAction], now: datetime, applicants: Iterable[int]
) -> dict[Key, int]:
    """Store actions with their notices, and wake the pages of `applicants`: key -> id of those stored.

    An action that another process stored meanwhile is absent from the answer. On an autocommit connection the call
    is one transaction; inside a transaction it is part of it.
    """
    actions = sorted(actions, key=lambda a: (a.application, a.action, a.performed_at))
    planned = [(of, notice) for of, a in enumerate(actions, 1) for notice in a.notices]
    due = any(n.state is State.WAITING and n.due_at <= now for _, n in planned)
    told = any(n.state is State.TOLD for _, n in planned)
    payloads = _payloads(applicants) if told else []
    cursor = await connection.execute(
        _STORE,
        {
            "number": _array(a.application for a in actions),
            "action": _array(a.action for a in actions),
            "performed_at": _moments(a.performed_at for a in actions),
            "reported_by": _array(a.reported_by for a in actions),
            "now": now,
            "of": _array(of for of, _ in planned),
            "place": _array(n.place for _, n in planned),
            "state": _array(n.state for _, n in planned),
            "reason": _array(n.reason for _, n in planned),
            "due_at": _moments(n.due_at for _, n in planned),
            "already_told": Reason.ALREADY_TOLD,
            "channels": [LIVE] * len(payloads) + [DUE] * due,
            "payloads": payloads + [""] * due,
        },
        prepare=True,
    )
    return {(number, action, at): id for id, number, action, at, _ in await cursor.fetchall()}


async def notify(connection: AsyncConnection, channel: str, applicants: Iterable[int] = ()) -> None:
    """Send a NOTIFY when the transaction commits: LIVE names the applicants, the others say nothing."""
    payloads = _payloads(applicants) if channel == LIVE else [""]
    await connection.execute("SELECT pg_notify(%s, p) FROM unnest(%s::text[]) p", (channel, payloads))


def _payloads(applicants: Iterable[int]) -> list[str]:
    payloads: list[str] = []
    waiting = ""
    for id in applicants:
        if len(waiting) > _PAYLOAD:
            payloads.append(waiting)
            waiting = ""
        waiting = f"{waiting},{id}" if waiting else str(id)
    return [*payloads, waiting] if waiting else payloads


# Array literals are written by hand: psycopg's list adapter costs more than the database does at these sizes.
# Only numbers, our own tokens (no comma, quote, brace or space) and ISO times go in, so nothing needs quoting.
def _array(values: Iterable[int | str | None]) -> str:
    return "{" + ",".join(["NULL" if v is None else str(v) for v in values]) + "}"


def _moments(values: Iterable[datetime]) -> str:
    return "{" + ",".join([v.isoformat() for v in values]) + "}"
