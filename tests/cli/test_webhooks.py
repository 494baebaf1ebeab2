"""An operator sees how a job's deliveries stand, has its webhook challenged, and turns it on-site again (spec R28)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import psycopg

from tests.cli.conftest import Unghost
from tests.jobboard.webhooks.board import NOW, standing
from tests.world import World

URL = "https://ats.example/applications"


async def filled(database_url: str) -> tuple[World, int]:
    """A world whose first job has a webhook and an application for it."""
    async with standing(database_url) as stand:
        await stand.register(URL)
        return stand.world, await stand.apply()


def test_a_job_shows_its_webhook_and_deliveries_and_is_turned_on_site(here: Unghost, database_url: str) -> None:
    world, number = asyncio.run(filled(database_url))
    job, client_id = str(world.jobs[0]), world.client_id
    shown = here("job", "show", job)
    assert shown.code == 0
    assert f"{URL} of {client_id}" in shown.out and "0 delivered, 1 waiting, 0 failed" in shown.out
    assert "are taken here" in shown.out and "unverified" in shown.out
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """UPDATE jobboard.delivery SET state = 'failed', failures = 7, attempt_at = NULL,
                   detail = 'answered 500; want 200' WHERE application_number = %s""",
            (number,),
        )
        connection.execute("UPDATE jobboard.webhook SET state = 'blocked', failures = 3, attempt_at = NULL")
        connection.execute("UPDATE jobboard.job SET off_site_since = %s WHERE id = %s", (NOW, job))
        shown = here("job", "show", job)
        assert "off-site since 2026-11-23 09:00 UTC, at nowhere" in shown.out
        assert "blocked" in shown.out and "1 failed" in shown.out and "answered 500; want 200" in shown.out
        assert "off-site 2026-11-23" in here("job", "list").out

        before = datetime.now(UTC)
        assert "is challenged" in here("job", "revalidate", job).out
        row = connection.execute("SELECT state, failures, attempt_at FROM jobboard.webhook").fetchone()
        assert row is not None and row[:2] == ("unverified", 0) and row[2] >= before
        assert "1 application(s) are delivered anew" in here("job", "on-site", job).out
        assert connection.execute("SELECT off_site_since FROM jobboard.job WHERE id = %s", (job,)).fetchone() == (None,)
        assert connection.execute("SELECT state, failures FROM jobboard.delivery").fetchone() == ("waiting", 0)


def test_a_job_without_webhook_and_one_that_is_none_are_told_apart(here: Unghost, database_url: str) -> None:
    world, _ = asyncio.run(filled(database_url))
    job = str(world.jobs[1])
    assert "none: applications are delivered nowhere" in here("job", "show", job).out
    for arguments in (
        ("job", "show", "7"),
        ("job", "on-site", "7"),
        ("job", "on-site", "99999999999999999999"),
        ("job", "revalidate", job),
    ):
        done = here(*arguments)
        assert done.code == 2 and "`unghost job list` shows all" in done.err
