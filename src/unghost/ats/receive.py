"""One delivery to the webhook, from request to answer, in one transaction of the ATS's own (spec R32).

The flow is written once, as a generator of steps; whoever has the connection takes them: at once, awaiting, or by
Django's `atomic`. Must not know a web framework.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from unghost.ats import application as applications
from unghost.ats import secret, webhook
from unghost.ats.activity import LONGEST_ID, RecordError, own_id
from unghost.ats.application import ReceivedApplication
from unghost.ats.store import callers, receiving
from unghost.ats.store.recording import Statement
from unghost.ats.webhook import Answer, Problem, refused
from unghost.clock import Clock
from unghost.wire.webhook import SIGNATURE

log = logging.getLogger("unghost.ats")

_AUTOCOMMIT = "the connection is in autocommit, so nothing could be rolled back: turn that off"

OnApplication = Callable[[ReceivedApplication, Any], Any]
"""The ATS's own: makes the candidate in the transaction of the connection, and gives the ATS's own id of it."""


class ReceiveError(Exception):
    """The view is mounted wrongly. The message is one sentence with the remedy, and names no applicant."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The request: its method, path, query and, of a POST, the signature's header and the body."""

    method: str
    path: str
    query: str = ""
    signature: str = ""
    body: bytes = b""


class Transaction(Enum):
    """A step on the transaction."""

    BEGIN = auto()
    COMMIT = auto()
    ROLLBACK = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """A step that calls the ATS."""

    application: ReceivedApplication


Step = Transaction | Call | Statement
Flow = Generator[Step, Any, Answer]


def flow(delivery: Delivery, speaking: callers.Caller | callers.AsyncCaller, clock: Clock) -> Flow:
    """The steps of one delivery. A `Statement` that counts is sent back its rows' number, any other its rows."""
    addressee = webhook.addressee(delivery.path)
    # Found before the transaction: a reader that turns writer is refused by SQLite at once, and signatures take time.
    found = (yield receiving.customer(*addressee, speaking.mark)) if addressee else []
    yield Transaction.ROLLBACK
    if not addressee or not found:
        return refused(Problem.CUSTOMER_UNKNOWN, "the URL names no customer: end it with its destination and number")
    customer_id, stored = found[0]
    try:
        key = secret.read(stored)
    except secret.SecretError as error:
        log.error("webhook of customer %s: %s", customer_id, error)
        return refused(Problem.SECRET_UNREADABLE, "the customer's secret cannot be read here: send it again later")
    if delivery.method == "GET":
        return webhook.challenge(delivery.query, key)
    if objection := _objection(delivery, key):
        return objection
    try:
        application = applications.read(delivery.body, *addressee)
    except applications.ApplicationError as error:
        return refused(Problem.APPLICATION_INVALID, str(error))
    yield Transaction.BEGIN
    try:
        claim = receiving.claim(application, customer_id, clock.now(), speaking.dialect, speaking.mark)
        is_new = bool((yield claim))
        if not is_new:
            known = yield receiving.known(application, customer_id, speaking.mark)
            if not known:
                raise ReceiveError("no row could be written for it, and there is none: see to the tables")
            # Claimed in autocommit once, or written by hand: nobody has made the candidate.
            is_new = known == [("",)] and (
                (yield receiving.locked(application, customer_id, speaking.dialect, speaking.mark)) == known
            )
        if is_new:
            ats_id = _own_id((yield Call(application)))
            yield receiving.name(application, customer_id, ats_id, speaking.mark)
        yield Transaction.COMMIT
    except Exception as error:
        answer = failed(error, application.urn)
        # The connection may be gone, and the transaction with it.
        with suppress(Exception):
            yield Transaction.ROLLBACK
        return answer
    return webhook.TAKEN


def failed(error: Exception, what: str = "a delivery") -> Answer:
    """The answer when storing failed. The log says where, without the error's message: that may name the applicant."""
    if isinstance(error, ReceiveError | callers.UnfitConnectionError):
        said = str(error)
    else:
        last = traceback.extract_tb(error.__traceback__)[-3:]
        places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in last)
        said = f"{type(error).__name__} ({places})"
    log.error("%s is not stored and will be sent again: %s", what, said)
    return refused(Problem.NOT_STORED, "the application could not be stored here: send it again later")


def _own_id(given: Any) -> str:
    try:
        return own_id(given)
    except RecordError:
        raise ReceiveError(
            f"on_application gave no id of the ATS's own: return a str or an int of 1 to {LONGEST_ID} characters"
        ) from None


def _objection(delivery: Delivery, key: str) -> Answer | None:
    if delivery.method != "POST":
        return refused(Problem.METHOD_UNKNOWN, "the method is neither GET, for a challenge, nor POST")
    if len(delivery.body) > webhook.MOST_BYTES:
        return refused(Problem.BODY_TOO_LARGE, f"the body is larger than {webhook.MOST_BYTES >> 20} MiB")
    if not delivery.signature:
        return refused(Problem.SIGNATURE_MISSING, f"the header {SIGNATURE} is missing: sign the body")
    if not webhook.is_signed(delivery.body, delivery.signature, key):
        return refused(
            Problem.SIGNATURE_INVALID,
            f"{SIGNATURE} does not fit the body: sign hmacsha256= and the body with this customer's secret",
        )
    return None


def at_once(delivery: Delivery, connection: Any, on_application: OnApplication, clock: Clock) -> Answer:
    """Take the steps on a connection that answers at once: SQLAlchemy's or a DB-API one, not in autocommit."""
    speaking = callers.of(connection)
    if isinstance(speaking, callers.AsyncCaller):
        raise ReceiveError("the connection is an async one: mount the ASGI view, or give a sync connection")

    def take(step: Step) -> Any:
        if isinstance(step, Statement):
            return speaking.run(step.sql, step.values) if step.counts else speaking.fetch(step.sql, step.values)
        if isinstance(step, Call):
            return on_application(step.application, connection)
        if step is Transaction.COMMIT:
            connection.commit()
        elif step is Transaction.ROLLBACK:
            connection.rollback()
        elif speaking.commits_by_itself():
            raise ReceiveError(_AUTOCOMMIT)
        return None

    return drive(flow(delivery, speaking, clock), take)


def drive(steps: Flow, take: Callable[[Step], Any]) -> Answer:
    """Take the steps one by one; what one raises is raised inside the flow."""
    try:
        step = next(steps)
        while True:
            try:
                given = take(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(given)
    except StopIteration as end:
        answer: Answer = end.value
        return answer


async def awaiting(delivery: Delivery, connection: Any, on_application: OnApplication, clock: Clock) -> Answer:
    """Take the steps on a connection that is awaited; `on_application` is then an async function."""
    speaking = callers.of(connection)
    assert isinstance(speaking, callers.AsyncCaller)

    async def take(step: Step) -> Any:
        if isinstance(step, Statement):
            ask: Any = speaking.run if step.counts else speaking.fetch
            return await ask(step.sql, step.values)
        if isinstance(step, Call):
            return await on_application(step.application, connection)
        if step is Transaction.COMMIT:
            await connection.commit()
        elif step is Transaction.ROLLBACK:
            await connection.rollback()
        elif await speaking.commits_by_itself():
            raise ReceiveError(_AUTOCOMMIT)
        return None

    steps = flow(delivery, speaking, clock)
    try:
        step = next(steps)
        while True:
            try:
                given = await take(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(given)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
