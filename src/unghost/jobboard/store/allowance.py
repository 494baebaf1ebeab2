"""What each child application has used up of its limits, shared by all processes (spec R12).

A row is only changed by whoever still finds it as it read it: no process holds a lock while it thinks.
"""

from __future__ import annotations

from psycopg import AsyncConnection

from unghost.jobboard.rules.allowance import Standing

_ADD = """
INSERT INTO jobboard.allowance (oauth_application_id, full_at, day, used) VALUES (%s, %s, %s, %s)
ON CONFLICT (oauth_application_id) DO NOTHING
"""

_CHANGE = """
UPDATE jobboard.allowance SET full_at = %s, day = %s, used = %s
WHERE oauth_application_id = %s AND full_at = %s AND day = %s AND used = %s
"""


async def standing(connection: AsyncConnection, oauth_application: int) -> Standing | None:
    """What a child application has used up; None: nothing yet."""
    cursor = await connection.execute(
        "SELECT full_at, day, used FROM jobboard.allowance WHERE oauth_application_id = %s", (oauth_application,)
    )
    row = await cursor.fetchone()
    return None if row is None else Standing(*row)


async def change(connection: AsyncConnection, oauth_application: int, before: Standing | None, after: Standing) -> bool:
    """Set what is used up. False if it is no longer what was read (`before`): then read it again."""
    given = (after.full_at, after.day, after.used)
    if before is None:
        cursor = await connection.execute(_ADD, (oauth_application, *given))
    else:
        was = (before.full_at, before.day, before.used)
        cursor = await connection.execute(_CHANGE, (*given, oauth_application, *was))
    return bool(cursor.rowcount)
