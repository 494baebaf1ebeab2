"""The numbers of the flow page, against rows that were planted (spec R42)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.operator.rows import told
from tests.jobboard.telling.board import HOLD, NOW, report
from tests.world import make_world
from unghost.jobboard.rules.policy import DOWNLOADED, REJECTED, VIEWED, Place
from unghost.jobboard.store import flow
from unghost.jobboard.store.flow import Became, Received, Window

pytestmark = pytest.mark.anyio
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


async def test_what_came_in_is_counted_by_the_hour_and_the_day(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - 9 * DAY)
        first, second, third = world.applications
        for application, action, age in (
            (first, VIEWED, 30 * HOUR),
            (first, DOWNLOADED, 23 * HOUR),
            (second, VIEWED, 2 * HOUR),
            (second, DOWNLOADED, 59 * MINUTE),
            (third, VIEWED, MINUTE),
        ):
            await report(connection, application, action, performed_at=NOW - age, now=NOW - age)
        await connection.execute("UPDATE jobboard.action SET reported_by = %s WHERE action = %s", (world.child, VIEWED))
        window = await flow.window(connection, NOW - DAY)
        assert (window.since, window.whole) == (NOW - DAY, True)
        assert await flow.received(connection, window, NOW - HOUR) == [
            Received(DOWNLOADED, True, 1, 2),
            Received(VIEWED, False, 1, 2),
        ]


async def test_what_became_of_it_adds_up(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - 9 * DAY)
        first, second, third = world.applications
        viewed = await report(connection, first, VIEWED, performed_at=NOW - 2 * HOUR, now=NOW - 2 * HOUR)
        await told(connection, viewed, timedelta(seconds=2))
        await report(connection, second, VIEWED, performed_at=NOW - MINUTE, now=NOW - MINUTE)
        await report(connection, second, REJECTED, performed_at=NOW - MINUTE, now=NOW - MINUTE)
        await report(connection, third, VIEWED, performed_at=NOW - MINUTE, now=NOW - MINUTE, consent=False)
        window = await flow.window(connection, NOW - DAY)
        found = await flow.became(connection, window, NOW - HOUR, NOW)
    assert sorted(found, key=repr) == sorted(
        [
            Became("EMAIL", "told", None, 0, 1),
            Became("EMAIL", "due", None, 1, 1),
            Became("EMAIL", "held", None, 1, 1),
            Became("EMAIL", "withheld", "no_consent", 1, 1),
            *(
                one
                for place in ("JOB_POSTING", "MY_JOBS")
                for one in (Became(place, "told", None, 1, 2), Became(place, "withheld", "no_consent", 1, 1))
            ),
        ],
        key=repr,
    )


async def test_a_window_begins_later_where_more_came_in_than_is_counted(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        assert await flow.window(connection, NOW - DAY) == Window(0, NOW - DAY, True)
        world = await make_world(connection, NOW - 9 * DAY)
        for minutes in range(60, 0, -10):
            at = NOW - minutes * MINUTE
            await report(connection, world.applications[0], VIEWED, performed_at=at, now=at)
        cut = await flow.window(connection, NOW - DAY, most=3)
        assert (cut.since, cut.whole) == (NOW - 30 * MINUTE, False)
        [received] = await flow.received(connection, cut, NOW - 15 * MINUTE)
        assert (received.lately, received.all) == (1, 3)
        for minutes, count in ((60, 6), (45, 4), (10, 1), (5, 0)):
            window = await flow.window(connection, NOW - minutes * MINUTE)
            assert window.whole
            received_then = await flow.received(connection, window, NOW)
            assert sum(one.all for one in received_then) == count


async def test_what_waits_is_held_due_or_tried(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - 9 * DAY)
        first, second, third = world.applications
        for application, age in ((first, 3 * MINUTE), (second, 2 * MINUTE)):
            await report(connection, application, VIEWED, performed_at=NOW - age, now=NOW - age)
        await connection.execute(
            """UPDATE jobboard.notice SET attempts = 1, attempt_at = %s
               WHERE application_number = %s AND place = 'EMAIL'""",
            (NOW + MINUTE, first),
        )
        await report(connection, third, REJECTED, performed_at=NOW - HOUR, now=NOW - HOUR)
        mail, job, mine = await flow.waiting(connection, list(Place), NOW)
        assert (mail.held, mail.due, mail.tried) == (1, 1, 1)
        assert (mail.oldest_due, mail.untaken) == (NOW - 3 * MINUTE, NOW - 2 * MINUTE)
        assert mail.next_hold_ends == NOW - HOUR + HOLD
        assert [(one.place, one.held, one.due, one.tried) for one in (job, mine)] == [
            ("JOB_POSTING", 0, 0, 0),
            ("MY_JOBS", 0, 0, 0),
        ]


async def test_lateness_counts_what_dispatchers_told_in_the_last_hour(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - 9 * DAY)
        assert await flow.lateness(connection, NOW - HOUR) == []
        assert await flow.last_told(connection) is None
        for application, age, late in zip(world.applications, (2 * HOUR, MINUTE, 2 * MINUTE), (5, 1, 3), strict=True):
            action = await report(connection, application, VIEWED, performed_at=NOW - age, now=NOW - age)
            await told(connection, action, timedelta(seconds=late))
        # A rejection that was reported three days ago is told today: it is due today.
        rejected = await report(
            connection, world.applications[0], REJECTED, performed_at=NOW - HOLD - MINUTE, now=NOW - HOLD - MINUTE
        )
        await told(connection, rejected, timedelta(seconds=20))
        [mail] = await flow.lateness(connection, NOW - HOUR)
        assert (mail.place, mail.told, mail.median, mail.longest) == ("EMAIL", 3, 3.0, 20.0)
        assert mail.p99 == pytest.approx(19.66)
        assert await flow.last_told(connection) == NOW - MINUTE + timedelta(seconds=20)


async def test_the_lateness_of_a_mail_that_was_put_back_counts_from_then(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - 9 * DAY)
        action = await report(connection, world.applications[0], VIEWED, performed_at=NOW - DAY, now=NOW - DAY)
        await told(connection, action, DAY - MINUTE)
        await connection.execute(
            "UPDATE jobboard.notice SET redriven_at = %s WHERE action_id = %s", (NOW - 2 * MINUTE, action)
        )
        [mail] = await flow.lateness(connection, NOW - HOUR)
        assert mail.longest == 60.0
