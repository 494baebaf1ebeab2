"""Reading what a group of reports is judged by, and writing their actions and notices in one statement.

One statement is one transaction (spec R9): actions and notices are stored together or not at all.
Must not decide who is told what: rules/plan does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection

from unghost.jobboard.rules.plan import Planned, Reason, State

#: NOTIFY channels: applicants whose pages changed; a notice is due now; who may use the wire has changed.
LIVE, DUE, ACCESS = "jobboard_live", "jobboard_due", "jobboard_access"

_PAYLOAD = 7900  # bytes; PostgreSQL takes payloads below 8,000

Key = tuple[int, str, datetime]
"""What makes an occurrence one of its kind: application number, action, performedAt (spec R8)."""


class Known(Struct, frozen=True):
    """What the database knows of one report: `action_id` if that occurrence is stored already, else None."""

    action_id: int | None
    organization: int
    applicant_id: int
    submitted_at: datetime
    consent: bool
    #: The customer's own; None: it has none.
    holds: Any
    #: Actions and, beside each, the place where it is told or waiting to be, and whether it is waiting.
    spoken_actions: list[str] | None
    spoken_places: list[str] | None
    spoken_waiting: list[bool] | None
    decided_at: datetime | None


class NewAction(Struct, frozen=True):
    """An action to be stored with its notices. `reported_by` is None for the job board itself.

    `traceparent`: of the report's span if it is traced (spec R41).
    """

    application: int
    action: str
    performed_at: datetime
    reported_by: int | None
    notices: tuple[Planned, ...]
    traceparent: str | None = None


_KNOWN = """
SELECT k.nth,
       (SELECT x.id FROM jobboard.action x
        WHERE x.application_number = k.number AND x.performed_at = k.performed_at AND x.action = k.action),
       a.organization, a.applicant_id, a.submitted_at, c.applicant_notifications, nullif(c.holds, '{}'),
       n.actions, n.places, n.waiting, n.decided_at
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) WITH ORDINALITY AS k (number, action, performed_at, nth)
JOIN jobboard.application a ON a.number = k.number
JOIN jobboard.customer c ON c.organization = a.organization
LEFT JOIN LATERAL (
    SELECT array_agg(s.action) AS actions, array_agg(s.place) AS places,
           array_agg(s.state = 'waiting') AS waiting,
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
                         %(reported_by)s::bigint[], %(traceparent)s::text[])
         WITH ORDINALITY AS g (number, action, performed_at, reported_by, traceparent, nth)
), stored AS (
    INSERT INTO jobboard.action (application_number, action, performed_at, received_at, reported_by, traceparent)
    SELECT number, action, performed_at, %(now)s, reported_by, traceparent FROM given ORDER BY nth
    ON CONFLICT (application_number, performed_at, action) DO NOTHING
    RETURNING id, application_number, action, performed_at
), numbered AS MATERIALIZED (
    SELECT g.nth, s.id, s.application_number, s.action
    FROM stored s JOIN given g
        ON g.number = s.application_number AND g.performed_at = s.performed_at AND g.action = s.action
), planned AS MATERIALIZED (
    SELECT n.id, p.place, n.application_number, n.action, p.state, p.reason, p.due_at, p.nth
    FROM unnest(%(of)s::int[], %(place)s::text[], %(state)s::text[], %(reason)s::text[], %(due_at)s::timestamptz[])
         WITH ORDINALITY AS p (of, place, state, reason, due_at, nth)
    JOIN numbered n ON n.nth = p.of
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
SELECT nth, id, (SELECT count(*) FROM woken) FROM numbered
"""


async def known(connection: AsyncConnection, keys: Sequence[Key], deciders: Sequence[str]) -> list[Known | None]:
    """What is known of each report, in order; None where there is no such application."""
    numbers = ",".join([str(number) for number, _, _ in keys])
    actions = ",".join([action for _, action, _ in keys])
    moments = ",".join([performed_at.isoformat() for _, _, performed_at in keys])
    values = (f"{{{numbers}}}", f"{{{actions}}}", f"{{{moments}}}", deciders)
    cursor = await connection.execute(_KNOWN, values, prepare=True)
    found: list[Known | None] = [None] * len(keys)
    for row in await cursor.fetchall():
        found[row[0] - 1] = Known(*row[1:])
    return found


async def store(
    connection: AsyncConnection, actions: Sequence[NewAction], now: datetime, applicants: Iterable[int]
) -> list[int | None]:
    """Store actions with their notices, and wake the pages of `applicants`: the id of each action, in order.

    None is one that another process stored meanwhile. On an autocommit connection the call is one transaction; inside
    a transaction it is part of it.
    """
    rows = _Rows(now)
    order = sorted(range(len(actions)), key=lambda i: actions[i].application)
    for nth, i in enumerate(order, 1):
        rows.add(nth, actions[i])
    payloads = _payloads(applicants) if rows.told else []
    channels = [LIVE] * len(payloads) + [DUE] * rows.due
    values = rows.literals() | {
        "now": now,
        "already_told": Reason.ALREADY_TOLD,
        "channels": channels,
        "payloads": payloads + [""] * rows.due,
    }
    cursor = await connection.execute(_STORE, values, prepare=True)
    ids: list[int | None] = [None] * len(actions)
    for nth, id, _ in await cursor.fetchall():
        ids[order[nth - 1]] = id
    return ids


class _Rows:
    """The columns of a statement's rows, gathered in one pass and written as array literals.

    psycopg's list adapter costs more than the database does at these sizes. Only numbers, our own tokens and W3C's
    (no comma, quote, brace or space) and ISO times go in, so nothing needs quoting.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._columns: dict[str, list[str]] = {name: [] for name in _COLUMNS}
        self._written: dict[datetime, str] = {}
        #: Is a page's notice told by these rows; is one due that a dispatcher must tell?
        self.told = self.due = False

    def add(self, nth: int, action: NewAction) -> None:
        """An action, the `nth`, and its notices."""
        number, name, performed_at, reported_by, traceparent, of, place, state, reason, due_at = self._columns.values()
        number.append(str(action.application))
        name.append(action.action)
        performed_at.append(self._moment(action.performed_at))
        reported_by.append("NULL" if action.reported_by is None else str(action.reported_by))
        traceparent.append(action.traceparent or "NULL")
        for notice in action.notices:
            of.append(str(nth))
            place.append(notice.place)
            state.append(notice.state)
            reason.append(notice.reason or "NULL")
            due_at.append(self._moment(notice.due_at))
            if notice.state is State.TOLD:
                self.told = True
            elif notice.state is State.WAITING and notice.due_at <= self._now:
                self.due = True

    def literals(self) -> dict[str, object]:
        """Each column as an array literal."""
        return {name: "{" + ",".join(column) + "}" for name, column in self._columns.items()}

    def _moment(self, at: datetime) -> str:
        written = self._written.get(at)
        if written is None:
            written = self._written[at] = at.isoformat()
        return written


_COLUMNS = (
    "number",
    "action",
    "performed_at",
    "reported_by",
    "traceparent",
    "of",
    "place",
    "state",
    "reason",
    "due_at",
)


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
