"""Calls to ATSs' webhooks: applications are delivered, webhooks are challenged (spec R28).

Each on a drain of its own, so that no mail waits for an ATS. Composed here for one dispatcher; must decide nothing.
"""

from __future__ import annotations

import asyncio

from unghost.clock import Clock
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.links import Links
from unghost.jobboard.settings import Settings
from unghost.jobboard.store.challenging import Due as DueChallenge
from unghost.jobboard.store.delivering import Due as DueDelivery
from unghost.jobboard.webhooks import challenging, delivering
from unghost.jobboard.webhooks.outward import Outward
from unghost.outbox import Drain, Outcome


class Webhooks:
    """The deliveries and challenges of one dispatcher. `key`: the board's secret key."""

    def __init__(self, settings: Settings, database_url: str, clock: Clock, key: str, outward: Outward) -> None:
        secrets = ClientSecrets(key)
        deliverer = delivering.Deliverer(outward=outward, secrets=secrets, links=Links(key), base_url=settings.base_url)
        challenger = challenging.Challenger(outward=outward, secrets=secrets)

        async def deliver(due: DueDelivery) -> Outcome:
            return await deliverer.deliver(due, clock.now())

        async def challenge(due: DueChallenge) -> Outcome:
            return await challenger.challenge(due, clock.now())

        lease = settings.lease
        self._deliveries = delivering.DueDeliveries(database_url=database_url, lease=lease)
        self._challenges = challenging.DueChallenges(database_url=database_url, lease=lease)
        self.deliveries = Drain(
            claims=self._deliveries,
            attempt=deliver,
            clock=clock,
            slots=delivering.SLOTS,
            lease=lease,
            bell=self._deliveries.bell,
        )
        self.challenges = Drain(
            claims=self._challenges, attempt=challenge, clock=clock, slots=challenging.SLOTS, lease=lease
        )

    def ring(self, _: str = "") -> None:
        """Something may be due."""
        self.deliveries.bell.set()
        self.challenges.bell.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        await asyncio.gather(self.deliveries.run(stop), self.challenges.run(stop))

    async def close(self) -> None:
        """Close the connections."""
        await self._deliveries.close()
        await self._challenges.close()
