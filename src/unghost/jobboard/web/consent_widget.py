"""The Customer Onboarding Widget: where a customer's admin ticks "Applicant notifications" (spec R15, R26).

Once as a frame in an ATS's settings page, once as the board's own page. Must not tell anybody anything: a saved box
is only read by those who plan and tell notices.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from babel.lists import format_list
from psycopg import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.links import For
from unghost.jobboard.rules.policy import reportable
from unghost.jobboard.store import consent
from unghost.jobboard.store.consent import Customer, Integration
from unghost.jobboard.web.admin_sign_in import (
    HAND_OVER_LIFE,
    Session,
    Visit,
    board_origin,
    read_form,
    refusal,
    show,
    sign_in_page,
    signed_in,
    wants_json,
)
from unghost.jobboard.web.pages import assets, language_of, lasting
from unghost.jobboard.web.services import Services

_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,200}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


async def _script(request: Request) -> Response:
    """GET /consent/widget.js: the script that an ATS includes by one tag."""
    return Response(
        assets()["widget.js"].content,
        media_type="text/javascript",
        headers={
            "cache-control": "public, max-age=300",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        },
    )


async def _frame(request: Request) -> Response:
    """GET /consent/widget: what stands in the frame."""
    visit = Visit(True, request.query_params.get("client_id", ""), request.query_params.get("origin", "").lower())
    return await _page(request, visit)


async def _own_page(request: Request) -> Response:
    """GET /admin/consent: the board's own page, for one integration or for all customers of the admin."""
    return await _page(request, Visit(False, request.query_params.get("client_id", "")))


async def _page(request: Request, visit: Visit) -> Response:
    services: Services = request.app.state.services
    async with services.pool.connection() as connection:
        integration = await _integration(request, connection, visit)
        if isinstance(integration, Response):
            return integration
        session = await signed_in(request, connection)
        visit = _embeddable(visit, integration, session)
        if session is None:
            return sign_in_page(request, visit)
        customers = await _eligible(connection, session, integration)
        if integration is None:
            boxes = [await _box(request, connection, visit, customer) for customer in customers]
            return show(request, visit, "consent/all.html", boxes_shown=boxes)
        if not customers:
            reason = "none_left" if integration.organization is None else "not_yours"
            return refusal(request, visit, reason, 403, email=session.admin.email)
        asked = request.query_params.get("organization", "")
        chosen = [customer for customer in customers if str(customer.organization) == asked] or customers
        if len(chosen) > 1:
            return show(request, visit, "consent/choose.html", customers=customers, integration=integration)
        box = await _box(request, connection, visit, chosen[0])
        return show(request, visit, "consent/one.html", box=box, integration=integration)


async def _save(request: Request) -> Response:
    """POST of either page: the box as the admin left it, and the customer of an integration that had none."""
    services: Services = request.app.state.services
    framed = request.url.path == "/consent/widget"
    form = await read_form(request)
    if form is None:
        return refusal(request, Visit(framed), "foreign", 403)
    visit = Visit(framed, form.get("client_id", ""), form.get("origin", "").lower() if framed else "")
    organization, wording = form.get("organization", ""), form.get("wording", "")
    async with services.pool.connection() as connection:
        integration = await _integration(request, connection, visit)
        if isinstance(integration, Response):
            return integration
        session = await signed_in(request, connection)
        visit = _embeddable(visit, integration, session)
        if session is None:
            return refusal(request, visit, "session", 403)
        token = visit.token(services, organization, wording).encode()
        if not hmac.compare_digest(form.get("token", "").encode("utf-8", "replace"), token):
            return refusal(request, visit, "form", 403)
        customers = await consent.customers_of(connection, session.admin.email)
        customer = next((c for c in customers if str(c.organization) == organization), None)
        if customer is None:
            return refusal(request, visit, "not_yours", 403, email=session.admin.email)
        if integration is not None and not await _bound(connection, integration, customer):
            return refusal(request, visit, "taken", 409)
        ticked = form.get("ticked") == "on"
        changed = await consent.set_consent(
            connection,
            organization=customer.organization,
            ticked=ticked,
            changed_by=session.admin.email,
            changed_from=visit.origin or board_origin(services),
            wording_version=wording,
            oauth_application_id=integration.id if integration else None,
            now=services.clock.now(),
        )
    if wants_json(request):
        return _saved(request, session, customer, integration, ticked, changed)
    return RedirectResponse(visit.address(said="saved", organization=organization), 303)


def _saved(
    request: Request, session: Session, customer: Customer, integration: Integration | None, ticked: bool, changed: bool
) -> Response:
    """What the page's script is told: sentences to show, what the ATS's callback gets, and a word for the frame."""
    services: Services = request.app.state.services
    language, box = language_of(request), "on" if ticked else "off"
    said, state = (
        services.wording.say(language, f"consent.box.{key}", customer=customer.name)
        for key in (f"saved_{box}" if changed else f"unchanged_{box}", box)
    )
    entries = [_callback_entry(integration, customer, ticked)] if integration else []
    word = services.links.make(For.ADMIN_LINK, session.admin.id, services.clock.now() + HAND_OVER_LIFE)
    answer = {"said": said, "state": state, "ticked": ticked, "integrations": entries, "word": word}
    return JSONResponse(answer, headers={"cache-control": "no-store"})


def _callback_entry(integration: Integration, customer: Customer, ticked: bool) -> dict[str, object]:
    return {
        "integrationContext": f"urn:li:organization:{customer.organization}",
        "integrationType": "APPLY_CONNECT",
        "integrationName": integration.name,
        "applicantNotifications": ticked,
    }


async def _box(
    request: Request, connection: AsyncConnection[Any], visit: Visit, customer: Customer
) -> dict[str, object]:
    """The box of a customer as a page shows it; in the frame without the ledger."""
    services: Services = request.app.state.services
    told, version = _words(services, language_of(request), customer)
    saved = request.query_params.get("said") == "saved"
    organization = str(customer.organization)
    return {
        "customer": customer,
        "told": told,
        "wording": version,
        "token": visit.token(services, organization, version),
        "saved": saved and request.query_params.get("organization") == organization,
        "integrations": await consent.integrations_of(connection, customer.organization),
        "ledger": () if visit.framed else await consent.ledger(connection, customer.organization),
    }


def _words(services: Services, language: str, customer: Customer) -> tuple[list[tuple[str, str]], str]:
    """What stands beside the box: the applicant's word for each action, where and when it is told; and its version.

    Drawn from the policy and the customer's own holds, so that it stays true. The version is the language and a hash
    of all these words, and is made nowhere else (spec R26).
    """
    say, told = services.wording.say, []
    for action in (action for action in reportable(services.policy) if services.policy[action].places):
        rule, own = services.policy[action], customer.holds.get(action)
        hold = timedelta(seconds=own) if type(own) is int and own >= 0 else rule.hold
        places = format_list([say(language, f"consent.places.{place}") for place in rule.places], locale=language)
        sentence = say(
            language, f"consent.box.{'later' if hold else 'at_once'}", places=places, hold=lasting(hold, language)
        )
        told.append((say(language, f"{action.lower()}.status"), sentence))
    beside = [
        say(language, f"consent.box.{key}", board="", customer="") for key in ("label", "told", "otherwise", "whole")
    ]
    words = "\n".join([*beside, *(": ".join(line) for line in told)])
    return told, f"{language}-{hashlib.sha256(words.encode()).hexdigest()[:12]}"


async def _eligible(
    connection: AsyncConnection[Any], session: Session, integration: Integration | None
) -> list[Customer]:
    """The admin's customers; of an integration its own one, or those it can still be given."""
    if integration is not None and integration.organization is None:
        return await consent.customers_to_choose(connection, session.admin.email, oauth_application_id=integration.id)
    customers = await consent.customers_of(connection, session.admin.email)
    return [c for c in customers if integration is None or c.organization == integration.organization]


def _embeddable(visit: Visit, integration: Integration | None, session: Session | None) -> Visit:
    """The visit with its session, open to the allowed origins and to no other."""
    ancestors = " ".join(_origins(integration)) if visit.framed and integration else "'none'"
    return replace(visit, ancestors=ancestors, session=session)


async def _bound(connection: AsyncConnection[Any], integration: Integration, customer: Customer) -> bool:
    """Whether the integration is this customer's, made so now if it had none."""
    if integration.organization is not None:
        return integration.organization == customer.organization
    if await consent.bind_integration(
        connection, oauth_application_id=integration.id, organization=customer.organization
    ):
        return True
    again = await consent.find_integration(connection, integration.client_id)
    return again is not None and not again.revoked and again.organization == customer.organization


async def _integration(
    request: Request, connection: AsyncConnection[Any], visit: Visit
) -> Integration | Response | None:
    """The integration of a visit, None where it is about none, or the page that says why not (spec R26)."""
    if not visit.client_id and not visit.framed:
        return None
    board, asked = request.app.state.services.settings.board_name, ascii(visit.client_id[:200])
    known = _CLIENT_ID.fullmatch(visit.client_id) and await consent.find_integration(connection, visit.client_id)
    if not known:
        reason, status = "unknown", 404
        remedy = f"no child application has the client id {asked}: give data-client-id that of the customer's own one"
    elif known.revoked:
        reason, status = "revoked", 403
        remedy = f"the child application {asked} or its partner has been revoked: ask {board} for a new one"
    elif visit.framed and visit.origin not in _origins(known):
        reason, status = "origin", 403
        remedy = (
            f"{visit.origin[:200]!a} is not among the allowed origins of the child application {asked}: "
            f"ask {board} to add it"
        )
    else:
        return known
    # Whoever embeds it may see this page: it holds no form and no data.
    return refusal(request, replace(visit, ancestors="*"), reason, status, remedy=remedy)


def _origins(integration: Integration) -> list[str]:
    """The allowed origins as browsers write them; what is not an origin is left out, for it goes into a header."""
    written = [origin.strip().rstrip("/").lower() for origin in integration.allowed_origins]
    return [origin for origin in written if _ORIGIN.fullmatch(origin)]


def routes(services: Services) -> list[BaseRoute]:
    """The widget and the board's own consent page (spec R26)."""
    return [
        Route("/consent/widget.js", _script, methods=["GET"]),
        Route("/consent/widget", _frame, methods=["GET"]),
        Route("/consent/widget", _save, methods=["POST"]),
        Route("/admin/consent", _own_page, methods=["GET"]),
        Route("/admin/consent", _save, methods=["POST"]),
    ]
