"""What can be wrong with the rows of a board, each asked by one statement (spec R41). Reads only.

What the tables' own constraints forbid is not searched for while they stand: that they stand is the proof.
Must not say what it means: jobboard/audit does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

#: Rows of a finding are counted as far as this.
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """How many rows of a kind are wrong, and one of them.

    `what`: a place, an action, a customer's number or a webhook, as the question has it; `since`: the earliest moment
    among them; `detail`: the last answer that the example met.
    """

    count: int
    what: str | None
    application: int | None
    since: datetime | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Guards:
    """Which of the constraints that forbid the worst stand and hold: nothing early, nothing attempted early, once."""

    told_after_hold: bool
    tried_after_hold: bool
    told_once: bool


_GUARDS = """
SELECT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = 'jobboard.notice'::regclass AND c.contype = 'c'
                 AND c.convalidated AND pg_get_expr(c.conbin, c.conrelid) = '(told_at >= due_at)') AS told_after_hold,
       EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = 'jobboard.notice'::regclass AND c.contype = 'c'
                 AND c.convalidated AND pg_get_expr(c.conbin, c.conrelid) = '(attempt_at >= due_at)')
           AS tried_after_hold,
       EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass('jobboard.notice_told_once')
                 AND i.indisunique AND i.indisvalid) AS told_once
"""

_LONGEST_HOLD = """
SELECT coalesce(max((h.value #>> '{}')::bigint), 0)
FROM jobboard.customer c CROSS JOIN LATERAL jsonb_each(c.holds) h
WHERE c.holds <> '{}' AND jsonb_typeof(h.value) = 'number' AND h.value #>> '{}' ~ '^[0-9]{1,11}$'
"""

#: Each question by its name. A board of any size answers at once: they read an index of what waits, or the newest rows.
#: OFFSET 0 makes PostgreSQL look each one up instead of reading all actions.
QUESTIONS: Mapping[str, str] = {
    "untaken": """
        SELECT count(*), (array_agg(w.place ORDER BY w.attempt_at))[1] AS what, min(w.attempt_at) AS since,
               (array_agg(w.application_number ORDER BY w.attempt_at))[1] AS application, NULL AS detail
        FROM unnest(%(places)s::text[]) p (place) CROSS JOIN LATERAL (
            SELECT n.place, n.application_number, n.attempt_at, n.attempts FROM jobboard.notice n
            WHERE n.state = 'waiting' AND n.place = p.place AND n.attempt_at <= %(late)s
            ORDER BY n.attempt_at LIMIT %(most)s) w
        WHERE w.attempts = 0""",
    "abandoned": """
        SELECT count(*), (array_agg(w.place ORDER BY w.attempt_at))[1] AS what, min(w.attempt_at) AS since,
               (array_agg(w.application_number ORDER BY w.attempt_at))[1] AS application,
               (array_agg(w.detail ORDER BY w.attempt_at))[1] AS detail
        FROM unnest(%(places)s::text[]) p (place) CROSS JOIN LATERAL (
            SELECT n.place, n.application_number, n.attempt_at, n.attempts, n.detail FROM jobboard.notice n
            WHERE n.state = 'waiting' AND n.place = p.place AND n.attempt_at <= %(late)s
            ORDER BY n.attempt_at LIMIT %(most)s) w
        WHERE w.attempts > 0""",
    "out_of_reach": """
        SELECT count(*), (array_agg(w.place ORDER BY w.attempt_at DESC))[1] AS what, max(w.attempt_at) AS since,
               (array_agg(w.application_number ORDER BY w.attempt_at DESC))[1] AS application, NULL AS detail
        FROM unnest(%(places)s::text[]) p (place) CROSS JOIN LATERAL (
            SELECT n.place, n.application_number, n.attempt_at, n.due_at FROM jobboard.notice n
            WHERE n.state = 'waiting' AND n.place = p.place AND n.attempt_at > %(next_try)s) w
        WHERE w.due_at <= %(now)s OR w.attempt_at > %(longest)s""",
    "unknown_action": """
        SELECT count(*), min(w.action) AS what, min(w.application_number) AS application, min(w.due_at) AS since,
               NULL AS detail
        FROM jobboard.notice w WHERE w.state = 'waiting' AND w.action <> ALL (%(known)s::text[])""",
    "vanished": """
        SELECT count(*), min(g.place) AS what, min(g.application_number) AS application, min(g.due_at) AS since,
               NULL AS detail
        FROM (
            SELECT w.action_id, w.place, w.application_number, w.due_at FROM jobboard.notice w
            WHERE w.state = 'waiting'
              AND NOT EXISTS (SELECT FROM jobboard.action a WHERE a.id = w.action_id OFFSET 0)
            UNION
            SELECT n.action_id, n.place, n.application_number, n.due_at FROM jobboard.notice n
            WHERE n.action_id > %(after)s
              AND NOT EXISTS (SELECT FROM jobboard.action a WHERE a.id = n.action_id AND a.id > %(after)s)
        ) g""",
    "unplanned": """
        SELECT count(*), min(a.action) AS what, min(a.application_number) AS application, min(a.received_at) AS since,
               NULL AS detail
        FROM jobboard.action a
        WHERE a.id > %(after)s AND a.action = ANY (%(placed)s::text[])
          AND NOT EXISTS (SELECT FROM jobboard.notice n WHERE n.action_id = a.id AND n.action_id > %(after)s)""",
    "unreadable": """
        SELECT count(DISTINCT c.organization), min(c.organization)::text AS what, NULL::bigint AS application,
               NULL::timestamptz AS since, min(h.key) AS detail
        FROM jobboard.customer c CROSS JOIN LATERAL jsonb_each(c.holds) h
        WHERE c.holds <> '{}'
          AND (jsonb_typeof(h.value) <> 'number' OR h.value #>> '{}' !~ '^[0-9]{1,11}$')""",
    "ahead": """
        SELECT count(*), min(a.action) AS what, min(a.application_number) AS application, max(a.received_at) AS since,
               NULL AS detail
        FROM jobboard.action a WHERE a.id > %(after)s AND a.received_at > %(soon)s""",
    "behind_webhook": """
        SELECT count(*), (array_agg(s.url ORDER BY s.attempt_at))[1] AS what, min(s.attempt_at) AS since,
               (array_agg(s.application_number ORDER BY s.attempt_at))[1] AS application,
               (array_agg(s.detail ORDER BY s.attempt_at))[1] AS detail
        FROM (
            SELECT w.url, w.detail, d.application_number, d.attempt_at
            FROM jobboard.webhook w
            JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
            LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
            CROSS JOIN LATERAL (
                SELECT e.application_number, e.attempt_at FROM jobboard.delivery e
                WHERE e.webhook_id = w.id AND e.state = 'waiting' AND e.attempt_at <= %(late)s
                ORDER BY e.attempt_at LIMIT %(most)s) d
            WHERE w.state <> 'verified' OR o.revoked_at IS NOT NULL OR p.revoked_at IS NOT NULL
        ) s""",
    "undelivered": """
        SELECT count(*), (array_agg(s.url ORDER BY s.attempt_at))[1] AS what, min(s.attempt_at) AS since,
               (array_agg(s.application_number ORDER BY s.attempt_at))[1] AS application,
               (array_agg(s.detail ORDER BY s.attempt_at))[1] AS detail
        FROM (
            SELECT w.url, d.application_number, d.attempt_at, d.detail
            FROM jobboard.webhook w
            JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
            LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
            CROSS JOIN LATERAL (
                SELECT e.application_number, e.attempt_at, e.detail FROM jobboard.delivery e
                WHERE e.webhook_id = w.id AND e.state = 'waiting' AND e.attempt_at <= %(late)s
                ORDER BY e.attempt_at LIMIT %(most)s) d
            WHERE w.state = 'verified' AND o.revoked_at IS NULL AND p.revoked_at IS NULL
        ) s""",
    "unchallenged": """
        SELECT count(*), (array_agg(w.url ORDER BY w.attempt_at))[1] AS what, min(w.attempt_at) AS since,
               NULL::bigint AS application, (array_agg(w.detail ORDER BY w.attempt_at))[1] AS detail
        FROM jobboard.webhook w
        JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
        LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
        WHERE w.state <> 'blocked' AND w.attempt_at <= %(late)s AND o.revoked_at IS NULL AND p.revoked_at IS NULL""",
}

#: Asked only when the constraint does not stand that forbids it: they read the whole table.
FORBIDDEN: Mapping[str, str] = {
    "told_early": """
        SELECT count(*), min(n.place) AS what, min(n.application_number) AS application, min(n.told_at) AS since,
               NULL AS detail
        FROM jobboard.notice n WHERE n.told_at < n.due_at""",
    "tried_early": """
        SELECT count(*), min(n.place) AS what, min(n.application_number) AS application, min(n.attempt_at) AS since,
               NULL AS detail
        FROM jobboard.notice n WHERE n.attempt_at < n.due_at""",
    "told_twice": """
        SELECT count(*), min(t.place) AS what, min(t.application_number) AS application, min(t.since) AS since,
               NULL AS detail
        FROM (
            SELECT n.application_number, n.place, min(n.told_at) AS since FROM jobboard.notice n
            WHERE n.state <> 'withheld' GROUP BY n.application_number, n.action, n.place HAVING count(*) > 1
        ) t""",
}


async def guards(connection: AsyncConnection[Any]) -> Guards:
    """Which constraints stand."""
    async with connection.cursor(row_factory=class_row(Guards)) as cursor:
        await cursor.execute(_GUARDS)
        found = await cursor.fetchone()
    assert found is not None
    return found


async def longest_hold(connection: AsyncConnection[Any]) -> int:
    """The longest hold that a customer has of its own, in seconds; 0 if none has any."""
    row = await (await connection.execute(_LONGEST_HOLD)).fetchone()
    assert row is not None
    return int(row[0])


async def ask(connection: AsyncConnection[Any], name: str, given: Mapping[str, object]) -> Found | None:
    """The answer to one of the `QUESTIONS` or of what is `FORBIDDEN`; None: nothing is wrong."""
    statement = QUESTIONS.get(name) or FORBIDDEN[name]
    async with connection.cursor(row_factory=class_row(Found)) as cursor:
        await cursor.execute(statement.encode(), {"most": MOST, **given})
        found = await cursor.fetchone()
    return found if found and found.count else None
