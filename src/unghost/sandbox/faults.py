"""Faults on command: what the rules say happens to a call, before the board sees it or after it has answered.

Token and consent are really changed, so that the board itself refuses; the rest is done on the line (spec R37).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unghost.clock import Clock
from unghost.jobboard.store import access, consent, explaining, winding
from unghost.sandbox import magic, rules, turns
from unghost.sandbox.rules import ROUTES, Rule, What, When
from unghost.sandbox.turns import Book, Turns
from unghost.wire import restli
from unghost.wire.refusals import Refusal, Refused

#: The key of a request's scope under which the server gives the means to cut its line.
CUT = "unghost.cut"
_REFUSALS = {429: Refusal.TOO_MANY_CALLS, 500: Refusal.INTERNAL, 503: Refusal.OVERLOADED, 401: Refusal.EXPIRED_TOKEN}
_PROBE_SECONDS = 5.0
_COUNTS = "calls-counted.json"


@dataclass(frozen=True)
class Call:
    """A request as rules see it; header names are in small letters. `of_taken_back`: the number of the application
    whose report is taken back."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    decoded: Any
    of_taken_back: str | None = None

    @property
    def taken_back(self) -> int | None:
        """The action whose report a DELETE takes back."""
        begin, _, id = self.path.partition("?")[0].rstrip("/").rpartition("/")
        found = self.method == "DELETE" and begin in restli.PATHS and re.fullmatch("[0-9]{1,18}", id)
        return int(id) if found else None

    @cached_property
    def reports(self) -> list[dict[str, Any]]:
        """The reports in it: one, those of a batch, or none."""
        given = self.decoded
        elements = given.get("elements") if isinstance(given, dict) else None
        found = elements if isinstance(elements, list) else [given]
        return [one for one in found if isinstance(one, dict)]

    @cached_property
    def applications(self) -> list[str]:
        """The numbers of the applications that it is about, in order."""
        given = [one.get("jobApplicationId") for one in self.reports]
        named = [str(each).rpartition(":")[2] for each in given if isinstance(each, str | int)]
        return list(dict.fromkeys([self.of_taken_back, *named] if self.of_taken_back else named))

    @property
    def customer(self) -> str | None:
        """The number of the first customer that it names."""
        return next(
            (
                given.rpartition(":")[2]
                for one in self.reports
                if isinstance(given := one.get("integrationContext"), str)
            ),
            None,
        )

    @property
    def token(self) -> str:
        """The access token that it carries, or nothing."""
        found = restli.bearer(self.headers.get("authorization"))
        return found if isinstance(found, str) else ""


@dataclass
class Faults:
    """The rules of one sandbox; `path` keeps them, and the inbox reads those about mails from there."""

    path: Path
    pool: AsyncConnectionPool
    clock: Clock
    _book: Book = field(init=False)
    _turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self._book = turns.read(self.path)
        self._turns = Turns(self.path.with_name(_COUNTS), lambda rule: not rule.of_mails)
        self._turns.follow(self._book)

    def shown(self) -> list[dict[str, Any]]:
        """The rules that were given, with how many calls fitted each and to how many it was applied."""
        shown = []
        for given in self._book.given:
            turn = self._turns.of(given.number)
            counted = {"fitted": turn.fitted, "applied": turn.applied} if turn else {}
            shown.append(json.loads(rules.write([given.rule]))[0] | counted)
        return shown

    def add(self, given: Sequence[Rule]) -> None:
        """Rules that come after those that there are, which count on."""
        self._write(self._book.added(given))

    def reset(self) -> None:
        """No rules but the magic values, and these as if nobody had used them."""
        self._write(self._book.emptied())

    async def known(self, call: Call) -> Call:
        """The call with what only the board knows of it: whose report a DELETE takes back."""
        if (action := call.taken_back) is None:
            return call
        with suppress(psycopg.OperationalError, PoolTimeout):  # the board will say so
            async with self.pool.connection() as connection:
                if number := await explaining.application_of(connection, action):
                    return replace(call, of_taken_back=str(number))
        return call

    async def of_call(self, call: Call) -> Rule | None:
        """The rule for a call of a partner's; it counts as applied."""
        if said := next(filter(None, map(magic.unknown, call.applications)), None):
            body = Refused(Refusal.UNKNOWN_APPLICATION, said).body() | {"status": 400}
            return Rule(name="unknown magic value", when=When(), what=What(status=400, body=body))
        fitting = [
            turn for turn in self._turns if not turn.rule.when.webhook and await self._fits(turn.rule.when, call)
        ]
        return self._turns.come(fitting)

    async def serve(
        self, rule: Rule | None, call: Call, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let the board answer, or the rule."""
        if rule is None:
            return await app(scope, receive, send)
        what = rule.what
        if what.latency is not None:
            await asyncio.sleep(rules.seconds(what.latency))
        if what.status is not None:
            await _answer(send, what.status, _body(rule), what.headers)
        elif what.cut is not None:
            if what.cut == "after":
                await app(scope, receive, _nowhere)
            scope[CUT]()
        else:
            await self._change(rule, call, app)
            await app(scope, receive, _dripping(send, rules.seconds(what.drip)) if what.drip else send)
        return None

    def of_webhook(self, kind: str, application: str | None, customer: str | None) -> Rule | None:
        """The rule for a call of the board's to a webhook, about this application, of this customer."""

        def fits(when: When) -> bool:
            return (
                when.webhook in (kind, "any")
                and (when.application is None or when.application.rpartition(":")[2] == application)
                and (when.customer is None or when.customer.rpartition(":")[2] == customer)
            )

        return self._turns.come(turn for turn in self._turns if fits(turn.rule.when))

    async def _fits(self, when: When, call: Call) -> bool:
        path = call.path.partition("?")[0]
        beginnings = ROUTES.get(when.route or "reports", (when.route or "",))
        if not path.startswith(beginnings) or when.method not in (None, call.method):
            return False
        if when.application is not None and when.application.rpartition(":")[2] not in call.applications:
            return False
        return when.customer is None or when.customer.rpartition(":")[2] == str(await self._customer(call))

    async def _customer(self, call: Call) -> int | str | None:
        """Whose call it is: the token says so; what has none is judged by what it names."""
        async with self.pool.connection() as connection:
            token = await access.find_token(connection, access.hashed(call.token)) if call.token else None
        return call.customer if token is None else token.organization

    async def _change(self, rule: Rule, call: Call, app: ASGIApp) -> None:
        now = self.clock.now()
        if rule.what.token is not None and call.token:
            async with self.pool.connection() as connection:
                await winding.expire_token(connection, access.hashed(call.token), now)
            await _until_expired(app, call.token)
        if rule.what.consent is not None and (customer := await self._customer(call)) is not None:
            async with self.pool.connection() as connection:
                await consent.set_consent(
                    connection,
                    organization=int(customer),
                    ticked=False,
                    changed_by="unghost sandbox",
                    changed_from=rule.called,
                    wording_version="sandbox",
                    oauth_application_id=None,
                    now=now,
                )

    def _write(self, book: Book) -> None:
        book.write(self.path)
        self._book = book
        self._turns.follow(book)


def _body(rule: Rule) -> Any:
    what = rule.what
    if what.body is not None or what.status is None or what.status in rules.BODILESS:
        return what.body
    said = f"the sandbox's rule {rule.called!r} answers so"
    refusal = _REFUSALS.get(what.status)
    return Refused(refusal, said).body() if refusal else {"status": what.status, "message": said}


async def _answer(send: Send, status: int, body: Any, headers: dict[str, str]) -> None:
    content, named = b"", {}
    if body is not None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
        named = {"content-type": kind, "content-length": str(len(content))}
    named |= {name.lower(): value for name, value in headers.items()}
    listed = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": content})


async def _nowhere(message: Message) -> None:
    """Where an answer goes whose line is cut."""


def _dripping(send: Send, wait: float) -> Send:
    """A `send` that gives the body a byte at a time; the last byte is the answer's end."""

    async def slowly(message: Message) -> None:
        await asyncio.sleep(wait)
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            for at in range(len(body) - 1):
                await send({"type": "http.response.body", "body": body[at : at + 1], "more_body": True})
                await asyncio.sleep(wait)
            message = {**message, "body": body[-1:]}
        await send(message)

    return slowly


async def _until_expired(app: ASGIApp, token: str) -> None:
    """Ask the board itself until it no longer takes the token, which it may remember for a moment."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PROBE_SECONDS
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    while status != 401 and loop.time() < until:
        headers = [(b"authorization", b"Bearer " + token.encode("latin-1")), (b"x-restli-method", b"none")]
        await app({"type": "http", "method": "POST", "path": restli.PATHS[0], "headers": headers}, receive, send)
        await asyncio.sleep(0.005)
