"""The consent ledger and the binding of integrations, on a real database (spec R15, R26)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tests.world import ORGANIZATION, OTHER_ORGANIZATION, SECRETS, World, make_world
from unghost.jobboard.store import access
from unghost.jobboard.store import consent as store

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


async def _world(pool: AsyncConnectionPool) -> World:
    async with pool.connection() as connection:
        return await make_world(connection, NOW, consent=False)


async def _set(connection: AsyncConnection[Any], ticked: bool, **other: Any) -> bool:
    given = {
        "organization": ORGANIZATION,
        "changed_by": "hanna@harbour.example",
        "changed_from": "https://ats.example",
        "wording_version": "en-1",
        "oauth_application_id": None,
        "now": NOW,
    }
    return await store.set_consent(connection, ticked=ticked, **{**given, **other})


async def test_every_change_of_the_box_and_only_a_change_is_a_row_of_the_ledger(pool: AsyncConnectionPool) -> None:
    """Spec R26."""
    world = await _world(pool)
    async with pool.connection() as connection:
        assert [await _set(connection, ticked) for ticked in (False, True, True, False, False)] == [
            False,
            True,
            False,
            True,
            False,
        ]
        assert await _set(connection, True, oauth_application_id=world.child, wording_version="en-2")
        changes = await store.ledger(connection, ORGANIZATION)
    assert [(c.ticked, c.integration, c.wording_version) for c in changes] == [
        (True, "Test ATS - Harbour & Pine", "en-2"),
        (False, None, "en-1"),
        (True, None, "en-1"),
    ]
    assert (changes[0].changed_by, changes[0].changed_from) == ("hanna@harbour.example", "https://ats.example")
    assert changes[0].changed_at == NOW


async def test_the_box_and_its_row_are_kept_or_lost_together(pool: AsyncConnectionPool) -> None:
    """Spec R26."""
    await _world(pool)
    async with pool.connection() as connection:
        await _set(connection, True)
        await connection.rollback()
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT applicant_notifications FROM jobboard.customer WHERE organization = %s", (ORGANIZATION,)
        )
        assert await cursor.fetchone() == (False,)
        assert await store.ledger(connection, ORGANIZATION) == []


async def test_concurrent_saves_are_recorded_one_after_the_other(pool: AsyncConnectionPool) -> None:
    """Whoever waits for the row judges by what the other has left, so ticks and unticks alternate (spec R26)."""
    await _world(pool)

    async def save(ticked: bool) -> None:
        async with pool.connection() as connection:
            await _set(connection, ticked)

    async with anyio.create_task_group() as group:
        for nth in range(24):
            group.start_soon(save, nth % 3 != 0)
    async with pool.connection() as connection:
        ticks = [change.ticked for change in reversed(await store.ledger(connection, ORGANIZATION))]
        cursor = await connection.execute(
            "SELECT applicant_notifications FROM jobboard.customer WHERE organization = %s", (ORGANIZATION,)
        )
        assert await cursor.fetchone() == (ticks[-1],)
    assert ticks == [nth % 2 == 0 for nth in range(len(ticks))]


async def test_the_box_of_a_customer_that_does_not_exist_cannot_be_ticked(pool: AsyncConnectionPool) -> None:
    """Spec R26."""
    async with pool.connection() as connection:
        with pytest.raises(store.UnknownCustomer, match="urn:li:organization:404"):
            await _set(connection, True, organization=404)


async def test_an_integration_gets_its_customer_once(pool: AsyncConnectionPool) -> None:
    """Spec R26."""
    world = await _world(pool)
    async with pool.connection() as connection:
        free, client_id, _ = await access.add_application(
            connection,
            secrets=SECRETS,
            name="Free",
            parent_id=await _parent(connection, world),
            organization=None,
            now=NOW,
        )
        await connection.execute(
            "INSERT INTO jobboard.customer (organization, name, created_at) VALUES (7, 'Seven', %s), (8, 'Eight', %s)",
            (NOW, NOW),
        )
        assert await store.bind_integration(connection, oauth_application_id=free, organization=7)
        assert not await store.bind_integration(connection, oauth_application_id=free, organization=8)
        found = await store.find_integration(connection, client_id)
        assert found is not None and found.organization == 7 and found.partner == "Test ATS"


async def test_a_customer_has_one_integration_of_each_partner(pool: AsyncConnectionPool) -> None:
    """The refused binding leaves the transaction usable (spec R26)."""
    world = await _world(pool)
    async with pool.connection() as connection:
        free, client_id, _ = await access.add_application(
            connection,
            secrets=SECRETS,
            name="Free",
            parent_id=await _parent(connection, world),
            organization=None,
            now=NOW,
        )
        assert not await store.bind_integration(connection, oauth_application_id=free, organization=OTHER_ORGANIZATION)
        found = await store.find_integration(connection, client_id)
        assert found is not None and found.organization is None


async def test_a_partners_own_client_id_is_no_integration_and_its_end_is_theirs(pool: AsyncConnectionPool) -> None:
    """Spec R26."""
    world = await _world(pool)
    async with pool.connection() as connection:
        assert await store.find_integration(connection, world.parent_client_id) is None
        await connection.execute(
            "UPDATE jobboard.oauth_application SET revoked_at = %s WHERE client_id = %s", (NOW, world.parent_client_id)
        )
        found = await store.find_integration(connection, world.client_id)
        assert found is not None and found.revoked


async def _parent(connection: AsyncConnection[Any], world: World) -> int:
    cursor = await connection.execute(
        "SELECT id FROM jobboard.oauth_application WHERE client_id = %s", (world.parent_client_id,)
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
