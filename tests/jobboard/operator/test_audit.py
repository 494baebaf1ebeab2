"""`audit` finds each fault that was planted, and nothing on a board that is in order (spec R41)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.operator.rows import delivery, gave_up, told, webhook
from tests.jobboard.telling.board import HOLD, NOW, report
from tests.world import World, make_world
from unghost.jobboard import audit
from unghost.jobboard.rules.policy import REJECTED, SUBMITTED, VIEWED
from unghost.jobboard.settings import Settings

pytestmark = pytest.mark.anyio
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
SETTINGS = Settings()


async def healthy(connection: AsyncConnection) -> World:
    """A board with a bit of everything, all of it as it should be."""
    world = await make_world(connection, NOW - 90 * DAY)
    first, second, third = world.applications
    for application in world.applications:
        action = await report(connection, application, SUBMITTED, performed_at=NOW - 9 * DAY, now=NOW - 9 * DAY)
        await told(connection, action, timedelta(seconds=3))
    await report(connection, first, VIEWED, performed_at=NOW - 2 * MINUTE, now=NOW - 2 * MINUTE)
    await report(connection, first, REJECTED, performed_at=NOW - HOUR, now=NOW - HOUR)
    await gave_up(connection, second, at=NOW - 5 * HOUR)
    await report(connection, third, VIEWED, performed_at=NOW - 5 * HOUR, now=NOW - 5 * HOUR, consent=False)
    put_off = await report(connection, second, REJECTED, performed_at=NOW - HOLD - HOUR, now=NOW - HOLD - HOUR)
    await connection.execute(
        "UPDATE jobboard.notice SET attempts = 9, attempt_at = %s WHERE action_id = %s", (NOW + 59 * MINUTE, put_off)
    )
    await connection.execute(
        "UPDATE jobboard.customer SET holds = %s WHERE organization = 67890", ('{"APPLICATION_REJECTED": 86400}',)
    )
    hook = await webhook(connection, world, "verified")
    await delivery(connection, first, hook, "waiting", NOW - MINUTE)
    await delivery(connection, second, hook, "failed")
    return world


async def test_a_board_in_order_has_no_findings(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await healthy(connection)
        found = await audit.audit(connection, SETTINGS, NOW)
    assert found.findings == ()
    assert len(found.proved) == len(audit.CHECKS)
    assert list(audit.lines(found)) == [
        f"nothing is stuck, early, double or lost: {len(audit.CHECKS)} things were looked at and are in order"
    ]


async def test_an_empty_board_has_no_findings(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        assert (await audit.audit(connection, SETTINGS, NOW)).findings == ()


Plant = Callable[[AsyncConnection, World], Awaitable[int | None]]
FAULTS: dict[str, tuple[Plant, str]] = {}


def fault(check: str, says: str) -> Callable[[Plant], Plant]:
    def plants(plant: Plant) -> Plant:
        FAULTS[check] = plant, says
        return plant

    return plants


@fault("untaken", "no dispatcher has taken them")
async def _held_and_never_taken(connection: AsyncConnection, world: World) -> int:
    await report(connection, world.applications[2], REJECTED, performed_at=NOW - HOLD - HOUR, now=NOW - HOLD - HOUR)
    return world.applications[2]


@fault("abandoned", "no dispatcher has tried again")
async def _its_dispatcher_died(connection: AsyncConnection, world: World) -> int:
    await _held_and_never_taken(connection, world)
    await connection.execute(
        "UPDATE jobboard.notice SET attempts = 2, attempt_at = %s WHERE application_number = %s AND state = 'waiting'",
        (NOW - 20 * MINUTE, world.applications[2]),
    )
    return world.applications[2]


@fault("out_of_reach", "which no hold and no pause explains")
async def _leased_by_a_clock_that_was_wrong(connection: AsyncConnection, world: World) -> int:
    await _held_and_never_taken(connection, world)
    await connection.execute(
        "UPDATE jobboard.notice SET attempts = 1, attempt_at = %s WHERE application_number = %s AND state = 'waiting'",
        (NOW + 5 * HOUR, world.applications[2]),
    )
    return world.applications[2]


@fault("unknown_action", "APPLICATION_LOST, which this release does not know")
async def _of_another_release(connection: AsyncConnection, world: World) -> int:
    action = await report(connection, world.applications[2], REJECTED, performed_at=NOW, now=NOW)
    for table, key in (("action", "id"), ("notice", "action_id")):
        statement = f"UPDATE jobboard.{table} SET action = 'APPLICATION_LOST' WHERE {key} = %s"
        await connection.execute(statement.encode(), (action,))
    return world.applications[2]


@fault("vanished", "not there any more")
async def _its_action_is_gone(connection: AsyncConnection, world: World) -> int:
    action = await report(connection, world.applications[2], REJECTED, performed_at=NOW, now=NOW)
    await connection.execute("DELETE FROM jobboard.action WHERE id = %s", (action,))
    return world.applications[2]


@fault("unplanned", "have no notice at all")
async def _its_notices_are_gone(connection: AsyncConnection, world: World) -> int:
    action = await report(connection, world.applications[2], REJECTED, performed_at=NOW, now=NOW)
    await connection.execute("DELETE FROM jobboard.notice WHERE action_id = %s", (action,))
    return world.applications[2]


@fault("unreadable", "`unghost customer hold`")
async def _a_hold_of_words(connection: AsyncConnection, world: World) -> None:
    await connection.execute("""UPDATE jobboard.customer SET holds = '{"APPLICATION_REJECTED": "three days"}'""")


@fault("ahead", "were received later than it is now")
async def _received_tomorrow(connection: AsyncConnection, world: World) -> int:
    await report(connection, world.applications[2], SUBMITTED, performed_at=NOW + DAY, now=NOW + DAY)
    return world.applications[2]


@fault("behind_webhook", "for a webhook that takes none")
async def _behind_a_webhook_that_is_blocked(connection: AsyncConnection, world: World) -> int:
    hook = await webhook(connection, world, "blocked", world.jobs[2])
    await delivery(connection, world.applications[2], hook, "waiting", NOW - HOUR)
    return world.applications[2]


@fault("undelivered", "have been due at their webhook")
async def _nobody_delivers(connection: AsyncConnection, world: World) -> int:
    hook = await webhook(connection, world, "verified", world.jobs[2])
    await delivery(connection, world.applications[2], hook, "waiting", NOW - HOUR)
    return world.applications[2]


@fault("unchallenged", "should have been challenged")
async def _nobody_challenges(connection: AsyncConnection, world: World) -> None:
    await connection.execute("UPDATE jobboard.webhook SET attempt_at = %s", (NOW - HOUR,))


@fault("told_early", "CHECK (told_at >= due_at)")
async def _told_early(connection: AsyncConnection, world: World) -> int:
    await connection.execute("ALTER TABLE jobboard.notice DROP CONSTRAINT notice_check3")
    action = await report(connection, world.applications[2], REJECTED, performed_at=NOW, now=NOW)
    await told(connection, action, -HOUR)
    return world.applications[2]


@fault("tried_early", "CHECK (attempt_at >= due_at)")
async def _tried_early(connection: AsyncConnection, world: World) -> int:
    await connection.execute("ALTER TABLE jobboard.notice DROP CONSTRAINT notice_check4")
    action = await report(connection, world.applications[2], REJECTED, performed_at=NOW, now=NOW)
    await connection.execute("UPDATE jobboard.notice SET attempt_at = %s WHERE action_id = %s", (NOW + HOUR, action))
    return world.applications[2]


@fault("told_twice", "unique index notice_told_once")
async def _told_twice(connection: AsyncConnection, world: World) -> int:
    for minutes in (1, 2):
        await report(connection, world.applications[2], VIEWED, performed_at=NOW - minutes * MINUTE, now=NOW)
    await connection.execute("DROP INDEX jobboard.notice_told_once")
    await connection.execute(
        """UPDATE jobboard.notice SET state = 'told', reason = NULL, attempt_at = NULL, told_at = due_at
           WHERE application_number = %s""",
        (world.applications[2],),
    )
    return world.applications[2]


def test_every_check_has_a_fault_to_find() -> None:
    assert list(FAULTS) == [check.name for check in audit.CHECKS]


@pytest.mark.parametrize("check", [check.name for check in audit.CHECKS])
async def test_each_fault_is_found_and_nothing_else(pool: AsyncConnectionPool, check: str) -> None:
    plant, says = FAULTS[check]
    async with pool.connection() as connection:
        world = await healthy(connection)
        example = await plant(connection, world)
        found = await audit.audit(connection, SETTINGS, NOW)
        await connection.rollback()
    assert [(finding.check, finding.application) for finding in found.findings] == [(check, example)]
    [sentence] = audit.lines(found)
    assert says in sentence
    assert "\n" not in sentence and "None" not in sentence
    assert len(found.proved) == len(audit.CHECKS) - 1


async def test_a_guard_that_is_gone_is_found_before_it_is_missed(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await healthy(connection)
        await connection.execute("DROP INDEX jobboard.notice_told_once")
        [finding] = (await audit.audit(connection, SETTINGS, NOW)).findings
        await connection.rollback()
    assert (finding.check, finding.count) == ("told_twice", 0)


async def test_what_is_late_is_the_operators_choice(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await healthy(connection)
        found = await audit.audit(connection, SETTINGS, NOW, timedelta(seconds=30))
    assert [finding.check for finding in found.findings] == ["untaken", "undelivered"]
