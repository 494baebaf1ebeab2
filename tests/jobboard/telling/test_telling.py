"""What is told, and what is withheld at the last moment (spec R14-R19)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.telling.board import HOLD, NOW, Hands, drain, report, row
from tests.jobboard.telling.post import Post, posting
from tests.world import ORGANIZATION, consent, make_world, tick
from unghost.jobboard.rules.plan import State
from unghost.jobboard.rules.policy import DOWNLOADED, REJECTED, SUBMITTED, VIEWED, Place
from unghost.jobboard.store import telling
from unghost.jobboard.store.lines import Line
from unghost.jobboard.store.withdrawing import withdraw

pytestmark = pytest.mark.anyio


@pytest.fixture
def post() -> Iterator[Post]:
    with posting() as running:
        yield running


async def test_a_viewed_application_becomes_one_mail(database_url: str, pool: AsyncConnectionPool, post: Post) -> None:
    """spec R13, R14, R21"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], VIEWED)
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        assert await mails.step(NOW) == 1
        assert await mails.step(NOW) == 0
        assert await row(connection, action_id) == ("told", None, "250 2.0.0 queued as TEST")
    [mail] = post.accepted
    assert mail.recipient == "ada@applicant.example"
    assert mail.message["Subject"] == "Your application was viewed by Harbour & Pine"


async def test_a_rejection_is_not_mailed_before_its_hold_ends(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R13, R16"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        await report(connection, world.applications[0], REJECTED)
    clock = Hands()
    async with drain(database_url, post, clock) as mails:
        clock.at = NOW + HOLD - timedelta(milliseconds=1)
        assert await mails.step(clock.at) == 0
        clock.at = NOW + HOLD
        assert await mails.step(clock.at) == 1
    assert [m.message["Subject"] for m in post.accepted] == ["Your application to Job 1 at Harbour & Pine"]


async def test_a_clock_that_goes_back_after_the_claim_tells_nothing(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R16: fail closed"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], REJECTED)
    async with drain(database_url, post, Hands(NOW)) as mails, pool.connection() as connection:
        assert await mails.step(NOW + HOLD) == 1
        assert await row(connection, action_id) == ("waiting", None, "whether it may be told cannot be read")
    assert post.accepted == []


async def test_consent_withdrawn_during_the_hold_withholds_the_mail(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R15"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], REJECTED)
        await consent(connection, ORGANIZATION, False)
    clock = Hands(NOW + HOLD)
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        await mails.step(clock.at)
        assert await row(connection, action_id) == ("withheld", "consent_withdrawn", None)
    assert post.accepted == []


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=1)])
async def test_consent_withdrawn_during_the_hold_and_given_again_tells_only_what_comes_after(
    database_url: str, pool: AsyncConnectionPool, post: Post, later: timedelta
) -> None:
    """spec R15: consent given later tells nothing retroactively, not even in the same moment of a stopped clock"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW, consent=False)
        await tick(connection, ORGANIZATION, True, NOW)
        before = await report(connection, world.applications[0], REJECTED)
        for ticked in (False, True):
            await tick(connection, ORGANIZATION, ticked, NOW + later)
        after = await report(connection, world.applications[1], REJECTED, now=NOW + later)
    clock = Hands(NOW + later + HOLD)
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        assert await mails.step(clock.at) == 2
        assert await row(connection, before) == ("withheld", "consent_withdrawn", None)
        assert (await row(connection, after))[0] == "told"
    assert [m.message["Subject"] for m in post.accepted] == ["Your application to Job 2 at Harbour & Pine"]


async def test_a_report_under_way_while_the_box_is_unticked_and_ticked_again_is_not_told(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R15: it was judged by the consent that was withdrawn, though it is committed after the new one"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
    async with pool.connection() as reporting, pool.connection() as saving:
        action_id = await report(reporting, world.applications[0], VIEWED)
        for ticked in (False, True):
            await tick(saving, ORGANIZATION, ticked, NOW)
        await saving.commit()
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        assert await mails.step(NOW) == 1
        assert await row(connection, action_id) == ("withheld", "consent_withdrawn", None)
    assert post.accepted == []


async def test_submitted_needs_no_consent(database_url: str, pool: AsyncConnectionPool, post: Post) -> None:
    """spec R15"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW, consent=False)
        await report(connection, world.applications[0], SUBMITTED, consent=False)
    async with drain(database_url, post, Hands()) as mails:
        await mails.step(NOW)
    assert len(post.accepted) == 1


async def test_a_view_after_the_told_decision_is_withheld(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R18"""
    later = NOW + HOLD
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        await report(connection, world.applications[0], REJECTED)
        async with drain(database_url, post, Hands(later)) as mails:
            await connection.commit()
            await mails.step(later)
            action_id = await report(
                connection, world.applications[0], VIEWED, performed_at=NOW + timedelta(hours=1), now=later
            )
            await connection.commit()
            await mails.step(later)
        assert await row(connection, action_id) == ("withheld", "after_decision", None)
    assert len(post.accepted) == 1


@pytest.mark.parametrize(
    ("column", "action", "reason"),
    [
        ("viewed_mails = false", VIEWED, "turned_off"),
        ("status_mails = false", VIEWED, "turned_off"),
        ("viewed_mails = false, status_mails = false", SUBMITTED, None),
        ("mail_suppressed = 'complaint'", SUBMITTED, "address_suppressed"),
    ],
)
async def test_preferences_are_read_when_the_mail_is_about_to_go(
    database_url: str, pool: AsyncConnectionPool, post: Post, column: str, action: str, reason: str | None
) -> None:
    """spec R19"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], action)
        await connection.execute(f"UPDATE jobboard.applicant SET {column}")
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        await mails.step(NOW)
        assert (await row(connection, action_id))[:2] == (("withheld", reason) if reason else ("told", None))
    assert len(post.accepted) == (0 if reason else 1)


async def test_an_action_that_this_version_does_not_know_waits(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R16: a newer version may have stored it"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], VIEWED)
        await connection.execute("UPDATE jobboard.notice SET action = 'APPLICATION_FRAMED'")
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        await mails.step(NOW)
        assert (await row(connection, action_id))[0] == "waiting"
    assert post.accepted == []


async def test_a_notice_withdrawn_after_the_claim_is_not_told(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R10, R17: what another settled meanwhile stays as it is"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], VIEWED)
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        claimed = await mails.claims.claim(NOW, 10)
        assert len(claimed) == 1
        await connection.execute(
            """UPDATE jobboard.notice SET state = 'withheld', reason = 'withdrawn', attempt_at = NULL
               WHERE place = 'EMAIL'"""
        )
        await connection.commit()
        assert await mails.step(NOW + timedelta(days=1)) == 0
        assert (await row(connection, action_id))[:2] == ("withheld", "withdrawn")


async def test_two_dispatchers_never_hold_the_same_notice(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R9: the claim is a lease, and the settlement is fenced by it"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        for application in world.applications:
            await report(connection, application, VIEWED)
    lease = timedelta(seconds=60)
    async with drain(database_url, post, Hands()) as one, drain(database_url, post, Hands()) as two:
        assert len(await one.claims.claim(NOW, 2)) == 2
        assert len(await two.claims.claim(NOW, 10)) == 1
        assert await two.claims.claim(NOW + lease - timedelta(seconds=1), 10) == []
        taken_over = await two.claims.claim(NOW + lease, 10)
        assert {due.attempts for due in taken_over} == {2}


async def test_a_page_notice_whose_time_has_come_is_told_and_wakes_the_page(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    """spec R22"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], DOWNLOADED)
        await connection.execute(
            "UPDATE jobboard.notice SET state = 'waiting', told_at = NULL, attempt_at = due_at WHERE place = 'MY_JOBS'"
        )
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener,
        drain(database_url, None, Hands(), Place.MY_JOBS) as live,
        pool.connection() as connection,
    ):
        await listener.execute("LISTEN jobboard_live")
        assert await live.step(NOW) == 1
        assert await row(connection, action_id, "MY_JOBS") == ("told", None, None)
        async for notification in listener.notifies(timeout=10, stop_after=1):
            assert notification.payload == str(world.applicant)


async def test_an_erased_applicant_s_claimed_notice_is_nobody_s(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R20: what is gone when it is read is not told"""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        await report(connection, world.applications[0], VIEWED)
        await connection.execute("DELETE FROM jobboard.applicant WHERE id = %s", (world.applicant,))
    async with drain(database_url, post, Hands()) as mails:
        assert await mails.step(NOW) == 0
    assert post.accepted == []


@pytest.mark.parametrize("rejected_again", [False, True])
async def test_what_was_mailed_while_its_report_was_taken_back_counts_as_told(
    pool: AsyncConnectionPool, rejected_again: bool
) -> None:
    """spec R10, R14: else the next rejection would be mailed as if it were the first"""
    end = NOW + HOLD
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        action_id = await report(connection, world.applications[0], REJECTED)
        await connection.execute("UPDATE jobboard.action SET reported_by = %s WHERE id = %s", (world.child, action_id))
        [(_, _, attempts)] = await telling.claim(connection, [Place.EMAIL], end, timedelta(seconds=60), 9)
        assert await withdraw(connection, action_id, world.child, end)
        assert await row(connection, action_id) == ("withheld", "withdrawn", None)
        again = None
        if rejected_again:
            again = await report(connection, world.applications[0], REJECTED, performed_at=end, now=end)
        mailed = telling.Settled(action_id, Place.EMAIL, attempts, State.TOLD, at=end)
        stored = await telling.settle(connection, [mailed])
        assert stored == {(action_id, Place.EMAIL)}
        assert (await row(connection, action_id))[0] == "told"
        if again is not None:
            assert await row(connection, again) == ("withheld", "already_told", None)


async def test_what_is_claimed_is_read_by_its_key_however_much_waits(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    """On a board of which PostgreSQL has no statistics yet, whose plans are made once (store/lines.py)."""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW, applications=60)
        for application in world.applications:
            await report(connection, application, REJECTED)
    line = Line(database_url)
    connection = await line.connection()
    claimed = await telling.claim(connection, [Place.EMAIL], NOW + HOLD, timedelta(minutes=1), 3)
    assert len(claimed) == 3
    scans = "SELECT pg_stat_get_xact_numscans(to_regclass(%s)), pg_stat_get_xact_numscans(to_regclass(%s))"
    indexes = ("jobboard.notice_pkey", "jobboard.notice_waiting")
    before = await (await connection.execute(scans, indexes)).fetchone()
    async with connection.transaction():
        assert len(await telling.read(connection, claimed, [REJECTED])) == 3
        after = await (await connection.execute(scans, indexes)).fetchone()
    assert before is not None and after is not None
    assert (after[0] - before[0], after[1] - before[1]) == (3, 0)
    await line.close()
