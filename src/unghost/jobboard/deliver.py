"""One due notice: may it still be told now (spec R15, R18, R19)? Then its channel; then what becomes of it.

The consent, the preferences and the told decision are read after the claim, outside any transaction; what cannot be
read is not told (spec R16). Must not know how a channel works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from unghost.jobboard import metrics
from unghost.jobboard.channels import Channel
from unghost.jobboard.letter import Letter
from unghost.jobboard.rules.plan import Reason, State, objection
from unghost.jobboard.rules.policy import Place, Policy
from unghost.jobboard.store import telling
from unghost.jobboard.store.lines import Line
from unghost.jobboard.store.telling import Due, Settled
from unghost.outbox import Done, GiveUp, Outcome, Settlement, TryLater

log = structlog.get_logger()


@dataclass(kw_only=True)
class DueNotices:
    """The notices of some places as the outbox claims and settles them. `deciders`: actions that are a decision."""

    database_url: str
    places: Sequence[Place]
    lease: timedelta
    deciders: Sequence[str]

    def __post_init__(self) -> None:
        # Two lines, so that settling never waits behind claiming.
        self._claims, self._settlements = Line(self.database_url), Line(self.database_url)

    async def claim(self, now: datetime, limit: int) -> Sequence[Due]:
        """Lease due notices, then read what is true of them. Withdrawn or erased meanwhile: nothing is left to do."""
        connection = await self._claims.connection()
        claimed = await telling.claim(connection, self.places, now, self.lease, limit)
        return await telling.read(connection, claimed, self.deciders) if claimed else []

    async def settle(self, settlements: Sequence[Settlement[Due]]) -> None:
        """Store what became of them, and count and log it."""
        settled = [_settled(settlement) for settlement in settlements]
        stored = await telling.settle(await self._settlements.connection(), settled)
        for settlement, row in zip(settlements, settled, strict=True):
            _record(settlement, row, stored=(row.action_id, row.place) in stored)

    async def close(self) -> None:
        """Close the connections."""
        await self._claims.close()
        await self._settlements.close()


@dataclass(frozen=True, kw_only=True)
class Deliverer:
    """Tells notices by one channel. `patience`: how long a notice is tried again once it is due, or put back."""

    channel: Channel
    policy: Policy
    patience: timedelta = field(default=timedelta(days=3))

    async def tell(self, due: Due, now: datetime) -> Outcome:
        """Try once to tell a notice, if nothing objects now."""
        standing = due.standing
        try:
            reason = objection(standing, now, self.policy)
        except (KeyError, ValueError):  # too early by this clock, or an action that this version does not know
            return TryLater(None, "whether it may be told cannot be read")
        if reason is not None:
            return GiveUp(reason)
        outcome = await self.channel.tell(_letter(due), now)
        put_off = isinstance(outcome, TryLater) and not outcome.way_closed
        if put_off and now - due.due_since >= self.patience:
            return GiveUp(Reason.UNDELIVERABLE, outcome.detail)
        return outcome


def _letter(due: Due) -> Letter:
    return Letter(
        action_id=due.action_id,
        action=due.standing.action,
        applicant_id=due.applicant_id,
        name=due.name,
        email=due.email,
        language=due.language,
        time_zone=due.time_zone,
        company=due.company,
        job=due.job,
        submitted_at=due.submitted_at,
        performed_at=due.standing.performed_at,
    )


def _settled(settlement: Settlement[Due]) -> Settled:
    due, outcome = settlement.item, settlement.outcome
    place = due.standing.place
    if isinstance(outcome, Done):
        return Settled(due.action_id, place, due.attempts, State.TOLD, at=settlement.at, detail=outcome.detail)
    if isinstance(outcome, TryLater):
        again_at = settlement.again_at
        return Settled(due.action_id, place, due.attempts, State.WAITING, again_at=again_at, detail=outcome.detail)
    bounced = due.email if outcome.also else None
    return Settled(
        due.action_id, place, due.attempts, State.WITHHELD, outcome.reason, detail=outcome.detail, bounced=bounced
    )


def _record(settlement: Settlement[Due], row: Settled, *, stored: bool) -> None:
    due, outcome = settlement.item, settlement.outcome
    action, place = due.standing.action, row.place
    metrics.ATTEMPTS.labels(place, type(outcome).__name__).inc()
    if not stored:
        log.warning("notice_settled_elsewhere", notice=due.key, outcome=type(outcome).__name__)
    elif row.state is State.TOLD:
        metrics.TOLD.labels(action, place).inc()
        metrics.LATENESS.labels(place).observe(max(0.0, (settlement.at - due.due_since).total_seconds()))
        log.info("notice_told", notice=due.key, action=action, attempts=due.attempts)
    elif row.state is State.WITHHELD:
        metrics.WITHHELD.labels(action, place, str(row.reason)).inc()
        log.info("notice_withheld", notice=due.key, action=action, reason=row.reason, detail=row.detail)
    else:
        log.info("notice_put_off", notice=due.key, action=action, attempts=due.attempts, detail=row.detail)
