"""The token endpoint, introspection and revocation over real sockets (spec R11)."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.board_server import Answer, serving
from tests.jobboard.partner_api.conftest import Partner, count, refused
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio


def fields(answer: Answer) -> Any:
    """The error and its description."""
    return answer.json["error"], answer.json["error_description"]


async def test_tokens_are_given_by_form_and_by_basic_and_survive_a_restart(
    partner: Partner, database_url: str, tmp_path: Path
) -> None:
    answer = partner.fetch_token()
    assert answer.json["expires_in"] == 1800
    assert answer.headers["cache-control"] == "no-store"
    word = base64.b64encode(f"{partner.world.client_id}:{partner.world.client_secret}".encode()).decode()
    basic = {"Authorization": f"Basic {word}"}
    assert partner.form("/oauth/v2/accessToken", {"grant_type": "client_credentials"}, basic).status == 200
    with serving(database_url, tmp_path) as restarted:
        again = Partner(restarted, partner.world, answer.json["access_token"])
        assert again.post(again.body()).status == 201


async def test_the_token_endpoint_refuses_as_rfc_6749_says(partner: Partner) -> None:
    good = {
        "grant_type": "client_credentials",
        "client_id": partner.world.client_id,
        "client_secret": partner.world.client_secret,
    }
    url = "/oauth/v2/accessToken"
    wrong: list[tuple[dict[str, str], int, str]] = [
        ({**good, "client_secret": "wrong"}, 401, "invalid_client"),
        ({**good, "client_id": "nobody\x00"}, 401, "invalid_client"),
        ({**good, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({name: value for name, value in good.items() if name != "grant_type"}, 400, "invalid_request"),
        ({name: value for name, value in good.items() if name != "client_secret"}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
    ]
    for form, status, error in wrong:
        answer = partner.form(url, form)
        assert (answer.status, fields(answer)[0]) == (status, error), form
    for raw in (b"grant_type=a&grant_type=b", b"client_id=%ff", b"\xff\xff", b"x" * 20_000):
        assert partner.board.ask("POST", url, raw=raw, key=None).status in (400, 413)
    refused_basic = partner.form(url, {"grant_type": "client_credentials"}, {"Authorization": "Basic !!!"})
    assert refused_basic.status == 401
    assert refused_basic.headers["www-authenticate"].startswith("Basic")
    assert partner.board.ask("GET", url, key=None).status == 405


async def test_a_token_can_be_introspected_by_its_own_application_only(partner: Partner) -> None:
    world = partner.world
    mine = {"client_id": world.client_id, "client_secret": world.client_secret, "token": partner.token}
    described = partner.form("/oauth/v2/introspectToken", mine).json
    assert (described["active"], described["status"], described["auth_type"]) == (True, "active", "2L")
    assert described["expires_at"] - described["created_at"] == 1800
    theirs = {"client_id": world.other_client_id, "client_secret": world.other_client_secret, "token": partner.token}
    assert partner.form("/oauth/v2/introspectToken", theirs).json == {"active": False}
    assert partner.form("/oauth/v2/introspectToken", mine | {"token": "unknown"}).json == {"active": False}
    partner.board.clock.ahead = timedelta(minutes=31)
    assert partner.form("/oauth/v2/introspectToken", mine).json["status"] == "expired"


async def test_tokens_and_secrets_lie_in_the_database_as_hashes_only(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    async with pool.connection() as connection:
        rows = await (
            await connection.execute(
                "SELECT t::text FROM jobboard.access_token t UNION SELECT a::text FROM jobboard.oauth_application a"
            )
        ).fetchall()
    everything = " ".join(row for (row,) in rows)
    assert rows
    assert partner.token not in everything
    assert partner.world.client_secret not in everything


async def test_tokens_long_expired_are_forgotten(partner: Partner, pool: AsyncConnectionPool) -> None:
    partner.board.clock.ahead = timedelta(days=7, minutes=31)
    assert partner.fetch_token().status == 200
    assert await count(pool, "access_token") == 1
    refused(partner.post(partner.body()), Refusal.INVALID_TOKEN)
