"""A running board with a partner, over real sockets and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from tests.jobboard.board_server import Answer, Board, serving
from unghost.wire.lifecycle import milliseconds
from unghost.wire.refusals import Refusal

PATH = "/v2/jobApplicationLifecycleActions"
NOW = datetime.now(UTC)


@dataclass
class Partner:
    """A partner's program that reports for the first customer."""

    board: Board
    world: w.World
    token: str = ""

    def fetch_token(self, client_id: str | None = None, client_secret: str | None = None) -> Answer:
        """Ask the token endpoint as LinkedIn's clients do: all in the form."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id or self.world.client_id,
            "client_secret": client_secret or self.world.client_secret,
        }
        return self.form("/oauth/v2/accessToken", form)

    def form(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
        """POST a form."""
        sent = {"Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
        return self.board.ask("POST", path, raw=urlencode(form).encode(), key=None, headers=sent)

    def body(self, **change: Any) -> dict[str, Any]:
        """A good report's body, with changes; a field set to None is left out."""
        body = {
            "jobApplicationId": f"urn:li:jobApplication:{self.world.applications[0]}",
            "action": "APPLICATION_VIEWED",
            "performedAt": milliseconds(NOW),
            "integrationContext": f"urn:li:organization:{w.ORGANIZATION}",
        }
        return {name: value for name, value in (body | change).items() if value is not None}

    def post(
        self, body: object, headers: dict[str, str | None] | None = None, *, path: str = PATH, verb: str = "POST"
    ) -> Answer:
        """Send a request with a token and `x-restli-method: create`, as far as `headers` does not say otherwise."""
        base: dict[str, str | None] = {"Authorization": f"Bearer {self.token}", "x-restli-method": "create"}
        sent = {name: value for name, value in (base | (headers or {})).items() if value is not None}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.board.ask(verb, path, raw=raw, key=None, headers=sent)

    def batch(self, *bodies: object) -> Answer:
        """A batch_create."""
        return self.post({"elements": list(bodies)}, {"x-restli-method": "batch_create"})


@pytest.fixture
async def world(pool: AsyncConnectionPool) -> w.World:
    async with pool.connection() as connection:
        return await w.make_world(connection, NOW)


@pytest.fixture
async def partner(database_url: str, tmp_path: Path, world: w.World) -> AsyncIterator[Partner]:
    with ExitStack() as stack:
        board = stack.enter_context(serving(database_url, tmp_path))
        partner = Partner(board, world)
        partner.token = partner.fetch_token().json["access_token"]
        yield partner


async def count(pool: AsyncConnectionPool, table: str = "action") -> int:
    async with pool.connection() as connection:
        row = await (await connection.execute(f"SELECT count(*) FROM jobboard.{table}")).fetchone()
    assert row is not None
    return int(row[0])


def refused(answer: Answer, refusal: Refusal, says: str = "") -> None:
    assert answer.status == refusal.value.status, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json
    assert (body["status"], body["serviceErrorCode"], body["code"]) == (
        refusal.value.status,
        refusal.value.number,
        refusal.name,
    )
    assert says in body["message"]
    version = answer.headers["x-restli-protocol-version"]
    marker = "x-restli-error-response" if version == "2.0.0" else "x-linkedin-error-response"
    assert answer.headers[marker] == "true"
