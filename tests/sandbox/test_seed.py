"""The demo's story, seeded again and again (spec R20, R36)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.erasing.remains import eraser
from tests.world import SECRETS, TOMBSTONES
from unghost.clock import SystemClock
from unghost.jobboard.rules.policy import DEFAULT
from unghost.sandbox.seed import Story, seed

pytestmark = pytest.mark.anyio


async def seeded(pool: AsyncConnectionPool) -> Story:
    async with pool.connection() as connection:
        return await seed(
            connection, secrets=SECRETS, tombstones=TOMBSTONES, origins=[], policy=DEFAULT, now=datetime.now(UTC)
        )


async def test_seeding_again_changes_nothing(pool: AsyncConnectionPool) -> None:
    first = await seeded(pool)
    again = await seeded(pool)
    assert (again.applications, again.applicants) == (first.applications, first.applicants)
    assert len(first.applications) == 5
    assert None not in first.applicants


@pytest.mark.parametrize("nth", [0, 1])
async def test_whoever_was_erased_stays_away_and_the_story_goes_on(pool: AsyncConnectionPool, nth: int) -> None:
    first = await seeded(pool)
    applicant = first.applicants[nth]
    assert applicant is not None
    await eraser(SystemClock()).erase(pool.connection, applicant)
    again = await seeded(pool)
    assert again.applicants == [None if n == nth else one for n, one in enumerate(first.applicants)]
    assert again.applications == ([] if nth == 0 else first.applications)
