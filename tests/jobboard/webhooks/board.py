"""What tests of webhooks start from: a world, a webhook for its first job, and drains that are stepped by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from psycopg import AsyncConnection

from tests.world import SECRETS, TOMBSTONES, World, add_applicant, make_world
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import webhooks
from unghost.jobboard.store.registering import register_application, store_resume
from unghost.jobboard.webhooks import Webhooks
from unghost.jobboard.webhooks.outward import Outward

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LOOPBACK = (ip_network("127.0.0.0/8"),)


@dataclass
class Hands:
    """A clock whose hands the test sets."""

    at: datetime = NOW

    def now(self) -> datetime:
        """What it shows."""
        return self.at


@dataclass
class Stand:
    """A board with a clock, stepped by hand."""

    connection: AsyncConnection
    world: World
    webhooks: Webhooks
    clock: Hands

    async def register(self, url: str, job: int | None = None, child: int | None = None) -> None:
        """Give the first job, or another, this webhook."""
        async with self.connection.transaction():
            await webhooks.register_webhook(
                self.connection,
                job_id=job or self.world.jobs[0],
                oauth_application=child or self.world.child,
                url=url,
                now=self.clock.at,
            )

    async def apply(
        self, name: str = "Zoë O'Brien-李", *, job: int | None = None, resume: bytes | None = b"%PDF- me"
    ) -> int:
        """Somebody applies: the application's number."""
        number = await self.count("SELECT count(*) FROM jobboard.applicant")
        async with self.connection.transaction():
            applicant = await add_applicant(self.connection, name, f"a{number}@applicant.example", self.clock.at)
            made = await register_application(
                self.connection,
                job_id=job or self.world.jobs[0],
                applicant_id=applicant,
                submitted_at=self.clock.at,
                now=self.clock.at,
                policy=DEFAULT,
                tombstones=TOMBSTONES,
            )
            if resume is not None:
                await store_resume(
                    self.connection,
                    application_number=made.number,
                    file_name="Zoë.pdf",
                    media_type="application/pdf",
                    content=resume,
                    now=self.clock.at,
                )
        return made.number

    async def challenge(self) -> int:
        """Challenge what is due now; how many."""
        return await self.webhooks.challenges.step(self.clock.at)

    async def deliver(self) -> int:
        """Deliver what is due now; how many."""
        return await self.webhooks.deliveries.step(self.clock.at)

    async def delivery(self, application: int) -> tuple[Any, ...]:
        """(state, failures, attempt_at, detail) of a delivery."""
        return await self.row(
            "SELECT state, failures, attempt_at, detail FROM jobboard.delivery WHERE application_number = %s",
            application,
        )

    async def webhook(self) -> tuple[Any, ...]:
        """(state, failures, attempt_at, detail) of the first webhook."""
        return await self.row("SELECT state, failures, attempt_at, detail FROM jobboard.webhook ORDER BY id LIMIT 1")

    async def job(self, job: int | None = None) -> tuple[Any, ...]:
        """(webhook_url, off_site_since) of a job."""
        return await self.row(
            "SELECT webhook_url, off_site_since FROM jobboard.job WHERE id = %s", job or self.world.jobs[0]
        )

    async def count(self, statement: str) -> int:
        """One number."""
        return int((await self.row(statement))[0])

    async def row(self, statement: str, *values: object) -> tuple[Any, ...]:
        """One row."""
        row = await (await self.connection.execute(statement.encode(), values)).fetchone()
        assert row is not None
        return tuple(row)


@asynccontextmanager
async def standing(database_url: str, *, outward: Outward | None = None, **own: Any) -> AsyncIterator[Stand]:
    """A board whose webhooks may be on this machine, put together as the dispatcher does."""
    clock = Hands()
    settings = Settings(
        database_url=database_url,
        secret_key=SECRETS.secret_key,
        base_url="https://jobs.example",
        **({"lease": timedelta(seconds=60)} | own),
    )
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        world = await make_world(connection, NOW)
        calls = Webhooks(settings, database_url, clock, SECRETS.secret_key, outward or Outward(networks=LOOPBACK))
        try:
            yield Stand(connection, world, calls, clock)
        finally:
            await calls.close()
