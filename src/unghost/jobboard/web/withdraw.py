"""`DELETE /v2/jobApplicationLifecycleActions/{id}`: a child application takes its own report back (spec R10, ours).

Reads the request and answers it. Must not know what becomes of the notices: store/withdrawing does.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard import metrics
from unghost.jobboard.store import withdrawing
from unghost.jobboard.web.partner_api import refused_answer
from unghost.jobboard.web.services import Services
from unghost.wire import restli, urn
from unghost.wire.refusals import Refusal, Refused, shown


def routes(services: Services) -> list[BaseRoute]:
    """One stored action, under each path of the resource."""

    async def withdraw(request: Request) -> Response:
        version = restli.protocol(request.headers.get("x-restli-protocol-version"))
        if isinstance(version, Refused):
            return _answer(version, restli.LATEST)
        return _answer(await _withdrawn(services, request), version)

    return [Route(f"{path}/{{id}}{end}", withdraw, methods=["DELETE"]) for path in restli.PATHS for end in ("", "/")]


async def _withdrawn(services: Services, request: Request) -> Refused | None:
    now = services.clock.now()
    token = restli.bearer(request.headers.get("authorization"))
    if isinstance(token, Refused):
        return token
    reporter = await services.access.reporter(token, now)
    if isinstance(reporter, Refused):
        return reporter
    given = request.path_params["id"]
    try:
        id = urn.number(given)
    except ValueError:
        return _unknown(given)
    async with services.pool.connection() as connection:
        found = await withdrawing.withdraw(connection, id, reporter.oauth_application, now)
    return None if found else _unknown(given)


def _unknown(given: str) -> Refused:
    return Refused(
        Refusal.UNKNOWN_REPORT,
        f"the id is {shown(given)}; want the id of a report that this child application made, as X-RestLi-Id gave it",
    )


def _answer(refused: Refused | None, protocol: str) -> Response:
    metrics.count(refused.refusal.name if refused else "WITHDRAWN")
    status, headers, body = refused_answer(refused, protocol) if refused else (204, [], b"")
    answer = Response(body, status)
    answer.raw_headers = [pair for pair in answer.raw_headers if pair[0] != b"content-type"]
    answer.raw_headers += [*headers, (b"x-restli-protocol-version", protocol.encode())]
    return answer
