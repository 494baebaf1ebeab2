"""What tests of telling start from: reports in the tables, and a drain of one place that is stepped by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from tests.jobboard.telling.post import Post
from unghost.jobboard.channels import open_channels
from unghost.jobboard.deliver import Deliverer, DueNotices
from unghost.jobboard.links import Links
from unghost.jobboard.mail import Mails
from unghost.jobboard.rules.plan import Facts, plan
from unghost.jobboard.rules.policy import DEFAULT, REJECTED, Place
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import accepting
from unghost.jobboard.store.telling import Due
from unghost.jobboard.wording import load
from unghost.outbox import Drain, Outcome

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "a secret key for tests, long enough"


class Hands:
    """A clock whose hands the test sets (spec R37)."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        """What it shows."""
        return self.at


async def report(
    connection: AsyncConnection,
    application: int,
    action: str,
    *,
    performed_at: datetime = NOW,
    now: datetime = NOW,
    consent: bool = True,
) -> int:
    """Store an action with its planned notices; the action's id."""
    planned = plan(action, performed_at, now, Facts(consent=consent, holds={}), DEFAULT)
    new = accepting.NewAction(application, action, performed_at, None, planned)
    [id] = await accepting.store(connection, [new], now, [])
    assert id is not None
    return id


def settings_for(database_url: str, post: Post | None, **own: Any) -> Settings:
    """Settings with which a dispatcher reaches that server."""
    own.setdefault("smtp_url", f"smtp://127.0.0.1:{post.port}" if post else None)
    own.setdefault("base_url", "https://jobs.example")
    return Settings(database_url=database_url, secret_key=SECRET, mail_from="Jobs <jobs@board.example>", **own)


@asynccontextmanager
async def drain(
    database_url: str, post: Post | None, clock: Hands, place: Place = Place.EMAIL, **own: Any
) -> AsyncIterator[Drain[Due]]:
    """The drain of one place, put together as the dispatcher does."""
    settings = settings_for(database_url, post, **own)
    channels = open_channels(settings, Mails(settings, Links(SECRET), load()))
    channel = channels[place]
    notices = DueNotices(database_url=database_url, places=[place], lease=settings.lease, deciders=[REJECTED])
    deliverer = Deliverer(channel=channel, policy=settings.policy, patience=settings.mail_patience)

    async def attempt(due: Due) -> Outcome:
        return await deliverer.tell(due, clock.now())

    try:
        yield Drain(
            claims=notices, attempt=attempt, clock=clock, slots=channel.slots, lease=settings.lease, chance=lambda: 1.0
        )
    finally:
        await channel.close()
        await notices.close()


async def row(connection: AsyncConnection, action_id: int, place: str = "EMAIL") -> tuple[Any, ...]:
    """(state, reason, detail) of a notice."""
    cursor = await connection.execute(
        "SELECT state, reason, detail FROM jobboard.notice WHERE action_id = %s AND place = %s", (action_id, place)
    )
    found = await cursor.fetchone()
    await connection.commit()
    assert found is not None
    return tuple(found)


HOLD = timedelta(hours=72)
