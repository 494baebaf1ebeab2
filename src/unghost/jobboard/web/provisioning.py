"""`/v2/provisionedApplications`: a partner makes, finds and changes the child applications of its customers (spec R25).

With the partner's own token. A child application has no customer until the customer's admin chooses it in the widget.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.routing import BaseRoute

from unghost.jobboard.store import provisioning as store
from unghost.jobboard.store.provisioning import AlreadyProvisioned, Child
from unghost.jobboard.web.partner_call import Call, Said, partners_own, resource
from unghost.jobboard.web.services import Services
from unghost.wire import provisioning, restli, urn
from unghost.wire.refusals import Refusal, Refused, shown

PATH = "/v2/provisionedApplications"
FINDER = "credentialsByUniqueForeignId"


def routes(services: Services) -> list[BaseRoute]:
    """Create and find on the collection, change on one of it; each with and without a slash at the end."""
    return [
        *resource(services, PATH, "POST", ("CREATE",), _create),
        *resource(services, PATH, "GET", ("FINDER",), _find),
        *resource(services, f"{PATH}/{{key}}", "POST", ("PARTIAL_UPDATE",), _change),
    ]


async def _create(call: Call) -> Said | Refused:
    if refused := partners_own(call):
        return refused
    body = await call.body(restli.SINGLE_LIMIT)
    given = body if isinstance(body, Refused) else provisioning.child_application(body)
    if isinstance(given, Refused):
        return given
    async with call.services.pool.connection() as connection:
        try:
            id, client_id, secret = await store.provision(
                connection,
                secrets=call.services.client_secrets,
                partner=call.holder.oauth_application,
                unique_foreign_id=given.unique_foreign_id,
                name=given.name,
                description=given.description,
                callback_urls=given.callback_urls,
                origins=given.origins,
                now=call.now,
            )
        except AlreadyProvisioned as standing:
            return Refused(
                Refusal.ALREADY_PROVISIONED,
                f"uniqueForeignId is {shown(given.unique_foreign_id)}, which {_key(standing.id)} has already; find it "
                f"by q={FINDER}",
            )
    key = _key(id)
    headers = {"location": f"{call.path}/{quote(key, safe='')}", "x-restli-id": key, "x-linkedin-id": key}
    return Said(201, {"key": key, "credentials": {"client_id": client_id, "client_secret": secret}}, headers)


async def _find(call: Call) -> Said | Refused:
    if refused := partners_own(call):
        return refused
    query = call.request.query_params
    if query.get("q") != FINDER:
        got = f"is {shown(query['q'])}" if "q" in query else "is missing from the query"
        return Refused(Refusal.BAD_VALUE, f"q {got}; want {FINDER}")
    given = provisioning.foreign_id(query.get("uniqueForeignId"))
    if isinstance(given, Refused):
        return given
    async with call.services.pool.connection() as connection:
        found = await store.by_foreign_id(connection, call.holder.oauth_application, given)
    return Said(200, {"elements": [_shown(found, call.services)] if found else []})


async def _change(call: Call) -> Said | Refused:
    if refused := partners_own(call):
        return refused
    given = call.request.path_params["key"]
    try:
        child = urn.read(urn.DEVELOPER_APPLICATION, given)
    except ValueError as error:
        return Refused(Refusal.BAD_URN, f"the key in the path is {shown(given)}; {error}")
    body = await call.body(restli.SINGLE_LIMIT)
    change = body if isinstance(body, Refused) else provisioning.change(body)
    if isinstance(change, Refused):
        return change
    async with call.services.pool.connection() as connection:
        changed = await store.change(
            connection,
            partner=call.holder.oauth_application,
            child=child,
            name=change.name,
            description=change.description,
            callback_urls=change.callback_urls,
            origins=change.origins,
        )
    if not changed:
        return Refused(Refusal.UNKNOWN_CHILD, f"the key in the path is {_key(child)}; want one that create answered")
    return Said(204)


def _shown(child: Child, services: Services) -> dict[str, Any]:
    """The child application with its credentials; without a secret if the board cannot derive it again."""
    secret = child.secret(services.client_secrets)
    return {
        "key": _key(child.id),
        "uniqueForeignId": child.unique_foreign_id,
        "name": child.name,
        "description": child.description,
        "oauth2AuthorizedCallbackUrls": child.callback_urls,
        "validJsSdkDomains": child.allowed_origins,
        "credentials": {"client_id": child.client_id} | ({} if secret is None else {"client_secret": secret}),
    }


def _key(id: int) -> str:
    return urn.write(urn.DEVELOPER_APPLICATION, id)
