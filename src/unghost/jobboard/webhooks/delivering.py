"""One application to one webhook: signed, sent, and what its answer means (spec R28).

Any answer but 200 is a failure, to be sent again as rules/resending says, with the same jobApplicationId. What is sent
is read after the claim. Must not decide where it goes, nor whether a webhook is verified.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from unghost.jobboard import metrics
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.links import RESUME_LIFE, For, Links
from unghost.jobboard.rules.reach import Forbidden
from unghost.jobboard.rules.resending import resend_after
from unghost.jobboard.store import delivering
from unghost.jobboard.store.delivering import Due, Settled, State
from unghost.jobboard.store.lines import Line
from unghost.jobboard.webhooks.outward import Answer, NoAnswer, Outward
from unghost.outbox import Done, Outcome, Settlement, TryLater
from unghost.wire import webhook

log = structlog.get_logger()

#: How many are sent at the same time, and how many of them to one webhook.
SLOTS = 16
_SHARE = 4
#: How long a webhook may take to answer.
_WITHIN = timedelta(seconds=10)
_UNBEGUN = timedelta(0)


@dataclass(kw_only=True)
class DueDeliveries:
    """Deliveries as the outbox claims and settles them. `bell`: the drain's, rung when a webhook has room again."""

    database_url: str
    lease: timedelta
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._claims, self._settlements = Line(self.database_url), Line(self.database_url)

    async def claim(self, now: datetime, limit: int) -> Sequence[Due]:
        """Lease due deliveries, no webhook's more than its share, then read what is sent."""
        connection = await self._claims.connection()
        busy = [id for id, count in self._under_way.items() if count >= _SHARE]
        claimed = await delivering.claim(connection, now, self.lease, limit, share=_SHARE, busy=busy)
        found = await delivering.read(connection, claimed) if claimed else []
        self._under_way.update(due.webhook_id for due in found)
        return found

    async def settle(self, settlements: Sequence[Settlement[Due]]) -> None:
        """Store what became of them, and count and log it."""
        settled = [_settled(settlement) for settlement in settlements]
        stored = await delivering.settle(await self._settlements.connection(), settled)
        if any(self._under_way[settlement.item.webhook_id] >= _SHARE for settlement in settlements):
            self.bell.set()
        for settlement, row in zip(settlements, settled, strict=True):
            self._under_way[settlement.item.webhook_id] -= 1
            if row.application_number in stored:
                _record(row, stored[row.application_number])
        self._under_way += Counter()  # forgets what has come to nothing

    async def close(self) -> None:
        """Close the connections."""
        await self._claims.close()
        await self._settlements.close()


@dataclass(frozen=True, kw_only=True)
class Deliverer:
    """Sends applications. `base_url`: the board's own, where résumés are fetched."""

    outward: Outward
    secrets: ClientSecrets
    links: Links
    base_url: str

    async def deliver(self, due: Due, now: datetime) -> Outcome:
        """Send one application, once."""
        body = webhook.encode(self._message(due, now))
        secret = self.secrets.derive(due.client_id, due.secret_nonce)
        headers = {"Content-Type": "application/json", webhook.SIGNATURE: webhook.sign(secret, body)}
        try:
            answer = await self.outward.ask("POST", due.url, within=_WITHIN, headers=headers, body=body)
        except (Forbidden, NoAnswer) as error:
            return TryLater(None, str(error))
        if answer.status == 200:
            return Done()
        return TryLater(None, f"answered {answer.status}{_code(answer)}; want 200")

    def _message(self, due: Due, now: datetime) -> dict[str, object]:
        resume = None
        if due.has_resume:
            word = self.links.make(For.RESUME, due.application_number, now + RESUME_LIFE)
            resume = webhook.Resume(due.application_number, f"{self.base_url}/resumes/{word}")
        return webhook.message(
            application=due.application_number,
            applicant=due.applicant_id,
            name=due.name,
            email=due.email,
            applied_at_ms=round(due.submitted_at.timestamp() * 1000),
            external_job_id=due.external_job_id,
            resume=resume,
        )


def _code(answer: Answer) -> str:
    """The ATS's errorCode, if it gives a plain one: its sentences may hold what was sent."""
    try:
        given = json.loads(answer.body)
        code = given.get("errorCode") if isinstance(given, dict) else None
    except (ValueError, RecursionError):
        return ""
    return f" {code}" if isinstance(code, str) and re.fullmatch(r"[A-Z][A-Z0-9_]{0,59}", code) else ""


def _settled(settlement: Settlement[Due]) -> Settled:
    due, outcome = settlement.item, settlement.outcome
    number, at = due.application_number, settlement.at
    if isinstance(outcome, Done):
        return Settled(number, due.attempts, State.DELIVERED, due.failures, at, None, outcome.detail)
    if isinstance(outcome, TryLater) and outcome.after == _UNBEGUN:
        return Settled(number, due.attempts, State.WAITING, due.failures, at, at, outcome.detail)
    failures = due.failures + 1
    wait = resend_after(failures)
    if wait is None:
        return Settled(number, due.attempts, State.FAILED, failures, at, None, outcome.detail)
    return Settled(number, due.attempts, State.WAITING, failures, at, at + wait, outcome.detail)


def _record(row: Settled, off_site: int | None) -> None:
    outcome = "put_off" if row.state is State.WAITING else row.state.value
    metrics.DELIVERIES.labels(outcome).inc()
    log.info("delivery_settled", outcome=outcome, application=row.application_number, detail=row.detail)
    if off_site is not None:
        metrics.OFF_SITE.inc()
        log.warning("job_turned_off_site", job=off_site, remedy=f"unghost job on-site {off_site}")
