"""May this child application report so much now? Answered from what this process has borrowed (spec R12).

Only when that is used up is the database asked. Must not count anything itself: rules/allowance does.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from psycopg_pool import AsyncConnectionPool

from unghost.jobboard.rules.allowance import Granted, Limits, borrow, untouched, wait
from unghost.jobboard.store import allowance
from unghost.wire.refusals import Refusal, Refused


@dataclass(eq=False, slots=True)
class _Held:
    """What this process has of one child application: reports of a day, or for how long there are none."""

    left: int = 0
    day: date = date.min
    none_until: datetime = datetime.min.replace(tzinfo=UTC)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Allowance:
    """The limits of child applications, as one process keeps them."""

    pool: AsyncConnectionPool
    limits: Limits
    _held: dict[int, _Held] = field(default_factory=dict)

    async def take(self, oauth_application: int, reports: int, now: datetime) -> Refused | None:
        """Take so many reports in, or all of them not: the refusal says when to come again."""
        held = self._held.get(oauth_application)
        if held is None:
            held = self._held[oauth_application] = _Held()
        if held.left >= reports and held.day == now.date():
            held.left -= reports
            return None
        async with held.asking:
            waiting = await self._ask(held, oauth_application, reports, now)
        return self._refused(reports, waiting) if waiting else None

    async def _ask(self, held: _Held, oauth_application: int, reports: int, now: datetime) -> timedelta:
        if held.day != now.date():
            held.day, held.left = now.date(), 0
        if held.left >= reports:
            held.left -= reports
            return timedelta(0)
        if reports == 1 and now < held.none_until:
            return held.none_until - now
        while True:
            async with self.pool.connection() as connection:
                before = await allowance.standing(connection, oauth_application)
                stands = before or untouched(now)
                granted = borrow(stands, self.limits, reports - held.left, now)
                if not isinstance(granted, Granted):
                    held.none_until = now + wait(stands, self.limits, 1, now)
                    return granted
                changed = await allowance.change(connection, oauth_application, before, granted.standing)
            if changed:  # else another process was first: one of them always is, so this ends
                held.left += granted.reports - reports
                return timedelta(0)

    def _refused(self, reports: int, waiting: timedelta) -> Refused:
        limits, seconds = self.limits, max(1, math.ceil(waiting / timedelta(seconds=1)))
        known = []
        if limits.per_second is not None:
            known.append(f"{limits.per_second} reports a second, {limits.burst} at once")
        if limits.per_day is not None:
            known.append(f"{limits.per_day} a day")
        many = "this report is" if reports == 1 else f"these {reports} reports are"
        return Refused(
            Refusal.TOO_MANY_CALLS,
            f"{many} beyond the child application's limit ({', '.join(known)}); send again in {seconds} seconds",
            seconds,
        )
