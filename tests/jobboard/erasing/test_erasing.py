"""Erasing an applicant leaves nothing of them anywhere, and a tombstone that says so (spec R20)."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.erasing.remains import eraser, everything, put, register, tables
from tests.jobboard.telling.board import HOLD, NOW, Hands, drain, report
from tests.jobboard.telling.post import posting
from tests.world import TOMBSTONES, World, make_world, notices
from unghost.jobboard.rules.policy import DOWNLOADED, REJECTED, VIEWED
from unghost.jobboard.store import board, erasing, registering, webhooks
from unghost.jobboard.store.erasing import Erased
from unghost.jobboard.tombstones import Tombstones

pytestmark = pytest.mark.anyio

#: Numbers that stand nowhere by chance.
FIRST_NUMBER, CHOSEN = 700100200300400, 811922733644
NAME, ADDRESS, EXTERNAL_ID = "Zoë Ümlaut-Quux", "zoe.quux@remote.example", "member-qx-4711"
CONTENT, FILE = b"%PDF- all about Zoe Quux", "Quux-cv.pdf"
#: Tables in which an applicant leaves nothing: they hold customers, partners, jobs and what was migrated.
OF_OTHERS = {
    "access_token", "allowance", "consent_ledger", "customer", "customer_admin", "job", "job_posting_task", "migration",
    "oauth_application", "webhook",
}  # fmt: skip


async def lived_in(connection: psycopg.AsyncConnection) -> tuple[World, int, list[int]]:
    """A world with somebody in every table that can hold something about them: (world, applicant, numbers)."""
    world = await make_world(connection, NOW)
    await connection.execute(f"ALTER TABLE jobboard.application ALTER number RESTART WITH {FIRST_NUMBER}")
    await webhooks.register_webhook(
        connection, job_id=world.jobs[0], oauth_application=world.child, url="https://ats.example/hook", now=NOW
    )
    await put(connection, EXTERNAL_ID, ADDRESS, NOW, NAME)
    found = await board.applicant(connection, EXTERNAL_ID)
    assert found is not None
    numbers = []
    for job, number in zip(world.jobs, (None, CHOSEN, None), strict=True):
        made = await register(connection, job, found.id, NOW, number)
        numbers.append(made.number)
        for action in (VIEWED, DOWNLOADED, REJECTED):
            await report(connection, made.number, action)
    await report(connection, numbers[0], VIEWED, performed_at=NOW + timedelta(minutes=1), consent=False)
    await registering.store_resume(
        connection,
        application_number=numbers[0],
        file_name=FILE,
        media_type="application/pdf",
        content=CONTENT,
        now=NOW,
    )
    await connection.execute("UPDATE jobboard.notice SET detail = '250 queued' WHERE place = 'EMAIL'")
    await connection.execute("UPDATE jobboard.delivery SET detail = 'answered 503; want 200'")
    await connection.commit()
    return world, found.id, numbers


async def test_no_row_of_any_table_holds_anything_of_them(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        _, applicant, numbers = await lived_in(connection)
        sought = [NAME, ADDRESS, EXTERNAL_ID, FILE, CONTENT.hex(), *map(str, numbers)]
        before = await everything(connection)
        assert [word for word in sought if word not in before] == []
        filled = {name.partition(".")[2] for name in await tables(connection) if f"{name}: " in before}
        assert {"applicant", "application", "resume", "action", "notice", "delivery"} <= filled
    erased = await eraser(Hands()).erase(pool.connection, applicant)
    assert erased == Erased(applications=3, resumes=1, actions=13, notices=30, waiting=9, deliveries=1)
    async with pool.connection() as connection:
        left = await everything(connection)
        assert [word for word in sought if word in left] == []
        assert {name.partition(".")[2] for name in await tables(connection) if f"{name}: " in left} - OF_OTHERS == {
            "applicant", "application", "tombstone",  # of the bystanders
        }  # fmt: skip


async def test_every_table_is_known_to_hold_something_of_applicants_or_nothing(pool: AsyncConnectionPool) -> None:
    """A new table has to be looked at: does an erasure reach it?"""
    async with pool.connection() as connection:
        names = {name.partition(".")[2] for name in await tables(connection)}
    reached = {"applicant", "application", "resume", "action", "notice", "delivery", "tombstone"}
    assert names - OF_OTHERS == reached, "store/erasing must reach it, or OF_OTHERS say that it need not"


async def test_others_keep_what_is_theirs(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world, applicant, _ = await lived_in(connection)
        await report(connection, world.other_application, VIEWED)
        kept = await notices(connection, world.other_application)
    await eraser(Hands()).erase(pool.connection, applicant)
    async with pool.connection() as connection:
        assert await notices(connection, world.other_application) == kept != []
        cursor = await connection.execute("SELECT id FROM jobboard.applicant ORDER BY id")
        assert await cursor.fetchall() == [(world.applicant,), (world.other_applicant,)]


async def test_a_held_rejection_of_somebody_erased_is_never_told(database_url: str, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        for application in world.applications:
            await report(connection, application, REJECTED)
    await eraser(Hands()).erase(pool.connection, world.applicant)
    with posting() as post:
        async with drain(database_url, post, Hands(NOW + HOLD)) as mails:
            assert await mails.step(NOW + HOLD) == 0
        assert post.accepted == []


async def test_open_pages_are_woken(database_url: str, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute("LISTEN jobboard_live")
        await eraser(Hands()).erase(pool.connection, world.applicant)
        heard = [notification.payload async for notification in listener.notifies(timeout=30, stop_after=1)]
    assert heard == [str(world.applicant)]


async def test_somebody_without_applications_and_nobody(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW, applications=0)
    assert await eraser(Hands()).erase(pool.connection, world.applicant) == Erased(0, 0, 0, 0, 0, 0)
    assert await eraser(Hands()).erase(pool.connection, world.applicant) is None
    assert await eraser(Hands()).erase(pool.connection, 999) is None


async def test_tombstones_say_what_was_erased_and_only_with_the_key(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        _, applicant, numbers = await lived_in(connection)
        assert await erasing.erased_at(connection, TOMBSTONES.of_applicant(EXTERNAL_ID)) is None
    await eraser(Hands()).erase(pool.connection, applicant)
    other = Tombstones("another key, which is long enough too")
    async with pool.connection() as connection:
        for digest in (TOMBSTONES.of_applicant(EXTERNAL_ID), *map(TOMBSTONES.of_application, numbers)):
            assert await erasing.erased_at(connection, digest) == NOW
        for digest in (
            other.of_applicant(EXTERNAL_ID),
            other.of_application(numbers[0]),
            TOMBSTONES.of_applicant(str(numbers[0])),
            TOMBSTONES.of_application(numbers[0] + 9),
        ):
            assert await erasing.erased_at(connection, digest) is None
    assert "key" not in repr(other)


async def test_an_erased_number_is_never_given_again(pool: AsyncConnectionPool) -> None:
    """Nor by the sequence, which comes to it where the job board's own back end had chosen the next numbers."""
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        last = world.other_application
        for job, number in zip(world.jobs, (last + 1, last + 2, last + 4), strict=True):
            await connection.execute(
                "UPDATE jobboard.application SET number = %s WHERE job_id = %s AND applicant_id = %s",
                (number, job, world.applicant),
            )
    await eraser(Hands()).erase(pool.connection, world.applicant)
    async with pool.connection() as connection:
        with pytest.raises(registering.NumberErased, match=f"number {last + 2} was erased"):
            await register(connection, world.jobs[0], world.other_applicant, NOW, number=last + 2)
        made = [await register(connection, job, world.other_applicant, NOW) for job in world.jobs[:2]]
        assert [one.number for one in made] == [last + 3, last + 5]
