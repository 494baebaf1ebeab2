"""What winding a clock must know: when a notice, a delivery or a challenge next falls due, and what is unsettled.

For the sandbox alone (spec R37); `lease` is the dispatchers', by which what is in their hands is known. Ends tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.rules.policy import Place
from unghost.jobboard.store.accepting import ACCESS, DUE, notify
from unghost.jobboard.store.webhooks import DELIVER

_PLACES = [place.value for place in Place]

# Of webhooks only what a dispatcher would claim: see store/delivering and store/challenging.
_WEBHOOKS = """
    SELECT w.id, w.state, w.attempt_at, w.failures, w.detail
    FROM jobboard.webhook w JOIN jobboard.oauth_application o ON o.id = w.oauth_application_id
    LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
    WHERE w.state <> 'blocked' AND o.revoked_at IS NULL AND p.revoked_at IS NULL
"""
_NEXT = f"""
WITH webhook AS ({_WEBHOOKS}), timer AS (
    SELECT p.at FROM unnest(%(places)s::text[]) AS w (place) CROSS JOIN LATERAL (
        SELECT n.attempt_at AS at FROM jobboard.notice n
        WHERE n.state = 'waiting' AND n.place = w.place AND n.attempt_at > %(after)s
        ORDER BY n.attempt_at LIMIT 1) p
    UNION ALL
    SELECT d.at FROM webhook w CROSS JOIN LATERAL (
        SELECT d.attempt_at AS at FROM jobboard.delivery d
        WHERE d.state = 'waiting' AND d.webhook_id = w.id AND d.attempt_at > %(after)s
        ORDER BY d.attempt_at LIMIT 1) d
    WHERE w.state = 'verified'
    UNION ALL
    SELECT w.attempt_at FROM webhook w WHERE w.attempt_at > %(after)s
), first AS (SELECT min(at) AS at, least(min(at) + %(within)s, %(until)s) AS last FROM timer)
SELECT max(at) FROM (
    SELECT n.attempt_at AS at FROM first, jobboard.notice n
    WHERE n.state = 'waiting' AND n.place = ANY (%(places)s::text[]) AND n.attempt_at BETWEEN first.at AND first.last
    UNION ALL
    SELECT d.attempt_at FROM first, webhook w JOIN jobboard.delivery d ON d.webhook_id = w.id
    WHERE w.state = 'verified' AND d.state = 'waiting' AND d.attempt_at BETWEEN first.at AND first.last
    UNION ALL
    SELECT w.attempt_at FROM first, webhook w WHERE w.attempt_at BETWEEN first.at AND first.last
) together
"""  # noqa: S608  (our own words)

# In a dispatcher's hands is what was claimed now, so that its lease ends exactly then (no wait of rules/resending is as
# long as the sandbox's lease), and what was claimed for the first time and has no answer yet.
_UNSETTLED = f"""
WITH webhook AS ({_WEBHOOKS})
SELECT (
    SELECT count(*) FROM jobboard.notice
    WHERE state = 'waiting' AND place = ANY (%(places)s::text[]) AND attempt_at <= %(until)s
      AND (attempt_at <= %(now)s OR attempts > 0 AND (attempt_at = %(until)s OR attempts = 1 AND detail IS NULL))
), (
    SELECT count(*) FROM webhook w JOIN jobboard.delivery d ON d.webhook_id = w.id
    WHERE w.state = 'verified' AND d.state = 'waiting' AND d.attempt_at <= %(until)s
      AND (d.attempt_at <= %(now)s
           OR d.attempts > 0 AND (d.attempt_at = %(until)s OR d.failures = 0 AND d.detail IS NULL))
) + (
    SELECT count(*) FROM webhook w
    WHERE w.attempt_at <= %(now)s OR w.attempt_at = %(until)s
       OR w.attempt_at < %(until)s AND w.state = 'unverified' AND w.failures = 0 AND w.detail IS NULL
)
"""  # noqa: S608  (our own words)
# Exactly: a claim takes the detail of the attempt before away.
_IN_HAND = """
SELECT count(*) FROM jobboard.notice
WHERE state = 'waiting' AND place = ANY (%(places)s::text[]) AND attempt_at > %(now)s AND attempt_at <= %(until)s
  AND attempts > 0 AND detail IS NULL
"""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """How many are due or in a dispatcher's hands: notices, and calls to webhooks."""

    notices: int
    calls: int

    def __str__(self) -> str:
        told = f"{self.notices} notices" if self.notices or not self.calls else ""
        called = f"{self.calls} calls to webhooks" if self.calls else ""
        return " and ".join(filter(None, (told, called)))


async def next_due(
    connection: AsyncConnection[Any], after: datetime, until: datetime, within: timedelta
) -> datetime | None:
    """The moment after `after` at which anything next falls due; None: nothing does up to `until`.

    What falls due `within` of the first counts as one: it is the moment of the last of it.
    """
    given = {"places": _PLACES, "after": after, "until": until, "within": within}
    row = await (await connection.execute(_NEXT, given)).fetchone()
    found: datetime | None = row[0] if row else None
    return found


async def unsettled(
    connection: AsyncConnection[Any], now: datetime, lease: timedelta, places: Sequence[str]
) -> Unsettled:
    """What is due or in a dispatcher's hands, while the clock stands at `now`; of notices those of these places."""
    given = {"places": list(places), "now": now, "until": now + lease}
    row = await (await connection.execute(_UNSETTLED, given)).fetchone()
    assert row is not None
    return Unsettled(int(row[0]), int(row[1]))


async def in_hand(connection: AsyncConnection[Any], now: datetime, lease: timedelta, places: Sequence[str]) -> int:
    """How many notices of these places a dispatcher has in its hands."""
    given = {"places": list(places), "now": now, "until": now + lease}
    row = await (await connection.execute(_IN_HAND, given)).fetchone()
    assert row is not None
    return int(row[0])


async def wake(connection: AsyncConnection[Any]) -> None:
    """Let every dispatcher look again: it is later than it thinks."""
    for channel in (DUE, DELIVER):
        await notify(connection, channel)


async def expire_token(connection: AsyncConnection[Any], token_hash: bytes, now: datetime) -> None:
    """Let an access token end now, as it would by itself."""
    await connection.execute(
        """UPDATE jobboard.access_token SET expires_at = greatest(%(now)s, issued_at + interval '1 microsecond')
           WHERE hash = %(hash)s AND expires_at > %(now)s""",
        {"hash": token_hash, "now": now},
    )
    await notify(connection, ACCESS)
