"""`/v2/atsIntegrations`: a partner says what its integration with a customer is called, and reads it (spec R25).

With the partner's own token. There is an integration once the customer's admin has chosen it in the widget.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute

from unghost.jobboard.store import provisioning as store
from unghost.jobboard.web.partner_call import Call, Said, partners_own, resource
from unghost.jobboard.web.services import Services
from unghost.wire import provisioning, restli, urn
from unghost.wire.provisioning import IntegrationKey
from unghost.wire.refusals import Refusal, Refused

PATH = "/v2/atsIntegrations"


def routes(services: Services) -> list[BaseRoute]:
    """Both calls name integrations by `ids` in the query."""
    return [
        *resource(services, PATH, "POST", ("BATCH_PARTIAL_UPDATE",), _name),
        *resource(services, PATH, "GET", ("BATCH_GET",), _read),
    ]


async def _name(call: Call) -> Said | Refused:
    asked = _asked(call)
    if isinstance(asked, Refused):
        return asked
    body = await call.body(restli.SINGLE_LIMIT)
    given = body if isinstance(body, Refused) else provisioning.integration_names(body)
    if isinstance(given, Refused):
        return given
    if set(asked) != set(given):
        return Refused(Refusal.BAD_KEY, "ids in the query and the keys of entities name different integrations")
    named: list[IntegrationKey] = []
    unknown: list[IntegrationKey] = []
    async with call.services.pool.connection() as connection:
        for key, name in given.items():
            known = await store.name_integration(connection, call.holder.oauth_application, key.organization, name)
            (named if known else unknown).append(key)
    results = {key.written(call.protocol): {"status": 204} for key in named}
    return Said(200, {"results": results, "errors": _errors(unknown, call)})


async def _read(call: Call) -> Said | Refused:
    asked = _asked(call)
    if isinstance(asked, Refused):
        return asked
    async with call.services.pool.connection() as connection:
        organizations = [key.organization for key in asked]
        found = await store.integrations(connection, call.holder.oauth_application, organizations)
    known = {IntegrationKey(each.organization): each for each in found}
    results = {
        key.written(call.protocol): key.fields()
        | {"integrationName": known[key].name, "applicantNotifications": known[key].applicant_notifications}
        for key in asked
        if key in known
    }
    errors = _errors((key for key in asked if key not in known), call)
    return Said(200, {"results": results, "statuses": {}, "errors": errors})


def _asked(call: Call) -> list[IntegrationKey] | Refused:
    if refused := partners_own(call):
        return refused
    return provisioning.integration_keys(call.request.url.query)


def _errors(unknown: Iterable[IntegrationKey], call: Call) -> dict[str, dict[str, Any]]:
    return {
        key.written(call.protocol): Refused(
            Refusal.UNKNOWN_CHILD,
            f"integrationContext is {urn.write(urn.ORGANIZATION, key.organization)}; want a customer whose admin has "
            "chosen a child application of yours in the onboarding widget",
        ).body()
        for key in unknown
    }
