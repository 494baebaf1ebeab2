"""What winding a clock must know of notices: when the next falls due, whether all that was due is settled. Ends tokens.

For the sandbox alone (spec R37); `lease` is the dispatchers', by which a notice in their hands is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.rules.policy import Place
from unghost.jobboard.store.accepting import ACCESS, DUE, notify

_PLACES = [place.value for place in Place]


async def next_due(
    connection: AsyncConnection[Any], after: datetime, until: datetime, within: timedelta
) -> datetime | None:
    """The moment after `after` at which the next notices fall due; None: nothing does up to `until`.

    Those that fall due `within` of the first count as one: it is the moment of the last of them.
    """
    cursor = await connection.execute(
        """WITH first AS (
               SELECT min(p.at) AS at FROM unnest(%(places)s::text[]) AS w (place) CROSS JOIN LATERAL (
                   SELECT min(n.attempt_at) AS at FROM jobboard.notice n
                   WHERE n.state = 'waiting' AND n.place = w.place AND n.attempt_at > %(after)s) p)
           SELECT max(n.attempt_at) FROM first, jobboard.notice n
           WHERE n.state = 'waiting' AND n.place = ANY (%(places)s::text[])
             AND n.attempt_at BETWEEN first.at AND least(first.at + %(within)s, %(until)s)""",
        {"places": _PLACES, "after": after, "until": until, "within": within},
    )
    row = await cursor.fetchone()
    found: datetime | None = row[0] if row else None
    return found


async def unsettled(connection: AsyncConnection[Any], now: datetime, lease: timedelta, places: Sequence[str]) -> int:
    """How many notices of these places are due or in a dispatcher's hands, while the clock stands still at `now`.

    In its hands is what was claimed at `now`, so that its lease ends exactly then, and what was claimed for the first
    time and has no answer yet.
    """
    cursor = await connection.execute(
        """SELECT count(*) FROM jobboard.notice
           WHERE state = 'waiting' AND place = ANY (%(places)s::text[]) AND attempt_at <= %(until)s
             AND (attempt_at <= %(now)s
                  OR attempts > 0 AND (attempt_at = %(until)s OR attempts = 1 AND detail IS NULL))""",
        {"places": list(places), "now": now, "until": now + lease},
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def wake(connection: AsyncConnection[Any]) -> None:
    """Let every dispatcher look again: it is later than it thinks."""
    await notify(connection, DUE)


async def expire_token(connection: AsyncConnection[Any], token_hash: bytes, now: datetime) -> None:
    """Let an access token end now, as it would by itself."""
    await connection.execute(
        """UPDATE jobboard.access_token SET expires_at = greatest(%(now)s, issued_at + interval '1 microsecond')
           WHERE hash = %(hash)s AND expires_at > %(now)s""",
        {"hash": token_hash, "now": now},
    )
    await notify(connection, ACCESS)
