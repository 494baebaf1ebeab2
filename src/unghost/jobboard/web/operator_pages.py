"""The operator's pages that only look: flow, explain, consent ledger, audit (spec R17, R41, R42).

They show what is held, so nothing of them is answered without an operator's session, and they are not there where no
operator is set. No name and no address stands in their URLs. Must decide nothing about notices.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard import audit, reasons
from unghost.jobboard.rules.policy import Place
from unghost.jobboard.store import consent, explaining, flow, redriving, watching
from unghost.jobboard.store.redriving import Kind, Which
from unghost.jobboard.web.operator_sign_in import HOME, Session, for_operators, show
from unghost.jobboard.web.services import Services
from unghost.wire import urn

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
#: Longer than a dispatcher takes to look by itself, and a mail server to answer: then none is at work.
_NOBODY = timedelta(minutes=1)
#: Rows of the ledger on one page.
_ROWS = 50


@for_operators
async def _flow(request: Request, session: Session) -> Response:
    """GET /operator: what came in, what became of it, what waits, how late."""
    services: Services = request.app.state.services
    now, places = services.clock.now(), [place.value for place in Place]
    async with services.pool.connection() as connection:
        window = await flow.window(connection, now - _DAY)
        received = await flow.received(connection, window, now - _HOUR)
        became = await flow.became(connection, window, now - _HOUR, now)
        waiting = await flow.waiting(connection, places, now)
        lateness = await flow.lateness(connection, now - _HOUR)
        last_told = await flow.last_told(connection)
        deliveries, _ = await watching.webhooks(connection, now)
        dead = {kind.value: await redriving.count(connection, Which(kind=kind)) for kind in Kind}
    return show(
        request,
        session,
        "flow",
        places=places,
        window=window,
        received=received,
        became=_rows(became),
        why=reasons.why,
        waiting=waiting,
        lateness=lateness,
        last_told=last_told,
        nobody_since=_nobody_since(waiting, now),
        oldest_due=min((one.oldest_due for one in waiting if one.oldest_due), default=None),
        deliveries=deliveries,
        dead=dead,
        most=flow.MOST,
        most_dead=redriving.MOST,
    )


def _rows(became: list[flow.Became]) -> list[tuple[str, str | None, dict[str, flow.Became]]]:
    """What became of notices: a row for each state and reason, with the places in it."""
    order = ("told", "held", "due", "withheld")
    rows: dict[tuple[str, str | None], dict[str, flow.Became]] = {}
    for one in sorted(became, key=lambda one: (order.index(one.became), one.reason or "")):
        rows.setdefault((one.became, one.reason), {})[one.place] = one
    return [(state, reason, places) for (state, reason), places in rows.items()]


def _nobody_since(waiting: list[flow.Waiting], now: datetime) -> datetime | None:
    """Since when something waits that a dispatcher at work would have taken long ago; None: nothing does."""
    since = min((one.untaken for one in waiting if one.untaken), default=None)
    return since if since is not None and now - since >= _NOBODY else None


@for_operators
async def _explain(request: Request, session: Session) -> Response:
    """GET /operator/explain: the whole story of one application, what is held too."""
    services: Services = request.app.state.services
    asked = request.query_params.get("application", "").strip()
    if not asked:
        return show(request, session, "explain", asked="", wrong=None, application=None)
    try:
        number = urn.either(urn.JOB_APPLICATION, asked)
    except ValueError as error:
        wrong = f"This is no application: {error}, such as 10001 or urn:li:jobApplication:10001."
        return show(request, session, "explain", status=422, asked=asked[:100], wrong=wrong, application=None)
    async with services.pool.connection() as connection:
        found = await explaining.application(connection, number)
        actions = await explaining.actions(connection, number)
        delivery = await explaining.delivery(connection, number)
    if found is None:
        wrong = "There is no such application: it was never received here, or its applicant was erased."
        return show(request, session, "explain", status=404, asked=asked[:100], wrong=wrong, application=None)
    now = services.clock.now()
    told = {
        (notice.action_id, notice.place): reasons.sentence(action, notice, now=now)
        for action in actions
        for notice in action.notices
    }
    return show(
        request,
        session,
        "explain",
        asked=asked,
        wrong=None,
        application=found,
        actions=actions,
        sentences=told,
        delivery=delivery,
        delivered=reasons.delivered(delivery),
        held=any(notice.state == "waiting" and notice.due_at > now for a in actions for notice in a.notices),
    )


@for_operators
async def _ledger(request: Request, session: Session) -> Response:
    """GET /operator/consent: every change of every box, the newest first; of one customer if one is asked for."""
    services: Services = request.app.state.services
    asked, wrong = request.query_params.get("organization", "").strip(), None
    organization = before = None
    try:
        organization = urn.either(urn.ORGANIZATION, asked) if asked else None
        before = urn.number(given) if (given := request.query_params.get("before", "")) else None
    except ValueError as error:
        wrong = f"This is no customer: {error}, such as 12345 or urn:li:organization:12345."
    entries, customer = [], None
    if wrong is None:
        async with services.pool.connection() as connection:
            entries = await consent.entries(connection, organization=organization, before=before, limit=_ROWS + 1)
            if organization is not None:
                customer = await consent.customer_named(connection, organization)
                wrong = None if customer else "There is no such customer."
    return show(
        request,
        session,
        "consent",
        status=422 if wrong else 200,
        asked=asked[:100],
        wrong=wrong,
        organization=organization,
        customer=customer,
        entries=entries[:_ROWS],
        older=entries[_ROWS - 1].id if len(entries) > _ROWS else None,
    )


@for_operators
async def _audit(request: Request, session: Session) -> Response:
    """GET /operator/audit: what `unghost audit` says, now."""
    services: Services = request.app.state.services
    async with services.pool.connection() as connection:
        found = await audit.audit(connection, services.settings, services.clock.now())
    return show(request, session, "audit", audit=found, late=audit.LATE)


def routes(services: Services) -> list[BaseRoute]:
    """The pages; none where there are no operators."""
    if not services.settings.operators:
        return []
    return [
        Route(HOME, _flow, methods=["GET"]),
        Route(f"{HOME}/explain", _explain, methods=["GET"]),
        Route(f"{HOME}/consent", _ledger, methods=["GET"]),
        Route(f"{HOME}/audit", _audit, methods=["GET"]),
    ]
