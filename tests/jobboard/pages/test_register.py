"""Applications and applicants as they are stored (spec R13, R28)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.store import reading, registering

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(pool: AsyncConnectionPool) -> world.World:
    async with pool.connection() as connection:
        return await world.make_world(connection, NOW, applications=2)


async def register(
    connection: psycopg.AsyncConnection, job: int, applicant: int, **more: int
) -> registering.Registered:
    return await registering.register_application(
        connection,
        job_id=job,
        applicant_id=applicant,
        submitted_at=NOW,
        now=NOW,
        policy=DEFAULT,
        tombstones=world.TOMBSTONES,
        **more,
    )


async def test_registering_makes_submitted_with_a_notice_in_all_three_places(
    pool: AsyncConnectionPool, made: world.World
) -> None:
    """Spec R13: without asking for consent (R15); the pages are told at once, the mail waits for its dispatcher."""
    async with pool.connection() as connection:
        await world.consent(connection, world.ORGANIZATION, False)
        new = await register(connection, made.jobs[0], made.other_applicant)
        assert new.created
        assert await world.notices(connection, new.number) == [
            ("APPLICATION_SUBMITTED", "EMAIL", "waiting", None),
            ("APPLICATION_SUBMITTED", "JOB_POSTING", "told", None),
            ("APPLICATION_SUBMITTED", "MY_JOBS", "told", None),
        ]


async def test_a_second_application_to_the_job_gives_the_first_one_back(
    pool: AsyncConnectionPool, made: world.World
) -> None:
    async with pool.connection() as connection:
        first = await register(connection, made.jobs[0], made.other_applicant)
        second = await register(connection, made.jobs[0], made.other_applicant, number=777)
        assert second == registering.Registered(first.number, created=False)
        assert len(await world.notices(connection, first.number)) == 3


async def test_two_at_the_same_time_are_one(pool: AsyncConnectionPool, made: world.World) -> None:
    async def once() -> registering.Registered:
        async with pool.connection() as connection:
            return await register(connection, made.jobs[1], made.other_applicant)

    both = await asyncio.gather(*(once() for _ in range(6)))
    assert len({one.number for one in both}) == 1
    assert sum(one.created for one in both) == 1


async def test_a_given_number_is_taken_and_a_taken_one_refused(pool: AsyncConnectionPool, made: world.World) -> None:
    async with pool.connection() as connection:
        assert (await register(connection, made.jobs[0], made.other_applicant, number=12345678)).number == 12345678
        with pytest.raises(registering.NumberTaken, match="12345678"):
            await register(connection, made.jobs[1], made.other_applicant, number=12345678)
        assert (await register(connection, made.jobs[1], made.other_applicant)).created  # the transaction goes on


async def test_unknown_jobs_and_applicants_are_named(pool: AsyncConnectionPool, made: world.World) -> None:
    async with pool.connection() as connection:
        with pytest.raises(registering.UnknownJob, match="no job 1:"):
            await register(connection, 1, made.applicant)
        with pytest.raises(registering.UnknownApplicant, match="no applicant 1:"):
            await register(connection, made.jobs[0], 1)


async def test_registering_is_in_the_callers_transaction_and_wakes_the_applicants_pages(
    pool: AsyncConnectionPool, database_url: str, made: world.World
) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute("LISTEN jobboard_live")
        async with pool.connection() as connection:
            with pytest.raises(RuntimeError):
                async with connection.transaction():
                    await register(connection, made.jobs[0], made.other_applicant)
                    raise RuntimeError
            assert (await register(connection, made.jobs[0], made.other_applicant)).created
        heard = [notification.payload async for notification in listener.notifies(timeout=30, stop_after=1)]
        assert heard == [str(made.other_applicant)]


async def test_somebody_with_a_known_address_keeps_their_own_name_language_and_time_zone(
    pool: AsyncConnectionPool, made: world.World
) -> None:
    async with pool.connection() as connection:
        id = await registering.applicant_of_address(
            connection, email="ADA@Applicant.example", name="Mallory", language="de", time_zone="Asia/Tokyo", now=NOW
        )
        assert id == made.applicant
        ada = await reading.applicant(connection, id)
        assert ada == reading.Applicant(id, "Ada Applicant", "ada@applicant.example", "en", "UTC")


async def test_the_first_resume_stays(pool: AsyncConnectionPool, made: world.World) -> None:
    async with pool.connection() as connection:
        for content in (b"first", b"second"):
            await registering.store_resume(
                connection,
                application_number=made.applications[0],
                file_name="cv.pdf",
                media_type="application/pdf",
                content=content,
                now=NOW,
            )
        cursor = await connection.execute("SELECT content FROM jobboard.resume")
        assert await cursor.fetchall() == [(b"first",)]


async def test_a_held_rejection_changes_nothing_that_my_jobs_reads(
    pool: AsyncConnectionPool, made: world.World
) -> None:
    """Spec R16, with the rejection told on pages too: rows, status and order are as if it had not come."""
    first, second = made.applications
    async with pool.connection() as connection:
        before = await reading.my_jobs(connection, made.applicant, NOW, DEFAULT)
        await connection.execute(
            """WITH a AS (INSERT INTO jobboard.action (application_number, action, performed_at, received_at)
                          VALUES (%(n)s, 'APPLICATION_REJECTED', %(now)s, %(now)s) RETURNING id)
               INSERT INTO jobboard.notice (action_id, place, application_number, action, state, due_at, attempt_at)
               SELECT id, 'MY_JOBS', %(n)s, 'APPLICATION_REJECTED', 'waiting', %(due)s, %(due)s FROM a""",
            {"n": first, "now": NOW, "due": NOW + timedelta(hours=72)},
        )
        for hours in (0, 71):
            assert await reading.my_jobs(connection, made.applicant, NOW + timedelta(hours=hours), DEFAULT) == before
        after = await reading.my_jobs(connection, made.applicant, NOW + timedelta(hours=72), DEFAULT)
        assert after is not None
        assert [application.number for application in after.applications] == [first, second]
        assert after.applications[0].status is not None
        assert after.applications[0].status.action == "APPLICATION_REJECTED"
