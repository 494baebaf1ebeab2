"""Winds the test clock on, from one due moment to the next, and waits at each until all that is due is settled.

So 72 hours pass in order: what falls due first is told first, at its own time (spec R37). It tells nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from unghost.jobboard.rules.policy import Place
from unghost.jobboard.store import winding
from unghost.sandbox.clock_file import ClockFile, WoundBack, said

#: What falls due within this of each other falls due together: mails are dated by the second.
TOGETHER = timedelta(seconds=1)
#: Seconds without anything being settled after which waiting is given up: longer than any call to a webhook lasts.
PATIENCE = 15.0
_SOON = 0.5
#: Seconds between two looks: for each that is untold, at least, and at most. Looking costs the more the more there is.
_EACH, _LEAST, _MOST = 0.00005, 0.004, 0.25
_WAKE_AGAIN = 0.25
#: Seconds between two tries to be alone: each keeps everybody from writing for a moment.
_AGAIN = 0.05
#: Whether something may be done now, asked on a connection that keeps all others from writing.
May = Callable[[AsyncConnection[Any]], Awaitable[bool]]


class NotReady(Exception):
    """Something is due and nobody tells it. The message is one sentence with the remedy."""


@dataclass(frozen=True)
class Wound:
    """What winding did: the moments before and after, and at how many moments something fell due."""

    before: datetime
    now: datetime
    moments: int


@dataclass
class Winder:
    """Winds one clock; who asks meanwhile waits. `lease` is the dispatchers', `places` those that they serve."""

    clock: ClockFile
    pool: AsyncConnectionPool
    lease: timedelta
    places: Sequence[str] = tuple(place.value for place in Place)
    patience: float = PATIENCE
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def wind(self, to: datetime | timedelta, *, stop: bool = False) -> Wound:
        """Wind the clock to a moment or by a time. It then goes on as before, or stands if `stop`.

        Raises `WoundBack`, or `NotReady`: then it stands where it came to.
        """
        async with self._one_at_a_time:
            goes_on = not (stop or self.clock.stopped)
            before = self.clock.stop()
            try:
                target = to if isinstance(to, datetime) else _later(before, to)
                if target < before:
                    self.clock.wind(target, stopped=True)  # says why not
                moments = await self._through(target)
            finally:
                if goes_on:
                    self.clock.run()
            return Wound(before, self.clock.now(), moments)

    async def settle(self) -> None:
        """Wait until nothing that is due by now is untold. Raises `NotReady`."""
        async with self._one_at_a_time:
            await self._settled(self.patience)

    async def alone(self, work: Callable[[May], Awaitable[bool]]) -> None:
        """Do something while nobody winds, and after what is under way has ended, if it does so soon.

        `work` asks the question that it is given once nobody can claim anything, and gives False if the answer is no:
        a dispatcher still has a mail in its hands, which would reach its applicant afterwards. It is then tried again.
        """
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time:
            with suppress(NotReady):
                await self._settled(_SOON)
            impatient_at = loop.time() + self.patience

            async def may(connection: AsyncConnection[Any]) -> bool:
                held = await winding.in_hand(connection, self.clock.now(), self.lease, self.places)
                return not held or loop.time() > impatient_at

            while True:
                if await work(may):
                    return
                await asyncio.sleep(_AGAIN)

    async def _through(self, target: datetime) -> int:
        moments = 0
        while True:
            await self._settled(self.patience)
            async with self.pool.connection() as connection:
                due = await winding.next_due(connection, self.clock.now(), target, TOGETHER)
            if due is None:
                break
            self.clock.wind(due, stopped=True)
            moments += 1
        self.clock.wind(target, stopped=True)
        return moments

    async def _settled(self, patience: float) -> None:
        loop = asyncio.get_running_loop()
        wake_at, fewest, patient_until = 0.0, -1, 0.0
        while True:
            async with self.pool.connection() as connection:
                if loop.time() >= wake_at:
                    await winding.wake(connection)
                    wake_at = loop.time() + _WAKE_AGAIN
                found = await winding.unsettled(connection, self.clock.now(), self.lease, self.places)
            left = found.notices + found.calls
            if not left:
                return
            if fewest < 0 or left < fewest:
                fewest, patient_until = left, loop.time() + patience
            elif loop.time() > patient_until:
                raise NotReady(
                    f"{found} are due at {said(self.clock.now())} and nobody tells them: see that the "
                    "dispatcher and the mail server run, and that no fault keeps them, then wind on"
                )
            await asyncio.sleep(min(_MOST, max(_LEAST, _EACH * left)))


def _later(now: datetime, by: timedelta) -> datetime:
    try:
        return now + by
    except OverflowError:
        raise WoundBack(f"{by.days} days are more than a calendar has: give fewer") from None
