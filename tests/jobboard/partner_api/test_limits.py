"""What a child application may report: one budget for all processes, told by 429 and Retry-After (spec R12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from tests.jobboard.board_server import serving
from tests.jobboard.partner_api.conftest import NOW, Partner, count, refused
from unghost.jobboard.rules.allowance import Limits
from unghost.jobboard.web.allowance import Allowance
from unghost.postgres import open_pool
from unghost.wire.lifecycle import milliseconds
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio


@contextmanager
def boards(database_url: str, folder: Path, world: w.World, number: int, **settings: Any) -> Iterator[list[Partner]]:
    """Several boards on one database, as several processes are, each with the same partner at its door."""
    with ExitStack() as stack:
        found = [
            Partner(stack.enter_context(serving(database_url, folder / str(n), **settings)), world)
            for n in range(number)
        ]
        for partner in found:
            partner.token = partner.fetch_token().json["access_token"]
        yield found


async def test_two_boards_on_one_database_share_one_quota(
    database_url: str, pool: AsyncConnectionPool, tmp_path: Path, world: w.World
) -> None:
    def report(nth: int) -> int:
        body = both[nth % 2].body(performedAt=milliseconds(NOW) - nth)
        return both[nth % 2].post(body).status

    with boards(database_url, tmp_path, world, 2, daily_quota=30) as both, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(report, range(80)))
        assert (answers.count(201), answers.count(429)) == (30, 50)
        assert await count(pool) == 30
        for partner in both:
            refused(partner.post(partner.body()), Refusal.TOO_MANY_CALLS, "30 a day")


async def test_a_report_beyond_the_quota_is_told_when_to_come_again_and_may_then(
    database_url: str, pool: AsyncConnectionPool, tmp_path: Path, world: w.World
) -> None:
    """The clock is wound: nothing asks the machine's (spec R37)."""
    with boards(database_url, tmp_path, world, 1, daily_quota=2, token_life=timedelta(days=3)) as [partner]:
        assert [partner.post(partner.body(performedAt=milliseconds(NOW) - n)).status for n in range(2)] == [201, 201]
        answer = partner.post(partner.body(action="RESUME_DOWNLOADED"))
        refused(answer, Refusal.TOO_MANY_CALLS, "send again in")
        wait = int(answer.headers["retry-after"])
        assert 0 < wait <= 24 * 3600
        assert await count(pool) == 2
        partner.board.clock.ahead += timedelta(seconds=wait)
        assert partner.board.clock.now().astimezone(UTC).date() > NOW.date()
        assert partner.post(partner.body(action="RESUME_DOWNLOADED")).status == 201


async def test_a_batch_counts_its_elements_and_is_taken_whole_or_not_at_all(
    database_url: str, pool: AsyncConnectionPool, tmp_path: Path, world: w.World
) -> None:
    with boards(database_url, tmp_path, world, 1, daily_quota=5) as [partner]:
        several = [partner.body(performedAt=milliseconds(NOW) - n) for n in range(4)]
        assert partner.batch().status == 200, "nothing costs nothing"
        assert partner.batch(*several).status == 200
        answer = partner.post(
            {"elements": several}, {"x-restli-method": "batch_create", "X-RestLi-Protocol-Version": "2.0.0"}
        )
        refused(answer, Refusal.TOO_MANY_CALLS, "these 4 reports")
        assert "elements" not in answer.json
        assert await count(pool) == 4
        assert partner.post(partner.body()).status == 201, "one is left"
        refused(partner.post(partner.body()), Refusal.TOO_MANY_CALLS)


async def test_one_child_applications_limit_is_not_anothers(database_url: str, tmp_path: Path, world: w.World) -> None:
    with boards(database_url, tmp_path, world, 1, daily_quota=1) as [partner]:
        assert partner.post(partner.body()).status == 201
        refused(partner.post(partner.body()), Refusal.TOO_MANY_CALLS)
        token = partner.fetch_token(world.other_client_id, world.other_client_secret).json["access_token"]
        other = partner.body(jobApplicationId=str(world.other_application), integrationContext=None)
        assert partner.post(other, {"Authorization": f"Bearer {token}"}).status == 201


async def test_what_is_refused_before_it_is_counted_costs_nothing(
    database_url: str, tmp_path: Path, world: w.World
) -> None:
    with boards(database_url, tmp_path, world, 1, daily_quota=1) as [partner]:
        refused(partner.post(b"{"), Refusal.MALFORMED_BODY)
        refused(partner.post(partner.body(), {"Authorization": "Bearer made-up"}), Refusal.INVALID_TOKEN)
        assert partner.post(partner.body()).status == 201


@pytest.fixture
async def processes(database_url: str) -> AsyncIterator[list[AsyncConnectionPool]]:
    """The connections of three processes."""
    async with (
        await open_pool(database_url) as one,
        await open_pool(database_url) as two,
        await open_pool(database_url) as three,
    ):
        yield [one, two, three]


async def test_processes_that_all_ask_at_one_moment_admit_the_burst_between_them(
    processes: list[AsyncConnectionPool], world: w.World
) -> None:
    """What one has borrowed and not used is all that may be missing: a portion less one for each."""
    limits = Limits(per_second=40, burst=100)
    several = [Allowance(pool, limits) for pool in processes]
    answers = await asyncio.gather(*(several[n % 3].take(world.child, 1, NOW) for n in range(300)))
    admitted = answers.count(None)
    assert 100 - 2 * (limits.portion - 1) <= admitted <= 100
    waits = {answer.seconds for answer in answers if answer is not None}
    assert waits == {1}
    [later] = [NOW + timedelta(seconds=10)]
    answers = await asyncio.gather(*(several[n % 3].take(world.child, 1, later) for n in range(300)))
    assert answers.count(None) + admitted <= 200, "ten seconds fill no more than the bucket"


async def test_a_process_asks_the_database_once_for_a_portion(
    processes: list[AsyncConnectionPool], world: w.World
) -> None:
    """spec R12: the hot path stays as it was."""
    allowance = Allowance(processes[0], Limits(per_second=1000, burst=1000))
    before = processes[0].get_stats().get("requests_num", 0)
    for _ in range(1000):
        assert await allowance.take(world.child, 1, NOW) is None
    assert processes[0].get_stats()["requests_num"] - before == 4
    for _ in range(100):
        assert await allowance.take(world.child, 1, NOW) is not None
    assert processes[0].get_stats()["requests_num"] - before == 5, "that there is none is remembered"


async def test_a_new_day_drops_what_was_borrowed_on_the_day_before(
    processes: list[AsyncConnectionPool], world: w.World
) -> None:
    limits = Limits(per_day=4000)
    one, two = Allowance(processes[0], limits), Allowance(processes[1], limits)
    evening = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)
    morning = evening + timedelta(minutes=1)
    assert await one.take(world.child, 1, evening) is None
    admitted = 0
    for _ in range(1001):
        admitted += await one.take(world.child, 4, morning) is None
        admitted += await two.take(world.child, 4, morning) is None
    assert admitted == 1000
