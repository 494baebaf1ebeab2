"""Taking a report back: what it has not told yet is withheld (spec R10).

Must not decide who may: web/withdraw asks whose token it is, the statement whose report.
"""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection

from unghost.jobboard.rules.policy import PAGES

# A page's notice that is due is shown already, whether or not a dispatcher has come by: it is told, and stays.
# A mail that was given up is withdrawn too: nobody may put it back afterwards (spec R42).
_WITHDRAW = """
WITH found AS MATERIALIZED (
    SELECT a.id FROM jobboard.action a WHERE a.id = %(id)s AND a.reported_by = %(reported_by)s
), withheld AS (
    UPDATE jobboard.notice n SET state = 'withheld', reason = 'withdrawn', attempt_at = NULL
    FROM found f
    WHERE n.action_id = f.id AND (n.state = 'waiting' OR n.reason = 'undeliverable')
      AND NOT (n.place = ANY (%(pages)s::text[]) AND n.due_at <= %(now)s)
)
SELECT count(*) FROM found
"""


async def withdraw(connection: AsyncConnection, action_id: int, reported_by: int, now: datetime) -> bool:
    """Withhold the notices of an action that are not told yet, as `withdrawn`; what is told stays. Again: the same.

    `reported_by`: the id of the child application. False if it reported no such action; then nothing is changed.
    """
    given = {"id": action_id, "reported_by": reported_by, "pages": sorted(PAGES), "now": now}
    cursor = await connection.execute(_WITHDRAW, given)
    row = await cursor.fetchone()
    return bool(row and row[0])
