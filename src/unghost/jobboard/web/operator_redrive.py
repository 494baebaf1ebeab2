"""The operator's page of what was given up, and the form that puts it back to be tried again (spec R42).

Who put what back is logged, by the operator's name in logs. Must not tell anybody anything: dispatchers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store import redriving
from unghost.jobboard.store.redriving import Kind, Which
from unghost.jobboard.web.admin_sign_in import read_form
from unghost.jobboard.web.operator_sign_in import HOME, Session, for_operators, show
from unghost.jobboard.web.pages import problem
from unghost.jobboard.web.services import Services
from unghost.wire import urn

log = structlog.get_logger()

PATH = f"{HOME}/dead-letters"
_FORM = "redrive-form"
#: Rows of the list on one page.
_ROWS = 50
#: How long ago dead letters may have come, in days, as the page offers it.
_DAYS = ("1", "7", "30")


@dataclass(frozen=True, slots=True)
class _Filters:
    """What was chosen, as it was typed; it stands in the page's URL."""

    kind: Kind
    organization: str = ""
    action: str = ""
    days: str = ""

    def query(self, **more: object) -> str:
        """This page's query, without what is empty."""
        given = {"kind": self.kind.value, "organization": self.organization, "action": self.action, "days": self.days}
        return urlencode({name: value for name, value in (given | more).items() if value not in ("", None)})

    def which(self, now: datetime) -> Which:
        """The dead letters meant. Raises `ValueError` with a sentence for what is no customer."""
        try:
            organization = urn.either(urn.ORGANIZATION, self.organization) if self.organization else None
        except ValueError as error:
            raise ValueError(f"This is no customer: {error}, such as 12345 or urn:li:organization:12345.") from None
        since = now - timedelta(days=int(self.days)) if self.days else None
        return Which(kind=self.kind, organization=organization, action=self.action or None, since=since)


def _filters(given: Mapping[str, str]) -> _Filters:
    kind = Kind(given["kind"]) if given.get("kind") in list(Kind) else Kind.MAIL
    days = given.get("days", "")
    return _Filters(
        kind,
        given.get("organization", "").strip()[:100].replace("\0", ""),
        given.get("action", "").replace("\0", "") if kind is Kind.MAIL else "",
        days if days in _DAYS else "",
    )


@for_operators
async def _dead_letters(request: Request, session: Session) -> Response:
    """GET: what was given up, of one kind, the newest first."""
    return await _list(request, session, _filters(request.query_params))


async def _list(
    request: Request, session: Session, filters: _Filters, *, status: int = 200, unconfirmed: bool = False
) -> Response:
    services: Services = request.app.state.services
    wrong, which, before = None, None, _number(request.query_params.get("before", ""))
    try:
        which = filters.which(services.clock.now())
    except ValueError as error:
        wrong, status = str(error), 422
    async with services.pool.connection() as connection:
        counts = {kind.value: await redriving.count(connection, Which(kind=kind)) for kind in Kind}
        count = await redriving.count(connection, which) if which else 0
        found = await redriving.dead_letters(connection, which, before=before, limit=_ROWS) if which else []
    return show(
        request,
        session,
        "dead_letters",
        status=status,
        filters=filters,
        wrong=wrong,
        counts=counts,
        count=count,
        found=found,
        older=found[-1].key if len(found) >= _ROWS else None,
        actions=[action for action, rule in services.policy.items() if rule.enabled],
        days=_DAYS,
        token=services.links.token(_FORM, session.word),
        unconfirmed=unconfirmed,
        back=_number(request.query_params.get("back", "")),
        spoken_for=_number(request.query_params.get("spoken_for", "")) or 0,
        most=redriving.MOST,
    )


@for_operators
async def _redrive(request: Request, session: Session) -> Response:
    """POST: put one back, or all that the filters leave."""
    services: Services = request.app.state.services
    form = await read_form(request)
    if form is None or not services.links.is_token(form.get("token", ""), _FORM, session.word):
        return problem(request, 403, "elsewhere")
    filters, key = _filters(form), _number(form.get("key", ""))
    if key is None and form.get("sure") != "on":
        return await _list(request, session, filters, status=422, unconfirmed=True)
    now = services.clock.now()
    try:
        which = Which(kind=filters.kind, key=key) if key is not None else filters.which(now)
    except ValueError:
        return await _list(request, session, filters)
    async with services.pool.connection() as connection:
        done = await redriving.redrive(connection, which, now)
    log.info(
        "redriven",
        operator=session.operator.name,
        kind=which.kind.value,
        back=done.back,
        spoken_for=done.spoken_for,
        key=which.key,
        organization=which.organization,
        action=which.action,
        since=which.since and which.since.isoformat(),
    )
    said = filters.query(back=str(done.back), spoken_for=done.spoken_for or None)
    return RedirectResponse(f"{PATH}?{said}", 303, {"cache-control": "no-store"})


def _number(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def routes(services: Services) -> list[BaseRoute]:
    """The page and its form; none where there are no operators."""
    if not services.settings.operators:
        return []
    return [Route(PATH, _dead_letters, methods=["GET"]), Route(PATH, _redrive, methods=["POST"])]
