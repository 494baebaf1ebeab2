"""What a test asks the control server for beyond the clock: who plays, a customer's consent, why somebody was told.

Everything else a test does through the board's own APIs. Must not tell anybody anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.links import secret_key
from unghost.jobboard.reasons import as_data
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import access, administering, board, explaining
from unghost.jobboard.store.consent import UnknownCustomer, bind_integration, find_integration, set_consent
from unghost.sandbox.clock_file import ClockFile
from unghost.sandbox.control_call import Wrong, body
from unghost.sandbox.seed import EXAMPLE_ADMIN, EXAMPLE_ORGANIZATION, PARTNER
from unghost.wire import urn

_LONGEST_NAME = 50
HELP = """GET  /story             who plays: addresses, a customer, its ATS's client id and secret, the board's key
POST /consent           {"ticked": true} or false: the box "Applicant notifications"; "organization" names another one
POST /partner           {"name": "Your ATS"}: a partner of your own, whose client id and secret make child applications
POST /choose            {"client_id": …}: the customer's admin chooses this child application, as in the widget
GET  /explain/NUMBER    of an application: every action, every place, told or not, and why
"""


class _Consent(msgspec.Struct, forbid_unknown_fields=True):
    ticked: bool
    organization: str = urn.write(urn.ORGANIZATION, EXAMPLE_ORGANIZATION)


class _Partner(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    client_id: str
    organization: str = urn.write(urn.ORGANIZATION, EXAMPLE_ORGANIZATION)


@dataclass(frozen=True, kw_only=True)
class StoryCalls:
    """The calls of one sandbox. `inbox`: where its mails are read; None: they go to another server."""

    settings: Settings
    pool: AsyncConnectionPool
    clock: ClockFile
    inbox: str | None

    def routes(self) -> list[BaseRoute]:
        """For `Control.application`."""
        return [
            Route("/story", self._story),
            Route("/consent", self._consent, methods=["POST"]),
            Route("/partner", self._partner, methods=["POST"]),
            Route("/choose", self._choose, methods=["POST"]),
            Route("/explain/{application}", self._explain),
        ]

    async def _story(self, request: Request) -> Response:
        async with self.pool.connection() as connection:
            partner = await administering.partner_named(connection, PARTNER)
            client = partner and await administering.child_of(connection, partner, EXAMPLE_ORGANIZATION)
        secrets = json.loads((self.settings.data_dir / "client-secrets.json").read_text(encoding="utf-8"))
        if not client or client not in secrets:
            raise Wrong("the story's ATS is not there any more: reset the sandbox to story", 409)
        return JSONResponse(
            {
                "base_url": self.settings.base_url,
                "inbox_url": self.inbox,
                "organization": urn.write(urn.ORGANIZATION, EXAMPLE_ORGANIZATION),
                "client_id": client,
                "client_secret": secrets[client],
                "board_key": self.settings.board_keys[0],
            }
        )

    async def _consent(self, request: Request) -> Response:
        wish = await body(request, _Consent)
        async with self.pool.connection() as connection, connection.transaction():
            try:
                changed = await set_consent(
                    connection,
                    organization=_number(urn.ORGANIZATION, wish.organization),
                    ticked=wish.ticked,
                    changed_by=EXAMPLE_ADMIN,
                    changed_from="the sandbox's control server",
                    wording_version="sandbox",
                    oauth_application_id=None,
                    now=self.clock.now(),
                )
            except UnknownCustomer as error:
                raise Wrong(str(error), 404) from None
        return JSONResponse({"organization": wish.organization, "ticked": wish.ticked, "changed": changed})

    async def _partner(self, request: Request) -> Response:
        wish = await body(request, _Partner)
        if not wish.name.strip() or len(wish.name) > _LONGEST_NAME or not wish.name.isprintable():
            raise Wrong(f"name is {wish.name[:60]!r}: give 1 to {_LONGEST_NAME} printable characters")
        secrets = ClientSecrets(secret_key(self.settings.secret_key, self.settings.data_dir))
        async with self.pool.connection() as connection:
            _, client_id, secret = await access.add_application(
                connection, secrets=secrets, name=wish.name, parent_id=None, organization=None, now=self.clock.now()
            )
        return JSONResponse({"client_id": client_id, "client_secret": secret}, 201)

    async def _choose(self, request: Request) -> Response:
        wish = await body(request, _Choice)
        organization = _number(urn.ORGANIZATION, wish.organization)
        async with self.pool.connection() as connection:
            found = await find_integration(connection, wish.client_id)
            if found is None:
                raise Wrong(f"{wish.client_id[:40]!r} is no child application's client id: provision one first", 404)
            if await board.customer(connection, organization) is None:
                raise Wrong(f"there is no customer {wish.organization}: give one of the sandbox's", 404)
            if not await bind_integration(connection, oauth_application_id=found.id, organization=organization):
                raise Wrong(
                    f"{wish.client_id} has a customer already, or its partner has another child application for "
                    f"{wish.organization}: provision a new one of a new partner",
                    409,
                )
        return JSONResponse({"client_id": wish.client_id, "organization": wish.organization})

    async def _explain(self, request: Request) -> Response:
        number = _number(urn.JOB_APPLICATION, request.path_params["application"])
        async with self.pool.connection() as connection:
            found = await explaining.application(connection, number)
            actions = await explaining.actions(connection, number)
            delivery = await explaining.delivery(connection, number)
        if found is None:
            raise Wrong(f"no application {number}: it was never received here, or came before the last reset", 404)
        return JSONResponse(as_data(found, actions, delivery, self.clock.now()))


def _number(kind: str, given: str) -> int:
    try:
        return urn.read(kind, given) if given.startswith("urn:") else urn.number(given)
    except ValueError:
        raise Wrong(f"{given[:80]!r} names none: give urn:li:{kind}:12345, or the number alone") from None
