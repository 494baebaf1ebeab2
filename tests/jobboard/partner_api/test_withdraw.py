"""Reports that are taken back: `DELETE /v2/jobApplicationLifecycleActions/{id}` (spec R10)."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from tests.jobboard.board_server import Answer
from tests.jobboard.partner_api.conftest import NOW, PATH, Partner, count, refused
from unghost.wire.lifecycle import milliseconds
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio

REJECTED = "APPLICATION_REJECTED"
HOLD = timedelta(hours=72)


def rejected(partner: Partner, **change: object) -> str:
    """A rejection is reported; its id."""
    answer = partner.post(partner.body(action=REJECTED, **change))
    assert answer.status == 201, answer.body
    return answer.headers["x-restli-id"]


def delete(partner: Partner, id: str, *, path: str = PATH, token: str | None = None, **headers: str) -> Answer:
    sent = {"Authorization": f"Bearer {token or partner.token}"} | headers
    return partner.board.ask("DELETE", f"{path}/{id}", key=None, headers=sent)


async def found(pool: AsyncConnectionPool, partner: Partner) -> list[tuple[str, str, str, str | None]]:
    async with pool.connection() as connection:
        return await w.notices(connection, partner.world.applications[0])


@pytest.mark.parametrize("path", [PATH, "/rest/jobApplicationLifecycleActions"])
async def test_a_rejection_that_is_taken_back_inside_its_hold_is_never_told(
    partner: Partner, pool: AsyncConnectionPool, path: str
) -> None:
    id = rejected(partner)
    answer = delete(partner, id, path=path, **{"X-RestLi-Protocol-Version": "2.0.0"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["x-restli-protocol-version"] == "2.0.0"
    assert await found(pool, partner) == [(REJECTED, "EMAIL", "withheld", "withdrawn")]
    assert delete(partner, id + "/", path=path).status == 204, "a client that got no answer sends again"


async def test_the_same_report_again_does_not_bring_it_back_but_a_new_rejection_counts(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    """spec R8, R14"""
    id = rejected(partner)
    delete(partner, id)
    assert rejected(partner) == id
    assert await found(pool, partner) == [(REJECTED, "EMAIL", "withheld", "withdrawn")]
    assert rejected(partner, performedAt=milliseconds(NOW) + 1) != id
    assert [state for _, _, state, _ in await found(pool, partner)] == ["withheld", "waiting"]


async def test_a_rejection_that_still_stands_waits_in_the_place_of_one_that_was_taken_back(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    """spec R10, R14: of several the first by performedAt, after its own hold; none that was taken back itself"""
    at = milliseconds(NOW)
    first, third, second, fourth = (rejected(partner, performedAt=at + n) for n in (0, 3, 2, 4))
    assert [row[2:] for row in await found(pool, partner)] == [("waiting", None), *[("withheld", "already_told")] * 3]
    assert delete(partner, second).status == 204
    assert delete(partner, first).status == 204
    withdrawn = ("withheld", "withdrawn")
    assert [row[2:] for row in await found(pool, partner)] == [
        withdrawn,
        ("waiting", None),
        withdrawn,
        ("withheld", "already_told"),
    ]
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT due_at, attempt_at FROM jobboard.notice WHERE action_id = %s", (third,)
        )
        row = await cursor.fetchone()
    assert row is not None and row[0] == row[1] > NOW + HOLD - timedelta(minutes=1)
    for id in (third, fourth):
        assert delete(partner, id).status == 204
    assert {row[2:] for row in await found(pool, partner)} == {withdrawn}


async def test_several_that_are_taken_back_at_once_leave_the_one_that_stands(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    """spec R10, R14"""
    ids = [rejected(partner, performedAt=milliseconds(NOW) + n) for n in range(9)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda id: delete(partner, id), [*ids[:4], *ids[5:]]))
    assert {answer.status for answer in answers} == {204}
    states = [row[2:] for row in await found(pool, partner)]
    assert states.pop(4) == ("waiting", None)
    assert set(states) == {("withheld", "withdrawn")}


async def test_a_rejection_that_is_being_stored_while_the_former_is_taken_back_is_told(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    """spec R10, R14: it was judged while the former one waited"""
    first = rejected(partner)
    async with pool.connection() as connection:
        with ThreadPoolExecutor(1) as thread:
            await connection.execute("LOCK TABLE jobboard.action IN SHARE MODE")
            second = thread.submit(_rejected_until_it_is_stored, partner, milliseconds(NOW) + 1)
            await _something_waits_to_be_stored(pool)
            assert (await asyncio.to_thread(delete, partner, first)).status == 204
            await connection.commit()
            assert await asyncio.to_thread(second.result, 30) != first
    assert [row[2:] for row in await found(pool, partner)] == [("withheld", "withdrawn"), ("waiting", None)]


def _rejected_until_it_is_stored(partner: Partner, performed_at: int) -> str:
    """As an ATS does: a lock that is held for too long is answered 503."""
    while True:
        answer = partner.post(partner.body(action=REJECTED, performedAt=performed_at))
        if answer.status != 503:
            return str(answer.headers["x-restli-id"])


async def _something_waits_to_be_stored(pool: AsyncConnectionPool) -> None:
    waiting = "SELECT FROM pg_locks WHERE relation = 'jobboard.action'::regclass AND NOT granted"
    async with asyncio.timeout(30), pool.connection() as connection:
        while True:
            if await (await connection.execute(waiting)).fetchone() is not None:
                return
            await asyncio.sleep(0.01)


async def test_what_has_been_told_stays(partner: Partner, pool: AsyncConnectionPool) -> None:
    id = partner.post(partner.body(action="RESUME_DOWNLOADED")).headers["x-restli-id"]
    before = await found(pool, partner)
    assert [state for _, _, state, _ in before] == ["told", "told"]
    assert delete(partner, id).status == 204
    assert await found(pool, partner) == before


async def test_a_page_that_shows_it_already_goes_on_showing_it(partner: Partner, pool: AsyncConnectionPool) -> None:
    """A page's notice that is due is told by being there, also before a dispatcher has settled it (spec R22)."""
    id = rejected(partner)
    async with pool.connection() as connection:
        await connection.execute(
            """INSERT INTO jobboard.notice (action_id, place, application_number, action, state, due_at, attempt_at)
               VALUES (%(id)s, 'MY_JOBS', %(number)s, %(action)s, 'waiting', %(due)s, %(due)s)""",
            {"id": int(id), "number": partner.world.applications[0], "action": REJECTED, "due": NOW},
        )
    assert delete(partner, id).status == 204
    assert [(place, state) for _, place, state, _ in await found(pool, partner)] == [
        ("EMAIL", "withheld"),
        ("MY_JOBS", "waiting"),
    ]


async def test_only_the_child_application_that_reported_it_may_take_it_back(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    id = rejected(partner)
    other = partner.fetch_token(partner.world.other_client_id, partner.world.other_client_secret).json["access_token"]
    parent = partner.fetch_token(partner.world.parent_client_id, partner.world.parent_client_secret)
    refused(delete(partner, id, token=other), Refusal.UNKNOWN_REPORT, "want the id of a report")
    refused(delete(partner, id, token=parent.json["access_token"]), Refusal.NOT_A_CHILD_APPLICATION)
    refused(delete(partner, id, token="made-up"), Refusal.INVALID_TOKEN)
    refused(partner.board.ask("DELETE", f"{PATH}/{id}", key=None), Refusal.MISSING_TOKEN)
    assert await found(pool, partner) == [(REJECTED, "EMAIL", "waiting", None)]


@pytest.mark.parametrize("id", ["0", "-1", "999999", "9" * 19, "9" * 40, "1%0A", "%D9%A1", "List(1)", "%00", "a%20b"])
async def test_an_id_that_was_never_given_is_refused(partner: Partner, pool: AsyncConnectionPool, id: str) -> None:
    """spec R6"""
    refused(delete(partner, id), Refusal.UNKNOWN_REPORT)
    assert await count(pool) == 0
