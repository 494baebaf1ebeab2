"""An erasure beside reports, registrations, mails and other erasures at the same moment (spec R20).

What came first is waited for and erased too; what comes later finds nothing. Which is which is forced by real locks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from tests.jobboard.erasing.remains import eraser, everything, put, register, waiting_for_a_lock
from tests.jobboard.telling.board import HOLD, NOW, Hands, drain, report
from tests.jobboard.telling.post import Post, posting
from tests.jobboard.webhooks.ats import Sent, listening
from tests.jobboard.webhooks.board import standing
from unghost.jobboard.accept import Acceptor, Reporter
from unghost.jobboard.rules.plan import State
from unghost.jobboard.rules.policy import DEFAULT, REJECTED, VIEWED, Place, Policy, Rule
from unghost.jobboard.store import board, erasing, registering, telling
from unghost.jobboard.store.withdrawing import withdraw
from unghost.postgres import connect
from unghost.wire.lifecycle import Report
from unghost.wire.refusals import Refusal, Refused
from unghost.wire.restli import Answer, Created

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(pool: AsyncConnectionPool) -> w.World:
    async with pool.connection() as connection:
        return await w.make_world(connection, NOW)


@asynccontextmanager
async def accepting(database_url: str, policy: Policy = DEFAULT) -> AsyncIterator[Acceptor]:
    acceptor = Acceptor(database_url, policy, Hands(), queue_limit=100)
    acceptor.start()
    yield acceptor
    await acceptor.stop()


async def reported(acceptor: Acceptor, world: w.World, application: int) -> Answer:
    [answer] = await acceptor.accept(
        [Report(application, VIEWED, NOW, w.ORGANIZATION)], Reporter(world.child, w.ORGANIZATION)
    )
    return answer


@asynccontextmanager
async def erasure(database_url: str, applicant: int) -> AsyncIterator[None]:
    """While the block runs, the erasure has done its work and has not committed; it commits at the end."""
    async with await connect(database_url) as connection, connection.transaction():
        assert await erasing.erase(connection, applicant, w.TOMBSTONES, NOW, patient=True)
        yield


def refused(answer: Answer) -> Refusal | None:
    return answer.refusal if isinstance(answer, Refused) else None


async def test_a_report_that_came_first_is_erased_too(
    database_url: str, pool: AsyncConnectionPool, world: w.World
) -> None:
    async with await connect(database_url) as reporting:
        await report(reporting, world.applications[0], VIEWED)  # not committed
        erased = asyncio.create_task(eraser(Hands()).erase(pool.connection, world.applicant))
        await waiting_for_a_lock(pool, "FROM jobboard.application WHERE applicant_id")
        await reporting.commit()
    counted = await erased
    assert counted is not None
    assert (counted.actions, counted.notices) == (1, 3)
    async with pool.connection() as connection:
        assert VIEWED not in await everything(connection)


async def test_a_report_that_comes_after_is_answered_as_one_about_an_unknown_application(
    database_url: str, pool: AsyncConnectionPool, world: w.World
) -> None:
    async with accepting(database_url) as acceptor:
        known = await reported(acceptor, world, world.applications[0])
        assert isinstance(known, Created)
        await eraser(Hands()).erase(pool.connection, world.applicant)
        late, unknown = [await reported(acceptor, world, n) for n in (world.applications[0], 987654321)]
    assert isinstance(late, Refused)
    assert isinstance(unknown, Refused)
    assert late.refusal is unknown.refusal is Refusal.UNKNOWN_APPLICATION
    assert late.message.replace(str(world.applications[0]), "N") == unknown.message.replace("987654321", "N")
    async with pool.connection() as connection:
        assert not await withdraw(connection, known.id, world.child, NOW)


async def test_a_report_during_the_erasure_is_to_be_sent_again_and_is_answered_404_then(
    database_url: str, pool: AsyncConnectionPool, world: w.World
) -> None:
    async with accepting(database_url) as acceptor:
        async with erasure(database_url, world.applicant):
            assert refused(await reported(acceptor, world, world.applications[0])) is Refusal.UNAVAILABLE
        assert refused(await reported(acceptor, world, world.applications[0])) is Refusal.UNKNOWN_APPLICATION
    async with pool.connection() as connection:
        assert VIEWED not in await everything(connection)


class Meanwhile(dict[str, Rule]):
    """A policy, and what happens when a report is judged by it: after it was read and before it is stored."""

    def __init__(self, act: Any) -> None:
        super().__init__(DEFAULT)
        self._act = act

    def __getitem__(self, action: str) -> Rule:
        act, self._act = self._act, None
        if act is not None:
            thread = threading.Thread(target=lambda: asyncio.run(act()))
            thread.start()
            thread.join(30)
        return super().__getitem__(action)


@pytest.mark.parametrize("reports", [1, 2])
async def test_a_report_whose_application_is_erased_between_reading_and_storing_is_answered_404(
    database_url: str, pool: AsyncConnectionPool, world: w.World, reports: int
) -> None:
    done = []

    async def erase() -> None:
        async with await connect(database_url) as connection:
            done.append(await erasing.erase(connection, world.applicant, w.TOMBSTONES, NOW, patient=True))

    async with accepting(database_url, Meanwhile(erase)) as acceptor:
        answers = await acceptor.accept(
            [Report(number, VIEWED, NOW, w.ORGANIZATION) for number in world.applications[:reports]],
            Reporter(world.child, w.ORGANIZATION),
        )
    assert done != []
    assert done[0] is not None
    assert [refused(answer) for answer in answers] == [Refusal.UNKNOWN_APPLICATION] * reports
    async with pool.connection() as connection:
        assert VIEWED not in await everything(connection)


@pytest.fixture
async def new_job(pool: AsyncConnectionPool) -> int:
    """A job to which nobody has applied."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO jobboard.customer (organization, name, created_at) VALUES (777, 'Third', %s)", (NOW,)
        )
        return await w.add_job(connection, 777, "T-1", "Third job", NOW)


async def test_an_application_that_came_first_is_erased_too(
    database_url: str, pool: AsyncConnectionPool, world: w.World, new_job: int
) -> None:
    async with await connect(database_url) as applying:
        made = await register(applying, new_job, world.applicant, NOW, number=555666777888)  # not committed
        erased = asyncio.create_task(eraser(Hands()).erase(pool.connection, world.applicant))
        await waiting_for_a_lock(pool, "FROM jobboard.applicant WHERE id")
        await applying.commit()
    counted = await erased
    assert counted is not None
    assert counted.applications == 4
    async with pool.connection() as connection:
        assert str(made.number) not in await everything(connection)
        assert await erasing.erased_at(connection, w.TOMBSTONES.of_application(made.number)) == NOW


async def test_an_application_that_comes_after_finds_no_applicant(
    database_url: str, pool: AsyncConnectionPool, world: w.World, new_job: int
) -> None:
    async def apply() -> registering.Registered:
        async with pool.connection() as connection:
            return await register(connection, new_job, world.applicant, NOW)

    async with erasure(database_url, world.applicant):
        meanwhile = asyncio.create_task(apply())
        await waiting_for_a_lock(pool, "INSERT INTO jobboard.application")
    with pytest.raises(registering.UnknownApplicant):
        await meanwhile


async def test_a_number_that_is_being_erased_is_not_given_to_another(
    database_url: str, pool: AsyncConnectionPool, world: w.World
) -> None:
    async def apply() -> registering.Registered:
        async with pool.connection() as connection:
            return await register(connection, world.jobs[0], world.other_applicant, NOW, number=world.applications[0])

    async with erasure(database_url, world.applicant):
        meanwhile = asyncio.create_task(apply())
        await waiting_for_a_lock(pool, "INSERT INTO jobboard.application")
    with pytest.raises(registering.NumberErased):
        await meanwhile


async def test_whoever_applies_by_address_during_their_erasure_begins_anew(
    database_url: str, pool: AsyncConnectionPool, world: w.World
) -> None:
    async def known() -> int:
        async with pool.connection() as connection:
            return await registering.applicant_of_address(
                connection, email="ada@applicant.example", name="Ada", language="en", time_zone="UTC", now=NOW
            )

    async with erasure(database_url, world.applicant):
        meanwhile = asyncio.create_task(known())
        await waiting_for_a_lock(pool, "jobboard.applicant")
    assert await meanwhile != world.applicant


async def test_whoever_is_applying_by_address_is_waited_for(
    database_url: str, pool: AsyncConnectionPool, world: w.World, new_job: int
) -> None:
    async with await connect(database_url) as applying:
        applicant = await registering.applicant_of_address(
            applying, email="ada@applicant.example", name="Ada", language="en", time_zone="UTC", now=NOW
        )
        erased = asyncio.create_task(eraser(Hands()).erase(pool.connection, world.applicant))
        await waiting_for_a_lock(pool, "FROM jobboard.applicant WHERE id")
        await register(applying, new_job, applicant, NOW)
        await applying.commit()
    counted = await erased
    assert counted is not None
    assert counted.applications == 4


async def test_a_put_that_waits_for_the_erasure_brings_nobody_back(
    database_url: str, pool: AsyncConnectionPool, world: w.World
) -> None:
    async def late() -> bool:
        async with pool.connection() as connection:
            return await put(connection, "member-1", "ada@applicant.example", NOW)

    assert await late() is False
    async with erasure(database_url, world.applicant):
        meanwhile = asyncio.create_task(late())
        await waiting_for_a_lock(pool, "UPDATE jobboard.applicant")
    for later in (meanwhile, late()):
        with pytest.raises(board.ApplicantErased):
            await later


async def test_somebody_who_came_back_by_themselves_is_not_given_their_erased_name(
    pool: AsyncConnectionPool, world: w.World
) -> None:
    async with pool.connection() as connection:
        await put(connection, "member-1", "ada@applicant.example", NOW)
    await eraser(Hands()).erase(pool.connection, world.applicant)
    async with pool.connection() as connection:
        back = await w.add_applicant(connection, "Ada", "ada@applicant.example", NOW)
        with pytest.raises(board.ApplicantErased):
            await put(connection, "member-1", "ada@applicant.example", NOW)
        cursor = await connection.execute("SELECT external_id FROM jobboard.applicant WHERE id = %s", (back,))
        assert await cursor.fetchone() == (None,)
        assert await put(connection, "member-2", "ada@applicant.example", NOW) is False


async def test_two_erasures_at_once_are_one(pool: AsyncConnectionPool, world: w.World) -> None:
    both = await asyncio.gather(*(eraser(Hands()).erase(pool.connection, world.applicant) for _ in range(4)))
    assert [one.applications for one in both if one is not None] == [3]


@dataclass
class Looks:
    """A clock that stands, and counts how often it was looked at: an eraser looks once for each try."""

    at: datetime = NOW
    count: int = 0
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        self.count += 1
        if self.count >= 3:
            self.looked.set()
        return self.at


@pytest.fixture
def post() -> Iterator[Post]:
    with posting() as running:
        yield running


@pytest.mark.parametrize("tries", [1, 2])
async def test_a_mail_that_is_being_sent_is_waited_for_and_is_the_last(
    database_url: str, pool: AsyncConnectionPool, world: w.World, post: Post, tries: int
) -> None:
    there, go_on = threading.Event(), threading.Event()

    def hold(step: str, client: str) -> None:
        if step == "after the dot":
            there.set()
            go_on.wait(30)

    async with pool.connection() as connection:
        await report(connection, world.applications[0], VIEWED)
        await report(connection, world.applications[1], REJECTED)
    clock = Looks()
    async with drain(database_url, post, Hands()) as mails:
        if tries == 2:
            post.answers["RCPT"] = ["451 4.7.1 later"]
            await mails.step(NOW)
            clock.at = NOW + timedelta(hours=1)
        post.at = hold
        sending = asyncio.create_task(mails.step(clock.at))
        assert await asyncio.to_thread(there.wait, 30)
        erased = asyncio.create_task(eraser(clock).erase(pool.connection, world.applicant))
        async with asyncio.timeout(30):
            await clock.looked.wait()
        assert not erased.done()
        go_on.set()
        assert await sending == 1
        counted = await erased
        assert counted is not None
        assert await mails.step(NOW + HOLD) == 0
    assert len(post.accepted) == 1


async def test_a_settlement_beside_the_erasure_finds_the_rows_free(
    database_url: str, pool: AsyncConnectionPool, world: w.World
) -> None:
    """It locks a notice and then, after a bounce, the applicant; the erasure the other way round."""
    async with pool.connection() as connection:
        action_id = await report(connection, world.applications[0], VIEWED)
    async with await connect(database_url) as settling:
        [(_, _, attempts)] = await telling.claim(settling, [Place.EMAIL], NOW, timedelta(minutes=1), 9)
        clock = Looks()
        erased = asyncio.create_task(eraser(clock).erase(pool.connection, world.applicant))
        async with asyncio.timeout(30):
            await clock.looked.wait()
        bounce = telling.Settled(
            action_id, Place.EMAIL, attempts, State.WITHHELD, "undeliverable", bounced="ada@applicant.example"
        )
        assert await telling.settle(settling, [bounce])
        await settling.commit()
    assert await erased is not None


async def test_what_a_dead_dispatcher_has_is_waited_for_no_longer_than_its_lease(
    database_url: str, pool: AsyncConnectionPool, world: w.World, post: Post
) -> None:
    async with pool.connection() as connection:
        action_id = await report(connection, world.applications[0], VIEWED)
    async with drain(database_url, post, Hands()) as mails:
        assert len(await mails.claims.claim(NOW, 9)) == 1
        clock = Looks()
        assert await eraser(clock, lease=timedelta(seconds=1)).erase(pool.connection, world.applicant)
        assert clock.count > 2
        assert await mails.step(NOW + timedelta(days=1)) == 0
    async with pool.connection() as connection:
        assert f"({action_id},EMAIL" not in await everything(connection)
    assert post.accepted == []


@pytest.mark.parametrize("over", [True, False], ids=["its lease is over", "it was put off"])
async def test_what_is_in_nobodys_hands_is_not_waited_for(
    database_url: str, pool: AsyncConnectionPool, world: w.World, post: Post, over: bool
) -> None:
    async with pool.connection() as connection:
        await report(connection, world.applications[0], VIEWED)
    async with drain(database_url, post, Hands()) as mails:
        if over:
            await mails.claims.claim(NOW, 9)
        else:
            post.answers["RCPT"] = ["451 4.7.1 later"]
            assert await mails.step(NOW) == 1
    clock = Looks(NOW + timedelta(hours=1) if over else NOW)
    assert await eraser(clock).erase(pool.connection, world.applicant)
    assert clock.count == 1


async def test_an_application_that_is_being_delivered_is_waited_for(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    there, go_on = threading.Event(), threading.Event()

    def hold(sent: Sent) -> tuple[int, dict[str, str], bytes]:
        there.set()
        go_on.wait(30)
        return 503, {}, b""

    async with standing(database_url) as stand:
        with listening(stand.world.client_secret) as ats:
            ats.answer = hold
            await stand.register(ats.url)
            await stand.challenge()
            number = await stand.apply()
            [applicant] = await stand.row("SELECT applicant_id FROM jobboard.application WHERE number = %s", number)
            sending = asyncio.create_task(stand.deliver())
            assert await asyncio.to_thread(there.wait, 30)
            clock = Looks()
            erased = asyncio.create_task(eraser(clock).erase(pool.connection, applicant))
            async with asyncio.timeout(30):
                await clock.looked.wait()
            assert not erased.done()
            go_on.set()
            assert await sending == 1
            assert await erased is not None
            stand.clock.at += timedelta(days=1)
            assert await stand.deliver() == 0
            assert len(ats.deliveries) == 1
