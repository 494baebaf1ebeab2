"""The process that tells and delivers: drains what is due until it is asked to stop (spec R9, R16, R28).

Any number of them may work on one database, and any may be killed at any time. Must not decide anything itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from unghost import traces
from unghost.clock import Clock
from unghost.jobboard.channels import Channel, open_channels
from unghost.jobboard.deliver import Deliverer, DueNotices
from unghost.jobboard.links import Links, secret_key
from unghost.jobboard.mail import Mails
from unghost.jobboard.rules.policy import Place
from unghost.jobboard.settings import Settings, SettingsError
from unghost.jobboard.store.accepting import DUE
from unghost.jobboard.store.telling import Due
from unghost.jobboard.store.webhooks import DELIVER
from unghost.jobboard.webhooks import Webhooks
from unghost.jobboard.webhooks.outward import Outward
from unghost.jobboard.wording import load
from unghost.outbox import Drain, GiveUp, Outcome
from unghost.postgres.listen import listen

log = structlog.get_logger()


async def run(settings: Settings, clock: Clock, stop: asyncio.Event, outward: Outward | None = None) -> None:
    """Tell what is due until `stop` is set, then end what is under way. A lost database or mail server is outlasted.

    `outward` calls partners; None: as the settings allow.
    Raises `SettingsError` for a sender, a key or a policy that cannot be used, or without `database_url`.
    """
    if settings.database_url is None:
        raise SettingsError("UNGHOST_DATABASE_URL is not set: a dispatcher needs the database that the board uses")
    key = secret_key(settings.secret_key, settings.data_dir)
    mails = Mails(settings, Links(key), load())
    channels = open_channels(settings, mails)
    if Place.EMAIL not in channels:
        log.warning("mails_wait", remedy="set UNGHOST_SMTP_URL, for instance smtp://localhost:25")
    lines = [
        (channel, _line(settings, settings.database_url, clock, channel, places))
        for channel, places in _by_channel(channels).items()
    ]
    outward = outward or Outward(networks=settings.webhook_networks)
    webhooks = Webhooks(settings, settings.database_url, clock, key, outward)

    def ring(_: str = "") -> None:
        for _channel, (_notices, drain) in lines:
            drain.bell.set()

    def ring_all() -> None:
        ring()
        webhooks.ring()

    listener = asyncio.create_task(listen(settings.database_url, {DUE: ring, DELIVER: webhooks.ring}, ring_all))
    log.info("dispatcher_started", places=sorted(place.value for place in channels))
    try:
        await asyncio.gather(*(drain.run(stop) for _, (_, drain) in lines), webhooks.run(stop))
    finally:
        listener.cancel()
        for channel, (notices, _) in lines:
            await channel.close()
            await notices.close()
        await webhooks.close()
    log.info("dispatcher_stopped")


def _by_channel(channels: Mapping[Place, Channel]) -> dict[Channel, list[Place]]:
    found: dict[Channel, list[Place]] = {}
    for place, channel in channels.items():
        found.setdefault(channel, []).append(place)
    return found


def _line(
    settings: Settings, database_url: str, clock: Clock, channel: Channel, places: list[Place]
) -> tuple[DueNotices, Drain[Due]]:
    policy = settings.policy
    deciders = [action for action, rule in policy.items() if rule.decides]
    notices = DueNotices(database_url=database_url, places=places, lease=settings.lease, deciders=deciders)
    deliverer = Deliverer(channel=channel, policy=policy, patience=settings.mail_patience)

    async def attempt(due: Due) -> Outcome:
        with traces.following(f"tell {due.standing.place}", traces.Kind.CONSUMER, due.traceparent) as span:
            outcome = await deliverer.tell(due, clock.now())
            span.note("unghost.notice", due.key)
            span.note("unghost.action", due.standing.action)
            span.note("unghost.attempt", due.attempts)
            span.note("unghost.outcome", type(outcome).__name__)
            if isinstance(outcome, GiveUp):
                span.note("unghost.reason", outcome.reason)
        return outcome

    drain = Drain(claims=notices, attempt=attempt, clock=clock, slots=channel.slots, lease=settings.lease)
    return notices, drain
