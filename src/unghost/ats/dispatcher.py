"""The process that reports: takes turns at customers until it is asked to stop (spec R30, R31).

Any number of them may work on one database, and any may be killed at any time. Must not decide anything itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from unghost.ats.activity import milliseconds
from unghost.ats.deliver import Deliverer, Paused
from unghost.ats.destinations import open_destination
from unghost.ats.settings import Settings
from unghost.ats.store import dispatching
from unghost.ats.store.database import open_engine
from unghost.ats.store.dispatching import KEPT, Release, Turn
from unghost.clock import Clock
from unghost.outbox import Drain, Settlement, TryLater, Unbegun

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Customers:
    """Customers with due activities, as the outbox claims and settles them."""

    engine: Engine
    lease: timedelta

    async def claim(self, now: datetime, limit: int) -> Sequence[Turn]:
        """Lease customers of which something is due."""
        at = milliseconds(now)
        return await asyncio.to_thread(
            dispatching.claim, self.engine, at, at + self.lease // timedelta(milliseconds=1), limit
        )

    async def settle(self, settlements: Sequence[Settlement[Turn]]) -> None:
        """End their turns."""
        await asyncio.to_thread(dispatching.release, self.engine, [_release(one) for one in settlements])


def _release(settlement: Settlement[Turn]) -> Release:
    turn, outcome = settlement.item, settlement.outcome
    if not isinstance(outcome, TryLater):
        return Release(turn, milliseconds(settlement.at), failed=False, trouble=None)
    again_at = settlement.again_at or settlement.at
    at = milliseconds(again_at)
    if isinstance(outcome, Unbegun):
        return Release(turn, at, failed=False, trouble=KEPT)
    if isinstance(outcome, Paused):
        return Release(turn, at, failed=False, trouble=outcome.detail or None)
    log.warning("customer %d waits until %s: %s", turn.customer_id, f"{again_at:%H:%M:%S}", outcome.detail)
    return Release(turn, at, failed=True, trouble=outcome.detail)


@asynccontextmanager
async def draining(
    settings: Settings, clock: Clock, stop: asyncio.Event, chance: Callable[[], float] = random.random
) -> AsyncIterator[Drain[Turn]]:
    """The loop over customers, its connections open. Raises `SettingsError`."""
    engine = open_engine(settings.database_url, settings.concurrency)
    longest = settings.lease / 6  # a turn has ended before its lease does
    destinations = {
        name: open_destination(replace(each, timeout=min(each.timeout, longest)))
        for name, each in settings.destinations.items()
    }
    deliverer = Deliverer(
        engine=engine,
        destinations=destinations,
        clock=clock,
        lease=settings.lease,
        grace=settings.grace,
        stop=stop,
        chance=chance,
    )
    try:
        yield Drain(
            claims=Customers(engine=engine, lease=settings.lease),
            attempt=deliverer.take,
            clock=clock,
            slots=settings.concurrency,
            lease=settings.lease,
            chance=chance,
        )
    finally:
        for each in destinations.values():
            await each.close()
        engine.dispose()


async def run(settings: Settings, clock: Clock, stop: asyncio.Event) -> None:
    """Report what is due until `stop` is set; then turns end soon. A lost database or board is outlasted.

    Raises `SettingsError`.
    """
    async with draining(settings, clock, stop) as drain:
        log.info("dispatcher started: %s", ", ".join(settings.destinations))
        await drain.run(stop)
    log.info("dispatcher stopped")


async def run_once(
    settings: Settings, clock: Clock, stop: asyncio.Event, chance: Callable[[], float] = random.random
) -> int:
    """Report until nothing is due any more that can be sent now; the number of turns."""
    taken = 0
    async with draining(settings, clock, stop, chance) as drain:
        while not stop.is_set() and (claimed := await drain.step(clock.now())):
            taken += claimed
    return taken
