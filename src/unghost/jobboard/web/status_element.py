"""The drop-in element: an applicant's own status on the job board's own site, which has another origin (spec R23).

Its script, and what the script fetches: parts of the board's own pages, filled in by the pages' own templates from the
pages' own reads, so that the two cannot drift. Must not read a cookie, and not word or judge anything itself.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store import board, board_names, reading
from unghost.jobboard.web import live, pages
from unghost.jobboard.web.board_refusals import Unfit
from unghost.jobboard.web.board_shapes import check_external_id, read_urn
from unghost.jobboard.web.services import Services
from unghost.jobboard.web.status_door import (
    PREFLIGHT,
    StatusRefusal,
    StatusRefused,
    Visit,
    admitted,
    open_to,
    refusal,
)
from unghost.wire import urn

Handler = Callable[[Request, Visit], Awaitable[Response]]

_NOTHING = 204


async def _script(request: Request) -> Response:
    """GET /status/v1.js: the script that a site includes by one tag."""
    content, packed, tag = _written()
    headers = {
        "access-control-allow-origin": "*",  # so that a page may demand its hash (`integrity`)
        "cache-control": "public, max-age=300, stale-while-revalidate=86400",
        "cross-origin-resource-policy": "cross-origin",
        "etag": tag,
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["content-encoding"] = packed, "gzip"
    return Response(content, media_type="text/javascript", headers=headers)


@cache
def _written() -> tuple[bytes, bytes, str]:
    """The script with its style sheet in it, so that the two always fit together; the same by gzip; and its ETag."""
    styles = b"".join(pages.assets()[name].content for name in ("route.css", "element.css"))
    content = pages.assets()["element.js"].content.replace(b'"STYLES"', json.dumps(styles.decode()).encode())
    return content, gzip.compress(content, mtime=0), f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'


async def _applications(request: Request, visit: Visit) -> Response:
    """GET /status/v1/applications: the list of My Jobs."""
    services: Services = request.app.state.services
    async with services.pool.connection() as connection:
        found = await reading.my_jobs(connection, visit.applicant, visit.now, services.policy)
        if found is None:
            return Response(status_code=_NOTHING)
        numbers = [application.number for application in found.applications]
        names = await board_names.of_applications(connection, numbers)
    # One that came between the two reads is shown by the next look, which its commit has called for.
    named = tuple(application for application in found.applications if application.number in names)
    return pages.fragment(request, "status/applications.html", reader=found.applicant, applications=named, names=names)


async def _job(request: Request, visit: Visit) -> Response:
    """GET /status/v1/jobs/<organization>/<job>: what the job's page shows of the applicant's own application."""
    services: Services = request.app.state.services
    organization, name = _job_named(request)
    async with services.pool.connection() as connection:
        job = await board.job(connection, organization, name)
        if job is None:
            return Response(status_code=_NOTHING)
        found = await reading.job_page(connection, job.id, visit.applicant, visit.now, services.policy)
    if found is None or found.applicant is None or found.application is None:
        return Response(status_code=_NOTHING)
    return pages.fragment(request, "status/job.html", reader=found.applicant, application=found.application)


def _job_named(request: Request) -> tuple[int, str]:
    """The customer and the job in the path. Raises `StatusRefused` (BAD_JOB)."""
    organization, _, job = request.path_params["named"].partition("/")
    try:
        return read_urn("organization", urn.ORGANIZATION, organization), check_external_id("job", job)
    except Unfit as unfit:
        raise StatusRefused(StatusRefusal.BAD_JOB, f"{unfit.field} {unfit.message}") from None


async def _live(request: Request, visit: Visit) -> Response:
    """GET /status/v1/live: says when to look again, until the token ends."""
    services: Services = request.app.state.services
    seconds = max((visit.expires_at - visit.now).total_seconds(), 0)
    return live.stream(services, visit.applicant, seconds)


def _behind_the_door(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The handler, for those who are let in; whatever is answered, the page that asked may read it."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=_NOTHING, headers=PREFLIGHT)
        try:
            visit = await admitted(request)
            response = Response(status_code=_NOTHING) if visit is None else await handler(request, visit)
        except StatusRefused as refused:
            response = refusal(refused)
        except (psycopg.OperationalError, PoolTimeout):
            sentence = "the job board cannot reach its database; try again in a moment"
            response = refusal(StatusRefused(StatusRefusal.UNAVAILABLE, sentence))
        return open_to(request, response)

    return answer


def routes(services: Services) -> list[BaseRoute]:
    """The script and what it fetches."""
    fetched: dict[str, Any] = {
        "/status/v1/applications": _applications,
        "/status/v1/jobs/{named:path}": _job,
        "/status/v1/live": _live,
    }
    return [
        Route("/status/v1.js", _script, methods=["GET"]),
        *(Route(path, _behind_the_door(handler), methods=["GET", "OPTIONS"]) for path, handler in fetched.items()),
    ]
