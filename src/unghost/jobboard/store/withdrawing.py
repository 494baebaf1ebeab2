"""Taking a report back: what it has not told yet is withheld, and another report of the same has its turn (spec R10).

Must not decide who may: web/withdraw asks whose token it is, the statement whose report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation

from unghost.jobboard.rules.policy import PAGES
from unghost.jobboard.store.accepting import DUE, notify


@dataclass(frozen=True, slots=True)
class Freed:
    """What an application may be told again. `at`: not before, for a mail of the former notice may be on its way."""

    application: int
    action: str
    place: str
    at: datetime


# A page's notice that is due is shown already, whether or not a dispatcher has come by: it is told, and stays. One that
# was withheld because another would tell the same is withdrawn too, so that it never takes that one's place; and a mail
# that was given up, so that nobody puts it back (spec R42).
_WITHDRAW = """
WITH found AS MATERIALIZED (
    SELECT a.id FROM jobboard.action a WHERE a.id = %(id)s AND a.reported_by = %(reported_by)s
), held AS MATERIALIZED (
    SELECT n.action_id, n.place, n.state,
           greatest(%(now)s, CASE WHEN n.attempts > 0 THEN n.attempt_at END) AS free_at
    FROM found f JOIN jobboard.notice n ON n.action_id = f.id
    WHERE n.state = 'waiting' AND NOT (n.place = ANY (%(pages)s::text[]) AND n.due_at <= %(now)s)
       OR n.state = 'withheld' AND n.reason IN ('already_told', 'undeliverable')
    FOR UPDATE OF n
), withheld AS (
    UPDATE jobboard.notice n SET state = 'withheld', reason = 'withdrawn', attempt_at = NULL
    FROM held h WHERE n.action_id = h.action_id AND n.place = h.place
    RETURNING n.application_number, n.action, n.place, h.free_at, h.state
)
SELECT w.application_number, w.action, w.place, w.free_at
FROM found LEFT JOIN withheld w ON w.state = 'waiting'
"""

_FREE = """
SELECT g.nth FROM unnest(%s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY AS g (application, action, place, nth)
WHERE NOT EXISTS (
    SELECT FROM jobboard.notice o
    WHERE o.application_number = g.application AND o.action = g.action AND o.place = g.place AND o.state <> 'withheld')
"""

# The first by performedAt whose report still stands. Its own hold counts; whether it may be told is asked then.
_HAND_ON = """
WITH next AS (
    SELECT n.action_id, n.place
    FROM jobboard.action a JOIN jobboard.notice n ON n.action_id = a.id AND n.place = %(place)s
    WHERE a.application_number = %(application)s AND a.action = %(action)s
      AND n.state = 'withheld' AND n.reason = 'already_told'
      AND NOT EXISTS (
          SELECT FROM jobboard.notice o
          WHERE o.application_number = %(application)s AND o.action = %(action)s AND o.place = %(place)s
            AND o.state <> 'withheld')
    ORDER BY a.performed_at, a.id LIMIT 1
    FOR UPDATE OF n
)
UPDATE jobboard.notice n SET state = 'waiting', reason = NULL, attempt_at = greatest(n.due_at, %(at)s)
FROM next WHERE n.action_id = next.action_id AND n.place = next.place
"""


async def withdraw(connection: AsyncConnection[Any], action_id: int, reported_by: int, now: datetime) -> bool:
    """Withhold the notices of an action that are not told yet, as `withdrawn`; what is told stays. Again: the same.

    Another report of the same action that still stands, and was withheld for the sake of this one, waits in its place.
    `reported_by`: the id of the child application. False if it reported no such action; then nothing is changed.
    In the caller's transaction.
    """
    given = {"id": action_id, "reported_by": reported_by, "pages": sorted(PAGES), "now": now}
    rows = await (await connection.execute(_WITHDRAW, given)).fetchall()
    for row in rows:
        if row[0] is not None:
            await hand_on(connection, Freed(*row))
    return bool(rows)


async def free(connection: AsyncConnection[Any], places: Sequence[Freed]) -> list[Freed]:
    """Those in which nothing is told or waits: seldom any, so that many are looked at in one statement."""
    given = ([each.application for each in places], [each.action for each in places], [each.place for each in places])
    cursor = await connection.execute(_FREE, given, prepare=True)
    return [places[nth - 1] for (nth,) in await cursor.fetchall()]


async def hand_on(connection: AsyncConnection[Any], freed: Freed) -> None:
    """Let the next one that still stands wait in the place of a notice that was taken back; none, if another does."""
    given = {"application": freed.application, "action": freed.action, "place": freed.place, "at": freed.at}
    try:
        async with connection.transaction():
            cursor = await connection.execute(_HAND_ON, given)
    except UniqueViolation:  # a new report was quicker
        return
    if cursor.rowcount:
        await notify(connection, DUE)
