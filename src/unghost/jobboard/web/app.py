"""The job board's web process: composes the services and the routes, and answers what goes wrong.

The hot route stands before the router. Nothing here decides; each module brings its own routes.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from unghost import traces
from unghost.clock import Clock, SystemClock
from unghost.jobboard import logs, wording
from unghost.jobboard import settings as settings_module
from unghost.jobboard.accept import Acceptor
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.erase import Eraser
from unghost.jobboard.links import Links, secret_key
from unghost.jobboard.settings import Settings, SettingsError
from unghost.jobboard.store.accepting import ACCESS
from unghost.jobboard.tombstones import Tombstones
from unghost.jobboard.web import (
    admin_sign_in,
    applicant_pages,
    apply,
    board_api,
    consent_widget,
    erase,
    health,
    integrations,
    job_postings,
    live,
    oauth,
    openapi,
    operator_pages,
    operator_redrive,
    operator_sign_in,
    pages,
    preferences,
    provisioning,
    resumes,
    sign_in,
    status_element,
    withdraw,
)
from unghost.jobboard.web.access import Access
from unghost.jobboard.web.allowance import Allowance
from unghost.jobboard.web.partner_api import LifecycleActions
from unghost.jobboard.web.partner_call import written
from unghost.jobboard.web.services import Services
from unghost.jobboard.web.tunnelling import tunnelled, undone
from unghost.postgres import open_pool
from unghost.postgres.listen import listen
from unghost.wire import restli
from unghost.wire.refusals import Refusal, Refused

log = structlog.get_logger()

_MODULES = (
    oauth,
    withdraw,
    provisioning,
    integrations,
    job_postings,
    resumes,
    health,
    openapi,
    board_api,
    applicant_pages,
    apply,
    sign_in,
    erase,
    live,
    status_element,
    preferences,
    admin_sign_in,
    consent_widget,
    operator_sign_in,
    operator_pages,
    operator_redrive,
    pages,
)
#: Groups of reports that commit at the same time: while one waits for the disk the next is planned. Measured, a second
#: connection brings a quarter more single reports and half more in batches; a third brings nothing.
_CONNECTIONS = 2
#: Seconds that a request waits for a connection before it is answered 503.
_PATIENCE = 3.0
#: Below these, answers are JSON for programs; elsewhere pages for people.
_FOR_PROGRAMS = (
    "/v2/",
    "/rest/",
    "/oauth/",
    "/board/",
    "/resumes/",
    "/status/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
)


def create() -> ASGIApp:
    """The app as a server's worker process makes it: settings from the environment, the machine's clock."""
    settings = settings_module.load()
    logs.configure(settings.log_format)
    traces.configure("unghost-board")
    app = create_app(settings, SystemClock())
    # What is loaded stays, and a report leaves no cycles behind: looking for them so often cost a tenth of the rate.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    return app


def create_app(settings: Settings, clock: Clock) -> ASGIApp:
    """The app. Raises `SettingsError` without a database: it is the commands that start the embedded one."""
    if settings.database_url is None:
        raise SettingsError("UNGHOST_DATABASE_URL is not set: give a PostgreSQL URL, or start by `unghost serve`")
    url = settings.database_url

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _composed(settings, clock, url) as services:
            app.state.services = services
            app.state.lifecycle_actions = LifecycleActions(services)
            for module in _MODULES:
                app.router.routes.extend(module.routes(services))
            yield

    handlers = {
        HTTPException: _refused,
        psycopg.OperationalError: _unavailable,
        PoolTimeout: _unavailable,
        ClientDisconnect: _gone,
        Exception: _failed,
    }
    return _HotRouteFirst(Starlette(lifespan=lifespan, exception_handlers=handlers))  # type: ignore[arg-type]


class _HotRouteFirst:
    """Gives the lifecycle actions their requests, and Starlette all others; nothing that fails gets past it."""

    def __init__(self, rest: Starlette) -> None:
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._rest(scope, receive, send)
        try:
            if tunnelled(scope):
                call = await undone(scope, receive)
                if isinstance(call, Refused):
                    return await _refusing(Request(scope), call)(scope, receive, send)
                scope, receive = call
            if scope["path"].rstrip("/") in restli.PATHS:
                hot: LifecycleActions = self._rest.state.lifecycle_actions
                return await hot(scope, receive, send)
            return await self._rest(scope, receive, send)
        except Exception:  # Starlette has answered it with `_failed`; the server would log the row in its message
            log.exception("web.failed", room=scope["path"].split("/")[1])


@asynccontextmanager
async def _composed(settings: Settings, clock: Clock, url: str) -> AsyncIterator[Services]:
    pool = await open_pool(url, max_size=6, timeout=_PATIENCE)
    policy = settings.policy
    access = Access(pool)
    acceptor = Acceptor(url, policy, clock, settings.queue_limit, connections=_CONNECTIONS)
    hub = live.LiveHub(url)
    heard = asyncio.create_task(listen(url, {ACCESS: lambda _: access.forget()}, access.forget))
    key = secret_key(settings.secret_key, settings.data_dir)
    tombstones = Tombstones(key)
    acceptor.start()
    await hub.start()
    try:
        yield Services(
            settings=settings,
            clock=clock,
            policy=policy,
            pool=pool,
            links=Links(key),
            client_secrets=ClientSecrets(key),
            tombstones=tombstones,
            eraser=Eraser(tombstones=tombstones, clock=clock, lease=settings.lease),
            wording=wording.load(),
            access=access,
            allowance=None if settings.limits is None else Allowance(pool, settings.limits),
            acceptor=acceptor,
            live=hub,
        )
    finally:
        heard.cancel()
        await hub.stop()
        await acceptor.stop()
        await pool.close()


async def _refused(request: Request, error: HTTPException) -> Response:
    path = request.scope["path"]
    if not path.startswith(_FOR_PROGRAMS):
        return pages.problem(request, error.status_code)
    if error.status_code == 405:
        refused = Refused(Refusal.WRONG_VERB, f"{path} does not answer {request.method}")
    elif error.status_code == 404:
        refused = Refused(Refusal.UNKNOWN_PATH, f"there is nothing at {path}; /docs lists what there is")
    else:
        return JSONResponse({"status": error.status_code, "message": error.detail}, error.status_code)
    return _refusing(request, refused, _allowed(request) if error.status_code == 405 else None)


def _allowed(request: Request) -> str:
    """What a path answers: two routes of it may answer a verb each."""
    there = [route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({verb for route in there if isinstance(route, Route) for verb in route.methods or ()}))


def _refusing(request: Request, refused: Refused, allow: str | None = None) -> Response:
    """A refusal as its caller expects it: partners' clients look for Rest.li's headers (spec R4)."""
    if request.scope["path"].startswith(("/v2/", "/rest/")):
        given = restli.protocol(request.headers.get("x-restli-protocol-version"))
        answer = written(refused, restli.LATEST if isinstance(given, Refused) else given)
    else:
        answer = JSONResponse(refused.body(), refused.status)
        if refused.status == 503:
            answer.headers["retry-after"] = "1"
    if allow is not None:
        answer.headers["allow"] = allow
    return answer


async def _failed(request: Request, error: Exception) -> Response:
    if not request.scope["path"].startswith(_FOR_PROGRAMS):
        return pages.problem(request, 500)
    refused = Refused(Refusal.INTERNAL, "the job board met an error of its own; it is logged, try again later")
    return _refusing(request, refused)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it: the caller hung up while sending


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("web.database_failed", error=type(error).__name__)
    if not request.scope["path"].startswith(_FOR_PROGRAMS):
        return pages.problem(request, 503)
    refused = Refused(Refusal.UNAVAILABLE, "the job board cannot reach its database; try again")
    return _refusing(request, refused)
