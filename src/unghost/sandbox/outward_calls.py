"""The board's calls to partners as the control server hears of them: which rule applies to one, and how one ended.

A dispatcher of the sandbox says both, see outward.py; rules and journal have one place. It calls nobody itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store import webhooks
from unghost.sandbox.control_call import body
from unghost.sandbox.faults import Faults
from unghost.sandbox.journal import Entry, Journal
from unghost.sandbox.recorder import PHRASES, clean, readable
from unghost.sandbox.rules import What

BEGUN, ENDED = "/outward/begun", "/outward/ended"


class Begun(msgspec.Struct):
    """A call that is about to be made: of an application, or to a webhook of an OAuth application."""

    kind: Literal["delivery", "challenge"]
    application: int | None = None
    oauth_application: int | None = None


class Fault(msgspec.Struct):
    """What is to happen to it, and whose call it is."""

    what: What | None = None
    called: str | None = None
    customer: str | None = None


class Ended(msgspec.Struct):
    """A call that has ended. `status` 0: there was no answer, and `said` is why."""

    begun: Begun
    fault: Fault
    at: datetime
    took_ms: float
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    status: int
    answer: bytes
    said: str


@dataclass(frozen=True, kw_only=True)
class OutwardCalls:
    """The two calls, for `Control.application`."""

    faults: Faults
    journal: Journal
    pool: AsyncConnectionPool

    def routes(self) -> list[BaseRoute]:
        """What the control server answers to dispatchers."""
        return [
            Route(BEGUN, self._begun, methods=["POST"]),
            Route(ENDED, self._ended, methods=["POST"]),
        ]

    async def _begun(self, request: Request) -> Response:
        call = await body(request, Begun)
        async with self.pool.connection() as connection:
            number = await webhooks.customer_of(connection, call.application, call.oauth_application)
        customer = None if number is None else str(number)
        application = None if call.application is None else str(call.application)
        rule = self.faults.of_webhook(call.kind, application, customer)
        found = Fault(rule.what, rule.called, customer) if rule else Fault(customer=customer)
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def _ended(self, request: Request) -> Response:
        call = await body(request, Ended)
        application = None if call.begun.application is None else str(call.begun.application)
        self.journal.add(
            Entry(
                number=self.journal.next_number(),
                webhook=call.begun.kind,
                at=call.at,
                method=call.method,
                path=clean(call.url),
                status=call.status,
                reason=_reason(call),
                took_ms=call.took_ms,
                headers=call.headers,
                body=readable(call.body, "application/json"),
                answer=readable(call.answer, "application/json"),
                application=application,
                applications=[application] if application else [],
                customer=call.fault.customer,
                fault=call.fault.called,
            )
        )
        return Response(status_code=204)


def _reason(call: Ended) -> str:
    """Why it ended so, in words. Whether a challenge's answer is right, the dispatcher finds: see what it led to."""
    if not call.status:
        return f"no answer: {call.said}"
    if call.status != 200:
        return f"{call.status}: {PHRASES.get(call.status, 'unknown')}; only 200 counts"
    return "200: delivered" if call.begun.kind == "delivery" else "200: answered, now the HMAC is looked at"
