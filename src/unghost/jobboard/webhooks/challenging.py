"""One challenge of one webhook: does it know its application's client secret (spec R28)?

Asked when it is registered and every two hours; three failures in a row block it. After a rotation the former secret
is a right answer for as long as it works, and deliveries are signed with the secret that was answered.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from unghost.jobboard import metrics
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.rules.reach import Forbidden
from unghost.jobboard.rules.resending import EVERY, challenge_after
from unghost.jobboard.store import challenging
from unghost.jobboard.store.access import hashed
from unghost.jobboard.store.challenging import Due, Settled, State
from unghost.jobboard.store.lines import Line
from unghost.jobboard.webhooks.outward import NoAnswer, Outward
from unghost.outbox import Done, GiveUp, Outcome, Settlement, TryLater
from unghost.wire import webhook

log = structlog.get_logger()

#: How many are asked at the same time.
SLOTS = 8
_WITHIN = timedelta(seconds=webhook.CHALLENGE_SECONDS)
_UNBEGUN = timedelta(0)
_CANNOT_ASK = "cannot_ask"


@dataclass(kw_only=True)
class DueChallenges:
    """Webhooks to be challenged as the outbox claims and settles them."""

    database_url: str
    lease: timedelta

    def __post_init__(self) -> None:
        self._claims, self._settlements = Line(self.database_url), Line(self.database_url)

    async def claim(self, now: datetime, limit: int) -> Sequence[Due]:
        """Lease webhooks whose challenge is due, then read what they are challenged with."""
        connection = await self._claims.connection()
        claimed = await challenging.claim(connection, now, self.lease, limit)
        return await challenging.read(connection, claimed) if claimed else []

    async def settle(self, settlements: Sequence[Settlement[Due]]) -> None:
        """Store what is known of them now, and count and log it."""
        settled = [_settled(settlement) for settlement in settlements]
        stored = await challenging.settle(await self._settlements.connection(), settled)
        for row in settled:
            if row.id in stored:
                _record(row)

    async def close(self) -> None:
        """Close the connections."""
        await self._claims.close()
        await self._settlements.close()


@dataclass(frozen=True, kw_only=True)
class Challenger:
    """Challenges webhooks."""

    outward: Outward
    secrets: ClientSecrets

    async def challenge(self, due: Due, now: datetime) -> Outcome:
        """Challenge one webhook, once. `Done.detail` is the nonce of the secret it answered with, in hex."""
        known = list(self._secrets(due, now))
        if not known:
            return GiveUp(
                _CANNOT_ASK,
                f"the client secret of {due.client_id} was made by an earlier release or with another secret key, so "
                f"nothing can be signed with it: give it a new one by `unghost partner rotate {due.client_id}`",
            )
        code = str(uuid.uuid4())
        asked = webhook.challenge_url(due.url, code, due.oauth_application)
        try:
            answer = await self.outward.ask("GET", asked, within=_WITHIN)
        except (Forbidden, NoAnswer) as error:
            return TryLater(None, str(error))
        if answer.status != 200:
            return TryLater(None, f"answered {answer.status}; want 200")
        for nonce, secret in known:
            if webhook.answers(answer.body, secret, code):
                return Done(nonce.hex())
        return TryLater(
            None,
            f"answered 200, but not with the code and the HMAC of {due.client_id}'s secret",
        )

    def _secrets(self, due: Due, now: datetime) -> Iterator[tuple[bytes, str]]:
        """The secrets that work now and that we can derive, each with its nonce."""
        kept: list[tuple[bytes | None, bytes | None]] = [(due.secret_nonce, due.secret_hash)]
        if due.former_secret_until is not None and now < due.former_secret_until:
            kept.append((due.former_secret_nonce, due.former_secret_hash))
        for nonce, hash in kept:
            if nonce is not None and hash is not None:
                secret = self.secrets.derive(due.client_id, nonce)
                if hmac.compare_digest(hashed(secret), hash):
                    yield nonce, secret


def _settled(settlement: Settlement[Due]) -> Settled:
    due, outcome, at = settlement.item, settlement.outcome, settlement.at
    if isinstance(outcome, Done):
        return Settled(due.id, due.attempts, State.VERIFIED, 0, at, at + EVERY, None, outcome.detail)
    if isinstance(outcome, GiveUp):  # nothing was asked; a rotation makes the challenge due
        return Settled(due.id, due.attempts, State.UNVERIFIED, due.failures, at, at + EVERY, outcome.detail)
    if outcome.after == _UNBEGUN:
        return Settled(due.id, due.attempts, due.state, due.failures, at, at, outcome.detail)
    failures = due.failures + 1
    wait = challenge_after(failures, passed_before=due.state is State.VERIFIED)
    if wait is None:
        return Settled(due.id, due.attempts, State.BLOCKED, failures, at, None, outcome.detail)
    return Settled(due.id, due.attempts, due.state, failures, at, at + wait, outcome.detail)


def _record(row: Settled) -> None:
    if row.state is State.BLOCKED:
        outcome = "blocked"
    elif row.nonce is not None:
        outcome = "passed"
    else:
        outcome = "failed"
    metrics.CHALLENGES.labels(outcome).inc()
    if outcome == "passed":
        log.info("webhook_passed", webhook=row.id)
    else:
        log.warning("webhook_failed", outcome=outcome, webhook=row.id, failures=row.failures, detail=row.detail)
