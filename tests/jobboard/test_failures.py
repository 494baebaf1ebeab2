"""An error of our own is answered, and logged without the row that it is about (spec R4, R41)."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.board_server import serving
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio


async def test_a_broken_table_is_a_500_for_programs_and_a_page_for_people_and_the_process_lives(
    database_url: str, pool: AsyncConnectionPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(database_url, tmp_path) as board:
        async with pool.connection() as connection:
            await connection.execute("ALTER TABLE jobboard.job RENAME TO jobs_gone")
            await connection.execute("ALTER TABLE jobboard.access_token RENAME TO tokens_gone")
        page = board.ask("GET", "/jobs", key=None)
        assert (page.status, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
        path = "/v2/jobApplicationLifecycleActions"
        report = board.ask("POST", path, {}, key="some-token")
        assert (report.status, report.json["code"]) == (500, Refusal.INTERNAL.name)
        assert board.ask("GET", "/healthz").status == 200
    printed = capsys.readouterr()
    assert "Exception in ASGI application" not in printed.err
