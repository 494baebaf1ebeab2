"""What all other calls of partners share: whose token it is, the body, and the form of answers (spec R4, R5, R25, R27).

The hot route does the same without a router, in partner_api. Must not know any resource.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store import access
from unghost.jobboard.web.partner_api import JSON, read_body, read_json, refused_answer
from unghost.jobboard.web.services import Services
from unghost.wire import restli
from unghost.wire.refusals import Refusal, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose token is good. `method`: Rest.li's, in capitals; `path` without a slash at its end."""

    services: Services
    request: Request
    now: datetime
    protocol: str
    method: str
    path: str
    holder: access.Token

    async def body(self, limit: int) -> object | Refused:
        """The decoded JSON, whatever the Content-Type says."""
        body = await read_body(self.request.receive, limit)
        if body is None:
            return Refused(Refusal.MALFORMED_BODY, "the body ended before it was whole; send it again")
        return body if isinstance(body, Refused) else read_json(body)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that is no refusal; `body` None: an empty one."""

    status: int
    body: object = None
    headers: Mapping[str, str] | None = None


Work = Callable[[Call], Awaitable[Said | Refused]]


def resource(services: Services, path: str, verb: str, methods: tuple[str, ...], work: Work) -> list[BaseRoute]:
    """A path, with and without a slash at its end. `methods`: Rest.li's that it takes, the one of the route first."""

    async def endpoint(request: Request) -> Response:
        protocol = restli.protocol(request.headers.get("x-restli-protocol-version"))
        if isinstance(protocol, Refused):
            return written(protocol, restli.LATEST)
        return written(await _outcome(services, request, protocol, methods, work), protocol)

    return [Route(path + end, endpoint, methods=[verb]) for end in ("", "/")]


async def _outcome(
    services: Services, request: Request, protocol: str, methods: tuple[str, ...], work: Work
) -> Said | Refused:
    now = services.clock.now()
    token = restli.bearer(request.headers.get("authorization"))
    holder = token if isinstance(token, Refused) else await services.access.holder(token, now)
    if isinstance(holder, Refused):
        return holder
    method = restli.one_of(request.headers.get("x-restli-method"), methods)
    if isinstance(method, Refused):
        return method
    call = Call(
        services=services,
        request=request,
        now=now,
        protocol=protocol,
        method=method,
        path=request.url.path.rstrip("/"),
        holder=holder,
    )
    return await work(call)


def partners_own(call: Call) -> Refused | None:
    """The refusal of a child application's token where the partner's own is wanted."""
    if call.holder.parent_id is None:
        return None
    return Refused(
        Refusal.NOT_A_PARTNER,
        "The access token is a child application's; fetch one with the partner's own client id and secret",
    )


def written(outcome: Said | Refused, protocol: str) -> Response:
    """The answer over HTTP, with the headers that every answer to a partner carries (spec R3, R4)."""
    if isinstance(outcome, Refused):
        status, headers, body = refused_answer(outcome, protocol)
    else:
        status, body = outcome.status, b""
        headers = [(name.encode(), value.encode("latin-1")) for name, value in (outcome.headers or {}).items()]
        if outcome.body is not None:
            headers.append(JSON)
            body = msgspec.json.encode(outcome.body)
    answer = Response(body, status)
    answer.raw_headers = [pair for pair in answer.raw_headers if pair[0] != b"content-type"]
    answer.raw_headers += [*headers, (b"x-restli-protocol-version", protocol.encode()), (b"cache-control", b"no-store")]
    return answer
