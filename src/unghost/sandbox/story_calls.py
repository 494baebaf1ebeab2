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

from unghost.jobboard.reasons import as_data
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import administering, explaining
from unghost.jobboard.store.consent import UnknownCustomer, set_consent
from unghost.sandbox.clock_file import ClockFile
from unghost.sandbox.control_call import Wrong, body
from unghost.sandbox.seed import EXAMPLE_ADMIN, EXAMPLE_ORGANIZATION, PARTNER
from unghost.wire import urn

HELP = """GET  /story             who plays: addresses, a customer, its ATS's client id and secret, the board's key
POST /consent           {"ticked": true} or false: the box "Applicant notifications"; "organization" names another one
GET  /explain/NUMBER    of an application: every action, every place, told or not, and why
"""


class _Consent(msgspec.Struct, forbid_unknown_fields=True):
    ticked: bool
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

    async def _explain(self, request: Request) -> Response:
        number = _number(urn.JOB_APPLICATION, request.path_params["application"])
        async with self.pool.connection() as connection:
            found = await explaining.application(connection, number)
            actions = await explaining.actions(connection, number)
        if found is None:
            raise Wrong(f"no application {number}: it was never received here, or came before the last reset", 404)
        return JSONResponse(as_data(found, actions, self.clock.now()))


def _number(kind: str, given: str) -> int:
    try:
        return urn.read(kind, given) if given.startswith("urn:") else urn.number(given)
    except ValueError:
        raise Wrong(f"{given[:80]!r} names none: give urn:li:{kind}:12345, or the number alone") from None
