"""`POST /v2/jobApplicationLifecycleActions`, the wire's hot route, as bare ASGI: a router costs more than the database.

Reads a request, asks the acceptor, writes the answer. Must not judge a report: wire/ reads it, accept.py judges it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import psycopg
import structlog
from psycopg_pool import PoolTimeout
from starlette.types import Receive, Scope, Send

from unghost import traces
from unghost.jobboard import metrics
from unghost.jobboard.accept import Overloaded, Reporter
from unghost.jobboard.rules.policy import reportable
from unghost.jobboard.web.services import Services
from unghost.wire import lifecycle, restli
from unghost.wire.lifecycle import Report
from unghost.wire.refusals import Refusal, Refused
from unghost.wire.restli import Answer

log = structlog.get_logger()

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SPAN = f"POST {restli.PATHS[0]}"
_READ_AT_MOST = 64 * 1024 * 1024
#: The header of every JSON answer.
JSON = (b"content-type", b"application/json; charset=utf-8")
#: What HTTP demands beside some refusals.
_FOR_STATUS = {
    401: (b"www-authenticate", b"Bearer"),
    405: (b"allow", b"POST"),
    503: (b"retry-after", b"1"),
}
_UNREACHABLE = Refused(Refusal.UNAVAILABLE, "the job board cannot reach its database; send the report again")


class _Call(msgspec.Struct, frozen=True):
    """What matters of a request's head."""

    path: str
    method: str
    reporter: Reporter


#: Status, headers and body, without what every answer carries.
_Success = tuple[int, list[tuple[bytes, bytes]], bytes]


class LifecycleActions:
    """The resource, under each of its paths (spec R1-R9)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._actions = reportable(services.policy)
        self._demand_context = services.settings.contract == "seed"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Every outcome is JSON or an empty 201, never an exception."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        with traces.span(_SPAN, traces.Kind.SERVER, _text(headers.get(b"traceparent"))) as span:
            await self._call(scope, receive, send, headers, span)

    async def _call(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes], span: traces.Span
    ) -> None:
        version = restli.protocol(_text(headers.get(b"x-restli-protocol-version")))
        if isinstance(version, Refused):
            _note(span, version)
            return await _send(send, restli.LATEST, refused_answer(version, restli.LATEST))
        try:
            outcome = await self._outcome(scope, receive, headers)
        except Exception:
            log.exception("report.failed")
            said = "the job board met an error of its own; it is logged, send the report again later"
            outcome = Refused(Refusal.INTERNAL, said)
        if outcome is None:
            return None  # the caller hung up in the middle: nothing was reported
        _note(span, outcome)
        return await _send(send, version, refused_answer(outcome, version) if isinstance(outcome, Refused) else outcome)

    async def _outcome(self, scope: Scope, receive: Receive, headers: dict[bytes, bytes]) -> _Success | Refused | None:
        now = self._services.clock.now()
        call = await self._head(scope, headers, now)
        if isinstance(call, Refused):
            return _counted(call)
        body = await read_body(
            receive, restli.BATCH_LIMIT if call.method == restli.BATCH_CREATE else restli.SINGLE_LIMIT
        )
        if isinstance(body, Refused):
            return _counted(body)
        if body is None:
            return None
        decoded = read_json(body)
        if isinstance(decoded, Refused):
            return _counted(decoded)
        return await (self._batch if call.method == restli.BATCH_CREATE else self._single)(call, decoded, now)

    async def _head(self, scope: Scope, headers: dict[bytes, bytes], now: datetime) -> _Call | Refused:
        if scope["method"] != "POST":
            return Refused(
                Refusal.WRONG_VERB, f"the HTTP method is {scope['method']}; want POST with the header X-RestLi-Method"
            )
        token = restli.bearer(_text(headers.get(b"authorization")))
        if isinstance(token, Refused):
            return token
        try:
            reporter = await self._services.access.reporter(token, now)
        except (psycopg.OperationalError, PoolTimeout):
            return _UNREACHABLE
        if isinstance(reporter, Refused):
            return reporter
        method = restli.method(_text(headers.get(b"x-restli-method")))
        if isinstance(method, Refused):
            return method
        return _Call(scope["path"].rstrip("/"), method, reporter)

    async def _beyond(self, reporter: Reporter, reports: int, now: datetime) -> Refused | None:
        """The refusal of reports that are beyond the child application's limits, if it has any (spec R12)."""
        if self._services.allowance is None:
            return None
        try:
            return await self._services.allowance.take(reporter.oauth_application, reports, now)
        except (psycopg.OperationalError, PoolTimeout):
            return _UNREACHABLE

    async def _single(self, call: _Call, decoded: object, now: datetime) -> _Success | Refused:
        if beyond := await self._beyond(call.reporter, 1, now):
            return _counted(beyond)
        [answer] = await self._answers([decoded], call.reporter, now)
        if isinstance(answer, Refused):
            return answer
        id = str(answer.id).encode()
        location = restli.location(call.path, answer.id).encode()
        return 201, [(b"location", location), (b"x-restli-id", id), (b"x-linkedin-id", id)], b""

    async def _batch(self, call: _Call, decoded: object, now: datetime) -> _Success | Refused:
        given = restli.elements(decoded)
        if isinstance(given, Refused):
            return _counted(given)
        if given and (beyond := await self._beyond(call.reporter, len(given), now)):
            return _counted(beyond)
        answers = await self._answers(given, call.reporter, now)
        return 200, [JSON], msgspec.json.encode({"elements": [restli.element(call.path, each) for each in answers]})

    async def _answers(self, given: Sequence[object], reporter: Reporter, now: datetime) -> list[Answer]:
        answers: dict[int, Answer] = {}
        reports: dict[int, Report] = {}
        for nth, element in enumerate(given):
            read = lifecycle.read(element, now, self._actions, demand_context=self._demand_context)
            read = read if isinstance(read, Refused) else _own_customer(read, reporter)
            if isinstance(read, Refused):
                answers[nth] = _counted(read)
            else:
                reports[nth] = read
        if reports:
            answers.update(zip(reports, await self._accept(list(reports.values()), reporter), strict=True))
        return [answers[nth] for nth in range(len(given))]

    async def _accept(self, reports: list[Report], reporter: Reporter) -> list[Answer]:
        try:
            return await self._services.acceptor.accept(reports, reporter)
        except Overloaded:
            said = "more reports are waiting than this process may hold; send it again after a second"
            metrics.count(Refusal.OVERLOADED.name, len(reports))
            return [Refused(Refusal.OVERLOADED, said)] * len(reports)


def _own_customer(report: Report, reporter: Reporter) -> Report | Refused:
    if report.organization in (None, reporter.organization):
        return report
    return Refused(
        Refusal.OTHER_CUSTOMER,
        f"integrationContext is urn:li:organization:{report.organization}; this child application reports for "
        f"urn:li:organization:{reporter.organization}",
    )


async def read_body(receive: Receive, limit: int) -> bytes | Refused | None:
    """The whole body, None if the caller hung up. One that is too large is read to its end, up to a point: a caller
    who is still sending when the line is closed would never see the refusal."""
    parts: list[bytes] = []
    size = 0
    while size <= _READ_AT_MOST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not message.get("more_body"):
            break
    if size <= limit:
        return b"".join(parts)
    return Refused(Refusal.TOO_LARGE, f"the body is over {limit} bytes; send less in one call")


def read_json(body: bytes) -> object | Refused:
    """What a body says."""
    try:
        decoded: object = msgspec.json.decode(body)
    except _UNREADABLE as error:
        said = str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8, or too deeply nested"
        return Refused(Refusal.MALFORMED_BODY, f"the body is not JSON: {said[:120]}")
    return decoded


def refused_answer(refused: Refused, protocol: str) -> _Success:
    """Status, headers and body of a refusal (spec R4), without what every answer carries."""
    headers = [JSON, (restli.error_header(protocol).lower().encode(), b"true")]
    if refused.seconds is not None:
        headers.append((b"retry-after", str(refused.seconds).encode()))
    elif refused.status in _FOR_STATUS:
        headers.append(_FOR_STATUS[refused.status])
    return refused.status, headers, msgspec.json.encode(refused.body())


def _note(span: traces.Span, outcome: _Success | Refused) -> None:
    status = outcome.status if isinstance(outcome, Refused) else outcome[0]
    span.note("http.response.status_code", status)
    if isinstance(outcome, Refused):
        span.note("unghost.refusal", outcome.refusal.name)
        if status >= 500:
            span.fail(outcome.refusal.name)


async def _send(send: Send, protocol: str, answer: _Success) -> None:
    status, headers, body = answer
    headers.append((b"x-restli-protocol-version", protocol.encode()))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _counted(refused: Refused) -> Refused:
    """A refusal from here; those from the acceptor are counted there, a group at a time."""
    metrics.count(refused.refusal.name)
    return refused
