"""Accepting reports: one transaction each, told once, neighbours spared (spec R7-R9, R12-R18)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from unghost.clock import SystemClock
from unghost.jobboard.accept import Acceptor, Overloaded, Reporter
from unghost.jobboard.rules.policy import DOWNLOADED, REJECTED, VIEWED, policy
from unghost.wire.lifecycle import Report
from unghost.wire.refusals import Refusal, Refused
from unghost.wire.restli import Answer, Created

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)


@pytest.fixture
async def world(pool: AsyncConnectionPool) -> w.World:
    async with pool.connection() as connection:
        return await w.make_world(connection, NOW)


@pytest.fixture
async def acceptor(database_url: str) -> AsyncIterator[Acceptor]:
    acceptor = Acceptor(database_url, policy(), SystemClock(), queue_limit=5000)
    acceptor.start()
    yield acceptor
    await acceptor.stop()


def report(application: int, action: str = VIEWED, *, minutes: float = 0) -> Report:
    at = (NOW + timedelta(minutes=minutes)).replace(microsecond=0)
    return Report(application, action, at, w.ORGANIZATION)


async def accept(acceptor: Acceptor, world: w.World, *reports: Report) -> list[Answer]:
    async with asyncio.timeout(90):
        return await acceptor.accept(reports, Reporter(world.child, w.ORGANIZATION))


async def rows(pool: AsyncConnectionPool, application: int) -> list[tuple[str, str, str, str | None]]:
    async with pool.connection() as connection:
        return await w.notices(connection, application)


async def test_a_view_is_told_on_pages_at_once_and_its_mail_waits_for_a_dispatcher(
    acceptor: Acceptor, world: w.World, pool: AsyncConnectionPool
) -> None:
    [answer] = await accept(acceptor, world, report(world.applications[0]))
    assert isinstance(answer, Created)
    assert await rows(pool, world.applications[0]) == [
        (VIEWED, "EMAIL", "waiting", None),
        (VIEWED, "JOB_POSTING", "told", None),
        (VIEWED, "MY_JOBS", "told", None),
    ]


async def test_a_rejection_waits_72_hours_from_the_later_of_receipt_and_performance(
    acceptor: Acceptor, world: w.World, pool: AsyncConnectionPool
) -> None:
    early, late = world.applications[:2]
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=4)
    ahead_of_time = Report(late, REJECTED, ahead, w.ORGANIZATION)
    await accept(acceptor, world, report(early, REJECTED, minutes=-60), ahead_of_time)
    async with pool.connection() as connection:
        cursor = await connection.execute(
            """SELECT n.application_number, n.due_at, a.received_at, a.performed_at, n.state
               FROM jobboard.notice n JOIN jobboard.action a ON a.id = n.action_id"""
        )
        found = {number: rest for number, *rest in await cursor.fetchall()}
    due_at, received_at, _, state = found[early]
    assert (due_at, state) == (received_at + timedelta(hours=72), "waiting")
    due_at, _, performed_at, state = found[late]
    assert (due_at, state) == (performed_at + timedelta(hours=72), "waiting")


async def test_the_same_report_again_gets_the_same_id_and_stores_nothing(
    acceptor: Acceptor, world: w.World, pool: AsyncConnectionPool
) -> None:
    one = report(world.applications[0])
    [first] = await accept(acceptor, world, one)
    before = await rows(pool, one.application)
    together = await accept(acceptor, world, one, one)
    at_once = await asyncio.gather(*(accept(acceptor, world, one) for _ in range(20)))
    assert {*together, *(answer for [answer] in at_once)} == {first}
    assert await rows(pool, one.application) == before


async def test_another_occurrence_is_stored_and_tells_nobody_twice(
    acceptor: Acceptor, world: w.World, pool: AsyncConnectionPool
) -> None:
    application = world.applications[0]
    first, second = await accept(acceptor, world, report(application), report(application, minutes=1))
    [third] = await accept(acceptor, world, report(application, minutes=2))
    assert len({first, second, third}) == 3
    states = [(state, reason) for _, _, state, reason in await rows(pool, application)]
    assert states[3:] == [("withheld", "already_told")] * 6


async def test_without_consent_a_report_is_accepted_and_withheld_also_when_consent_comes_later(
    acceptor: Acceptor, world: w.World, pool: AsyncConnectionPool
) -> None:
    application = world.applications[0]
    async with pool.connection() as connection:
        await w.consent(connection, w.ORGANIZATION, False)
    [answer] = await accept(acceptor, world, report(application))
    assert isinstance(answer, Created)
    async with pool.connection() as connection:
        await w.consent(connection, w.ORGANIZATION, True)
    assert {(state, reason) for _, _, state, reason in await rows(pool, application)} == {("withheld", "no_consent")}
    # A repetition of the old report and a new occurrence in one call: the old stays withheld, the new is told.
    await accept(acceptor, world, report(application), report(application, minutes=1))
    assert [state for _, _, state, _ in await rows(pool, application)][3:] == ["waiting", "told", "told"]


async def test_refusals_do_not_touch_their_neighbours_and_store_nothing(
    acceptor: Acceptor, world: w.World, pool: AsyncConnectionPool
) -> None:
    good = report(world.applications[0])
    unknown, anothers = report(987654321), report(world.other_application)
    too_early = report(world.applications[1], minutes=-60 * 27)
    answers = await accept(acceptor, world, unknown, good, anothers, too_early)
    refusals = [answer.refusal if isinstance(answer, Refused) else None for answer in answers]
    assert refusals == [Refusal.UNKNOWN_APPLICATION, None, Refusal.UNKNOWN_APPLICATION, Refusal.BAD_TIME]
    unknown_answer, anothers_answer = answers[0], answers[2]
    assert isinstance(unknown_answer, Refused)
    assert isinstance(anothers_answer, Refused)
    # Same answer for both: nobody learns whose applications there are (spec R6).
    assert unknown_answer.message.replace("987654321", "N") == anothers_answer.message.replace(
        str(world.other_application), "N"
    )
    assert await rows(pool, world.other_application) == []


async def test_two_processes_that_report_the_same_act_at_once_tell_it_once(
    database_url: str, world: w.World, pool: AsyncConnectionPool
) -> None:
    acceptors = [Acceptor(database_url, policy(), SystemClock(), 5000, connections=2) for _ in range(3)]
    for acceptor in acceptors:
        acceptor.start()
    try:
        answers = await asyncio.gather(
            *(
                accept(acceptor, world, report(application, action, minutes=-minute))
                for minute in range(20)
                for application in world.applications
                for action in (VIEWED, DOWNLOADED, REJECTED)
                for acceptor in acceptors
            )
        )
    finally:
        for acceptor in acceptors:
            await acceptor.stop()
    ids = {answer.id for [answer] in answers if isinstance(answer, Created)}
    assert len(ids) == 20 * 3 * 3
    for application in world.applications:
        found = await rows(pool, application)
        spoken_for = [(action, place) for action, place, state, _ in found if state != "withheld"]
        assert sorted(spoken_for) == sorted(set(spoken_for))
        assert len(spoken_for) == 3 + 2 + 1
        assert len(found) == 20 * 6
        assert {reason for *_, reason in found} == {None, "already_told"}


async def test_an_application_that_somebody_has_locked_holds_up_nobody_else(
    acceptor: Acceptor, world: w.World, database_url: str, pool: AsyncConnectionPool
) -> None:
    locked, *free = world.applications
    async with await psycopg.AsyncConnection.connect(database_url) as locker:
        await locker.execute("SELECT FROM jobboard.application WHERE number = %s FOR UPDATE", (locked,))
        answers = await accept(acceptor, world, *(report(n) for n in world.applications))
    assert isinstance(answers[0], Refused)
    assert answers[0].refusal is Refusal.UNAVAILABLE
    assert all(isinstance(answer, Created) for answer in answers[1:])
    assert len(await rows(pool, free[0])) == 3
    [again] = await accept(acceptor, world, report(locked))
    assert isinstance(again, Created)


async def test_a_database_line_cut_in_the_middle_is_survived_and_nothing_doubles(
    acceptor: Acceptor, world: w.World, database_url: str, pool: AsyncConnectionPool
) -> None:
    await accept(acceptor, world, report(world.applications[0]))
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as killer:
        for minute in range(1, 6):
            await killer.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%%jobboard%%'"""
            )
            [answer] = await accept(acceptor, world, report(world.applications[0], minutes=-minute))
            assert isinstance(answer, Created)
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute("SELECT count(*), count(DISTINCT performed_at) FROM jobboard.action")
        assert await cursor.fetchone() == (6, 6)


async def test_a_full_queue_refuses_at_once_and_takes_nothing(database_url: str, world: w.World) -> None:
    acceptor = Acceptor(database_url, policy(), SystemClock(), queue_limit=2)
    reporter = Reporter(world.child, w.ORGANIZATION)
    reports = [report(n) for n in world.applications]
    first = acceptor.accept(reports[:2], reporter)
    with pytest.raises(Overloaded):
        acceptor.accept(reports[2:], reporter)
    assert acceptor.waiting == 2
    acceptor.start()
    assert all(isinstance(answer, Created) for answer in await first)
    assert acceptor.waiting == 0
    await acceptor.stop()


async def test_a_hold_that_cannot_be_read_tells_nothing(
    acceptor: Acceptor, world: w.World, pool: AsyncConnectionPool
) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            """UPDATE jobboard.customer SET holds = '{"APPLICATION_REJECTED": "soon"}' WHERE organization = %s""",
            (w.ORGANIZATION,),
        )
    [answer] = await accept(acceptor, world, report(world.applications[0], REJECTED))
    assert isinstance(answer, Created)
    assert await rows(pool, world.applications[0]) == [(REJECTED, "EMAIL", "withheld", "hold_unreadable")]
