"""The consent ledger and the binding of integrations, on a real database (spec R15, R26)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio
import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tests.world import ORGANIZATION, OTHER_ORGANIZATION, SECRETS, World, make_world
from unghost.jobboard.store import access
from unghost.jobboard.store import consent as store
from unghost.postgres import migrate
from unghost.postgres.migrate import migrations

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


async def test_a_revoked_integration_is_replaced_by_another_of_its_partner(pool: AsyncConnectionPool) -> None:
    """Spec R25, R26: the customer's admin can choose it, once, and it reports for the customer."""
    world = await _world(pool)
    async with pool.connection() as connection:
        parent = await _parent(connection, world)
        new, more = [
            await access.add_application(
                connection, secrets=SECRETS, name=name, parent_id=parent, organization=None, now=NOW
            )
            for name in ("New", "One more")
        ]
        await connection.execute(
            "INSERT INTO jobboard.customer_admin (organization, email, created_at) VALUES (%s, 'a@b.example', %s)",
            (ORGANIZATION, NOW),
        )

        async def offered() -> list[int]:
            found = await store.customers_to_choose(connection, "a@b.example", oauth_application_id=new[0])
            return [customer.organization for customer in found]

        assert await offered() == []
        assert not await store.bind_integration(connection, oauth_application_id=new[0], organization=ORGANIZATION)
        await access.revoke_application(connection, world.client_id, NOW)
        assert await offered() == [ORGANIZATION]
        assert await store.bind_integration(connection, oauth_application_id=new[0], organization=ORGANIZATION)
        assert not await store.bind_integration(connection, oauth_application_id=more[0], organization=ORGANIZATION)
        assert [found.id for found in await store.integrations_of(connection, ORGANIZATION)] == [new[0]]


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


async def test_what_waits_since_before_a_customers_last_tick_outlived_its_consent_also_before_the_migration(
    database_url: str,
) -> None:
    """Spec R15, R26: the ledger tells it of customers of an earlier release."""
    files = migrations()
    [own] = [nth for nth, file in enumerate(files) if file.name.endswith("_consent_unbroken")]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA jobboard CASCADE")
        for file in files[:own]:
            connection.execute(file.sql.encode())
        connection.execute(
            """CREATE TABLE jobboard.migration (name text PRIMARY KEY, checksum text, applied_at timestamptz);
               INSERT INTO jobboard.customer (organization, name, applicant_notifications, created_at)
               VALUES (1, 'Ticked again', true, now()), (2, 'Ticked all the time', true, now());
               INSERT INTO jobboard.consent_ledger
                   (organization, ticked, changed_by, changed_from, wording_version, changed_at)
               SELECT organization, ticked, 'a@b.example', 'https://ats.example', 'en-1', '2026-11-01'::date + day
               FROM (VALUES (1, true, 0), (2, true, 0), (1, false, 2), (1, true, 3)) l (organization, ticked, day);
               INSERT INTO jobboard.applicant (email, name, created_at) VALUES ('ada@b.example', 'Ada', now());
               INSERT INTO jobboard.job (organization, external_id, title, listed_at)
               VALUES (1, 'J', 'Job', now()), (2, 'J', 'Job', now());
               INSERT INTO jobboard.application (job_id, organization, applicant_id, submitted_at)
               SELECT j.id, organization, a.id, now() FROM jobboard.job j, jobboard.applicant a;
               INSERT INTO jobboard.action (application_number, action, performed_at, received_at)
               SELECT number, 'APPLICATION_REJECTED', at, at
               FROM jobboard.application, (VALUES ('2026-11-02'::date), ('2026-11-05')) m (at) ORDER BY at, number;
               INSERT INTO jobboard.notice
                   (action_id, place, application_number, action, state, due_at, attempt_at)
               SELECT id, 'EMAIL', application_number, action || id, 'waiting', 'infinity', 'infinity'
               FROM jobboard.action"""
        )
        for file in files[:own]:
            connection.execute("INSERT INTO jobboard.migration VALUES (%s, %s, now())", (file.name, file.checksum))
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        told = connection.execute(
            """SELECT organization, a.performed_at::date::text FROM jobboard.action a
               JOIN jobboard.application s ON s.number = a.application_number
               JOIN jobboard.customer c USING (organization)
               WHERE a.id > c.consent_after ORDER BY organization, a.performed_at"""
        ).fetchall()
    assert told == [(1, "2026-11-05"), (2, "2026-11-02"), (2, "2026-11-05")]
