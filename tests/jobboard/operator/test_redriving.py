"""Putting back what was given up: nobody is told twice by it, nor what must not be told any more (spec R42)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.operator.rows import delivery, gave_up, webhook
from tests.jobboard.telling.board import NOW, Hands, drain, report, row
from tests.jobboard.telling.post import Post, posting
from tests.world import ORGANIZATION, OTHER_ORGANIZATION, World, consent, make_world
from unghost.jobboard.rules.plan import State
from unghost.jobboard.rules.policy import REJECTED, SUBMITTED, VIEWED, Place
from unghost.jobboard.store import redriving, telling, withdrawing
from unghost.jobboard.store.redriving import Kind, Redriven, Which
from unghost.jobboard.store.telling import Settled
from unghost.postgres import connect

pytestmark = pytest.mark.anyio
MAILS = Which(kind=Kind.MAIL)
DAY = timedelta(days=1)
LATER = NOW + 30 * DAY


@pytest.fixture
def post() -> Iterator[Post]:
    with posting() as running:
        yield running


async def test_a_mail_that_is_put_back_is_sent_once_as_the_same_mail(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """Spec R21: its Message-ID comes from the action."""
    clock = Hands()
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], VIEWED)
        await connection.commit()
        post.hang_ups = 1  # the server has the mail and its answer is lost
        await mails.step(clock.at)
        clock.at += timedelta(days=3)
        post.answers["RCPT"] = ["451 4.2.2 come back"]
        await mails.step(clock.at)
        assert (await row(connection, action_id))[:2] == ("withheld", "undeliverable")
        assert await mails.step(clock.at) == 0
        clock.at = LATER
        assert await redriving.redrive(connection, MAILS, LATER) == Redriven(1)
        assert await redriving.redrive(connection, MAILS, LATER) == Redriven(0)
        await connection.commit()
        assert await mails.step(clock.at) == 1
        assert await mails.step(clock.at) == 0
        assert (await row(connection, action_id))[0] == "told"
    assert list(post.copies().values()) == [2], "both copies have one Message-ID"


async def test_its_patience_begins_anew(database_url: str, pool: AsyncConnectionPool, post: Post) -> None:
    clock = Hands(LATER)
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await gave_up(connection, world.applications[0])
        await redriving.redrive(connection, MAILS, LATER)
        await connection.commit()
        post.answers["RCPT"] = ["451 4.2.2 come back", "451 4.2.2 come back"]
        await mails.step(clock.at)
        assert (await row(connection, action_id))[0] == "waiting"
        clock.at += 3 * DAY
        await mails.step(clock.at)
        assert (await row(connection, action_id))[:2] == ("withheld", "undeliverable")


async def test_consent_and_preferences_are_asked_anew(database_url: str, pool: AsyncConnectionPool, post: Post) -> None:
    """Spec R15, R19."""
    clock = Hands(LATER)
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        world = await make_world(connection, NOW)
        viewed = await gave_up(connection, world.applications[0])
        submitted = await gave_up(connection, world.applications[1], SUBMITTED)
        await consent(connection, ORGANIZATION, ticked=False)
        assert await redriving.redrive(connection, MAILS, LATER) == Redriven(2)
        await connection.commit()
        await mails.step(clock.at)
        assert (await row(connection, viewed))[:2] == ("withheld", "consent_withdrawn")
        assert (await row(connection, submitted))[0] == "told"


async def test_what_was_told_meanwhile_is_not_told_again(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """Spec R14."""
    async with drain(database_url, post, Hands(LATER)) as mails, pool.connection() as connection:
        world = await make_world(connection, NOW)
        first = await gave_up(connection, world.applications[0])
        second = await report(connection, world.applications[0], VIEWED, performed_at=NOW + timedelta(hours=1))
        await connection.commit()
        [letter] = await redriving.dead_letters(connection, MAILS, before=None, limit=5)
        assert letter.spoken_for
        assert await redriving.redrive(connection, MAILS, LATER) == Redriven(0, 1)
        await connection.commit()
        assert await mails.step(LATER) == 1
        assert (await row(connection, first))[:2] == ("withheld", "already_told")
        assert (await row(connection, second))[0] == "told"
        assert await redriving.count(connection, MAILS) == 0


async def test_of_several_that_say_the_same_one_waits_again(pool: AsyncConnectionPool) -> None:
    """Spec R14."""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        first, second, third = [
            await gave_up(connection, world.applications[0], at=NOW + hours * timedelta(hours=1)) for hours in range(3)
        ]
        assert await redriving.redrive(connection, replace(MAILS, key=second), LATER) == Redriven(1)
        assert await redriving.redrive(connection, MAILS, LATER) == Redriven(0, 2)
        assert [(await row(connection, one))[:2] for one in (first, second, third)] == [
            ("withheld", "already_told"),
            ("waiting", None),
            ("withheld", "already_told"),
        ]


async def test_a_report_that_was_taken_back_cannot_be_put_back(pool: AsyncConnectionPool) -> None:
    """Spec R10: its rejection was given up, then taken back: nobody shall hear of it."""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await gave_up(connection, world.applications[0], REJECTED)
        await connection.execute("UPDATE jobboard.action SET reported_by = %s", (world.child,))
        assert await withdrawing.withdraw(connection, action_id, world.child, LATER)
        assert await redriving.redrive(connection, MAILS, LATER) == Redriven(0)
        assert (await row(connection, action_id))[:2] == ("withheld", "withdrawn")


async def test_a_settlement_from_before_settles_nothing(pool: AsyncConnectionPool) -> None:
    """A dispatcher whose answer from the database was lost settles again what is put back meanwhile (spec R9)."""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await gave_up(connection, world.applications[0])
        await redriving.redrive(connection, MAILS, LATER)
        again = Settled(action_id, Place.EMAIL, 7, State.WITHHELD, "undeliverable")
        assert await telling.settle(connection, [again]) == set()
        assert (await row(connection, action_id))[0] == "waiting"


async def test_a_dispatcher_and_two_operators_at_once_tell_each_mail_once(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    clock = Hands(LATER)
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        world = await make_world(connection, NOW, applications=12)
        for application in world.applications:
            await gave_up(connection, application)
            await gave_up(connection, application, at=NOW + timedelta(hours=1))
        await connection.commit()

        async def operator() -> Redriven:
            async with pool.connection() as own:
                return await redriving.redrive(own, MAILS, LATER)

        async def dispatcher() -> None:
            async with asyncio.timeout(60):
                while len(post.accepted) < 12:
                    await mails.step(clock.at)

        one, two, _ = await asyncio.gather(operator(), operator(), dispatcher())
        assert (one.back + two.back, one.spoken_for + two.spoken_for) == (12, 12)
        assert await mails.step(clock.at) == 0
    assert set(post.copies().values()) == {1}


async def test_a_report_of_the_same_that_comes_in_at_that_moment_wins(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    """Spec R14: the redrive waits for the other transaction, sees its notice and leaves the applicant to it."""
    async with await connect(database_url, autocommit=True) as looking, pool.connection() as connection:
        world = await make_world(looking, NOW)
        first = await gave_up(looking, world.applications[0])
        async with pool.connection() as reporting:
            second = await report(reporting, world.applications[0], VIEWED, performed_at=NOW + timedelta(hours=1))
            redrive = asyncio.create_task(redriving.redrive(connection, MAILS, LATER))
            await _somebody_waits(looking)
        async with asyncio.timeout(30):
            assert await redrive == Redriven(0, 1)
        assert (await row(connection, first))[:2] == ("withheld", "already_told")
        assert (await row(connection, second))[0] == "waiting"


async def _somebody_waits(looking: AsyncConnection) -> None:
    """Until a connection to this database waits for another's transaction."""
    async with asyncio.timeout(30):
        while True:
            cursor = await looking.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if await cursor.fetchone() is not None:
                return
            await asyncio.sleep(0.01)


async def test_what_is_given_up_again_meanwhile_is_not_put_back_by_the_same_call(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await gave_up(connection, world.applications[0])
        await redriving.redrive(connection, MAILS, LATER)
        await connection.execute(
            "UPDATE jobboard.notice SET state = 'withheld', reason = 'undeliverable', attempt_at = NULL"
            " WHERE action_id = %s AND place = 'EMAIL'",
            (action_id,),
        )
        assert await redriving.redrive(connection, MAILS, LATER) == Redriven(0)
        assert await redriving.redrive(connection, MAILS, LATER + DAY) == Redriven(1)


async def test_filters_leave_what_does_not_fit(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW - 90 * DAY)
        first, second, third = world.applications
        old = await gave_up(connection, first, SUBMITTED, at=NOW - 20 * DAY)
        new = await gave_up(connection, second, at=NOW)
        rejected = await gave_up(connection, third, REJECTED, at=NOW - 5 * DAY)
        other = await gave_up(connection, world.other_application, SUBMITTED, at=NOW)

        async def keys(**filters: object) -> list[int]:
            which = replace(MAILS, **filters)  # type: ignore[arg-type]
            found = await redriving.dead_letters(connection, which, before=None, limit=9)
            assert await redriving.count(connection, which) == len(found)
            return [one.key for one in found]

        assert await keys() == [other, rejected, new, old]
        assert await keys(organization=OTHER_ORGANIZATION) == [other]
        assert await keys(action=SUBMITTED) == [other, old]
        assert await keys(since=NOW - 7 * DAY) == [other, rejected, new]
        assert await keys(application=second) == [new]
        assert await keys(key=old) == [old]
        page = await redriving.dead_letters(connection, MAILS, before=rejected, limit=1)
        assert [one.key for one in page] == [new]
        assert (page[0].what, page[0].application, page[0].customer) == (VIEWED, second, "Harbour & Pine")
        assert (page[0].tries, page[0].detail) == (7, "at RCPT: 552 5.2.2 mailbox is full")
        await redriving.redrive(connection, replace(MAILS, action=SUBMITTED, since=NOW - 7 * DAY), LATER)
        assert await keys() == [rejected, new, old]


async def _stand(connection: AsyncConnection) -> tuple[World, int]:
    world = await make_world(connection, NOW - 90 * DAY)
    return world, await webhook(connection, world, "blocked")


async def test_deliveries_go_to_the_webhook_that_the_job_has_today(pool: AsyncConnectionPool) -> None:
    """Spec R28."""
    async with pool.connection() as connection:
        world, hook = await _stand(connection)
        today = await webhook(connection, world, "verified", world.jobs[1])
        for application in world.applications[:2]:
            await delivery(connection, application, hook)
        which = Which(kind=Kind.DELIVERY)
        letters = await redriving.dead_letters(connection, which, before=None, limit=5)
        assert [(one.key, one.what, one.tries) for one in letters] == [
            (world.applications[1], "Job 2", 7),
            (world.applications[0], "Job 1", 7),
        ]
        assert await redriving.redrive(connection, which, LATER) == Redriven(2)
        cursor = await connection.execute(
            """SELECT application_number, state, failures, attempts, attempt_at, webhook_id
               FROM jobboard.delivery ORDER BY application_number"""
        )
        assert await cursor.fetchall() == [
            (world.applications[0], "waiting", 0, 8, LATER, hook),
            (world.applications[1], "waiting", 0, 8, LATER, today),
        ]


async def test_a_blocked_webhook_is_challenged_again_unless_its_partner_is_shut_out(pool: AsyncConnectionPool) -> None:
    """Spec R28."""
    async with pool.connection() as connection:
        world, hook = await _stand(connection)
        await delivery(connection, world.applications[0], hook, "waiting")
        which = Which(kind=Kind.WEBHOOK)
        await connection.execute(
            "UPDATE jobboard.oauth_application SET revoked_at = %s WHERE parent_id IS NULL", (NOW,)
        )
        assert await redriving.redrive(connection, which, LATER) == Redriven(0)
        await connection.execute("UPDATE jobboard.oauth_application SET revoked_at = NULL")
        [letter] = await redriving.dead_letters(connection, which, before=None, limit=5)
        assert (letter.key, letter.behind, letter.organization) == (hook, 1, ORGANIZATION)
        assert await redriving.redrive(connection, replace(which, organization=OTHER_ORGANIZATION), LATER) == Redriven(
            0
        )
        assert await redriving.redrive(connection, which, LATER) == Redriven(1)
        cursor = await connection.execute("SELECT state, failures, attempts, attempt_at FROM jobboard.webhook")
        assert await cursor.fetchall() == [("unverified", 0, 1, LATER)]
