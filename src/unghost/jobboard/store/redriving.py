"""What was given up at the board's end, and putting it back to be tried once more (spec R42).

Dead letters are mails given up as undeliverable, deliveries that failed, and webhooks that are blocked. Putting back
only makes them wait: whether a mail may still be told is asked by the dispatcher, as ever (spec R15, R18, R19).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection, errors
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed

from unghost.jobboard.store.accepting import DUE, notify
from unghost.jobboard.store.webhooks import DELIVER

#: Counting stops here, and so many are put back by one call.
MOST = 10_000
#: How often putting mails back is tried when a report of the same comes in at that moment.
_TRIES = 5


class Kind(StrEnum):
    """What can be given up."""

    MAIL = "mail"
    DELIVERY = "delivery"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Dead letters of one kind, all or some of them. Each that is None asks for nothing.

    `key`: one of them, as `DeadLetter` has it; `action`: of mails; `since`: the report, the application or the
    webhook came then or later.
    """

    kind: Kind
    key: int | None = None
    application: int | None = None
    organization: int | None = None
    action: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One thing that was given up.

    `key`: a mail's action, a delivery's application, a webhook. `what`: a mail's action by name, a delivery's job, a
    webhook's URL. `at`: when it was due or came. `detail`: the last answer. `spoken_for`: the applicant has been told
    this meanwhile, or will be, by another report of the same. `behind`: deliveries that wait for the webhook.
    """

    key: int
    place: str | None
    application: int | None
    organization: int | None
    customer: str | None
    what: str
    at: datetime
    tries: int
    detail: str | None
    spoken_for: bool = False
    behind: int = 0


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many were put back, and how many mails not, for the applicant has been told or will be all the same."""

    back: int
    spoken_for: int = 0


_SPOKEN_FOR = SQL("""EXISTS (
    SELECT FROM jobboard.notice o WHERE o.application_number = {n}.application_number AND o.action = {n}.action
      AND o.place = {n}.place AND o.state <> 'withheld')""")

# The rows of each kind, and the filters that all take.
_MAILS = SQL("""
FROM jobboard.notice n
JOIN jobboard.application a ON a.number = n.application_number
WHERE n.reason = 'undeliverable'
  AND (%(key)s::bigint IS NULL OR n.action_id = %(key)s)
  AND (%(application)s::bigint IS NULL OR n.application_number = %(application)s)
  AND (%(organization)s::bigint IS NULL OR a.organization = %(organization)s)
  AND (%(action)s::text IS NULL OR n.action = %(action)s)
  AND (%(since)s::timestamptz IS NULL
       OR (SELECT x.received_at FROM jobboard.action x WHERE x.id = n.action_id) >= %(since)s)
""")
_DELIVERIES = SQL("""
FROM jobboard.delivery d
JOIN jobboard.application a ON a.number = d.application_number
JOIN jobboard.job j ON j.id = a.job_id
WHERE d.state = 'failed'
  AND (%(key)s::bigint IS NULL OR d.application_number = %(key)s)
  AND (%(application)s::bigint IS NULL OR d.application_number = %(application)s)
  AND (%(organization)s::bigint IS NULL OR a.organization = %(organization)s)
  AND (%(since)s::timestamptz IS NULL OR d.created_at >= %(since)s)
""")
_WEBHOOKS = SQL("""
FROM jobboard.webhook w
JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
WHERE w.state = 'blocked' AND o.revoked_at IS NULL AND p.revoked_at IS NULL
  AND (%(key)s::bigint IS NULL OR w.id = %(key)s)
  AND (%(organization)s::bigint IS NULL OR o.organization = %(organization)s)
  AND (%(since)s::timestamptz IS NULL OR w.created_at >= %(since)s)
""")

# What is shown of each.
_OF_A_MAIL = SQL("""n.action_id AS key, n.place, n.application_number AS application, a.organization,
    (SELECT c.name FROM jobboard.customer c WHERE c.organization = a.organization) AS customer,
    n.action AS what, coalesce(n.redriven_at, n.due_at) AS at, n.attempts AS tries, n.detail,
    {spoken_for} AS spoken_for, 0 AS behind""").format(spoken_for=_SPOKEN_FOR.format(n=SQL("n")))
_OF_A_DELIVERY = SQL("""d.application_number AS key, NULL AS place, d.application_number AS application, a.organization,
    (SELECT c.name FROM jobboard.customer c WHERE c.organization = a.organization) AS customer,
    j.title AS what, d.created_at AS at, d.failures AS tries, d.detail, false AS spoken_for, 0 AS behind""")
_OF_A_WEBHOOK = SQL("""w.id AS key, NULL AS place, NULL::bigint AS application, o.organization,
    (SELECT c.name FROM jobboard.customer c WHERE c.organization = o.organization) AS customer,
    w.url AS what, w.created_at AS at, w.failures AS tries, w.detail, false AS spoken_for,
    (SELECT count(*) FROM (SELECT FROM jobboard.delivery e
                           WHERE e.webhook_id = w.id AND e.state = 'waiting' LIMIT %(most)s) e) AS behind""")

_LIST = SQL("""SELECT {shown} {rows} AND (%(before)s::bigint IS NULL OR {key} < %(before)s)
    ORDER BY {key} DESC FETCH FIRST %(limit)s ROWS WITH TIES""")
_COUNT = SQL("SELECT count(*) FROM (SELECT {rows} LIMIT %(most)s) f")

# Of several that say the same the oldest waits again and the others are told by it; one that is spoken for meanwhile
# stays untold. `attempts` is the fence: a settlement from before settles nothing any more.
_MAILS_BACK = SQL("""
WITH locked AS MATERIALIZED (
    SELECT n.action_id, n.place, n.application_number, n.action {rows}
      AND n.redriven_at IS DISTINCT FROM %(now)s::timestamptz
    ORDER BY n.action_id, n.place LIMIT %(most)s FOR UPDATE OF n
), judged AS (
    SELECT l.action_id, l.place, {spoken_for} OR row_number() OVER (
        PARTITION BY l.application_number, l.action, l.place ORDER BY l.action_id) > 1 AS spoken_for
    FROM locked l
), settled AS (
    UPDATE jobboard.notice n
    SET state = CASE WHEN j.spoken_for THEN 'withheld' ELSE 'waiting' END,
        reason = CASE WHEN j.spoken_for THEN 'already_told' END,
        attempts = CASE WHEN n.attempts < 32767 THEN n.attempts + 1 ELSE 16384 END,
        attempt_at = CASE WHEN NOT j.spoken_for THEN greatest(%(now)s::timestamptz, n.due_at) END,
        redriven_at = CASE WHEN j.spoken_for THEN n.redriven_at ELSE %(now)s::timestamptz END
    FROM judged j WHERE n.action_id = j.action_id AND n.place = j.place
    RETURNING j.spoken_for
)
SELECT count(*) FILTER (WHERE NOT spoken_for), count(*) FILTER (WHERE spoken_for) FROM settled
""").format(rows=_MAILS, spoken_for=_SPOKEN_FOR.format(n=SQL("l")))

# To the job's webhook of today, which need not be the one that failed.
_DELIVERIES_BACK = SQL("""
WITH locked AS MATERIALIZED (
    SELECT d.application_number, coalesce(j.webhook_id, d.webhook_id) AS webhook_id {rows}
    ORDER BY d.application_number LIMIT %(most)s FOR UPDATE OF d
), settled AS (
    UPDATE jobboard.delivery d
    SET state = 'waiting', failures = 0, attempts = d.attempts + 1, attempt_at = %(now)s, webhook_id = l.webhook_id
    FROM locked l WHERE d.application_number = l.application_number
    RETURNING d.application_number
)
SELECT count(*), 0 FROM settled
""").format(rows=_DELIVERIES)

_WEBHOOKS_BACK = SQL("""
WITH locked AS MATERIALIZED (
    SELECT w.id {rows} ORDER BY w.id LIMIT %(most)s FOR UPDATE OF w
), settled AS (
    UPDATE jobboard.webhook w
    SET state = 'unverified', failures = 0, attempts = w.attempts + 1, attempt_at = %(now)s
    FROM locked l WHERE w.id = l.id
    RETURNING w.id
)
SELECT count(*), 0 FROM settled
""").format(rows=_WEBHOOKS)


@dataclass(frozen=True, slots=True)
class _Statements:
    """What is asked and done of one kind; `wakes`: the channel of those who try again."""

    rows: SQL | Composed
    shown: SQL | Composed
    key: SQL
    back: SQL | Composed
    wakes: str


_OF: Mapping[Kind, _Statements] = {
    Kind.MAIL: _Statements(_MAILS, _OF_A_MAIL, SQL("n.action_id"), _MAILS_BACK, DUE),
    Kind.DELIVERY: _Statements(_DELIVERIES, _OF_A_DELIVERY, SQL("d.application_number"), _DELIVERIES_BACK, DELIVER),
    Kind.WEBHOOK: _Statements(_WEBHOOKS, _OF_A_WEBHOOK, SQL("w.id"), _WEBHOOKS_BACK, DELIVER),
}


async def dead_letters(
    connection: AsyncConnection[Any], which: Which, *, before: int | None, limit: int
) -> list[DeadLetter]:
    """Dead letters, the newest first, from behind the key `before` on; a few more than `limit` if keys are equal."""
    of = _OF[which.kind]
    statement = _LIST.format(shown=of.shown, rows=of.rows, key=of.key)
    async with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        await cursor.execute(statement, _given(which) | {"before": before, "limit": limit})
        return await cursor.fetchall()


async def count(connection: AsyncConnection[Any], which: Which) -> int:
    """How many there are, `MOST` at most."""
    cursor = await connection.execute(_COUNT.format(rows=_OF[which.kind].rows), _given(which))
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def redrive(connection: AsyncConnection[Any], which: Which, now: datetime) -> Redriven:
    """Put dead letters back to be tried at once, the oldest `MOST` of them, and wake the dispatchers.

    No applicant is told anything twice by it, a mail keeps its Message-ID, and consent is asked anew (spec R14, R15).
    Called again with the same `now` it goes on, and leaves alone what was given up again meanwhile.
    """
    of, tries = _OF[which.kind], 1
    while True:
        try:
            async with connection.transaction():
                row = await (await connection.execute(of.back, _given(which) | {"now": now})).fetchone()
                assert row is not None
                await notify(connection, of.wakes)
            return Redriven(*row)
        except errors.UniqueViolation:  # another report of the same was stored meanwhile: it is seen now
            if tries == _TRIES:
                raise
            tries += 1


def _given(which: Which) -> dict[str, Any]:
    return {
        "key": which.key,
        "application": which.application,
        "organization": which.organization,
        "action": which.action,
        "since": which.since,
        "most": MOST,
    }
