"""Client secrets are derived: the board can sign with them, and its database alone gives none away (spec R11, R28)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tests.world import SECRETS, make_world
from unghost.jobboard.client_secrets import ClientSecrets, new_nonce
from unghost.jobboard.store import access

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


async def nonces(connection: AsyncConnection, client_id: str) -> tuple[bytes, bytes | None]:
    cursor = await connection.execute(
        "SELECT secret_nonce, former_secret_nonce FROM jobboard.oauth_application WHERE client_id = %s", (client_id,)
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_secret_depends_on_the_key_the_application_and_the_nonce() -> None:
    nonce = new_nonce()
    secret = SECRETS.derive("abc", nonce)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret)
    assert secret == SECRETS.derive("abc", nonce)
    others = {ClientSecrets("k").derive("abc", nonce), SECRETS.derive("abd", nonce), SECRETS.derive("abc", new_nonce())}
    assert len(others - {secret}) == 3
    assert SECRETS.secret_key not in repr(SECRETS)


@pytest.mark.anyio
async def test_what_was_given_out_can_be_derived_again_before_and_after_a_rotation(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        nonce, former = await nonces(connection, world.client_id)
        assert former is None
        assert SECRETS.derive(world.client_id, nonce) == world.client_secret

        until = NOW + timedelta(days=1)
        rotated = await access.rotate_secret(connection, world.client_id, secrets=SECRETS, former_until=until, now=NOW)
        assert rotated is not None and rotated != world.client_secret
        new, former = await nonces(connection, world.client_id)
        assert former == nonce and SECRETS.derive(world.client_id, new) == rotated
        application = await access.by_client_id(connection, world.client_id)
        assert application is not None
        assert application.knows(rotated, NOW) and application.knows(world.client_secret, NOW)
        assert application.knows(rotated, until) and not application.knows(world.client_secret, until)
