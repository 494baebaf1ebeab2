"""Nobody's name or address reaches a log, not even by what the database says of a row (spec R41)."""

from __future__ import annotations

import json

import psycopg
import pytest
import structlog
from psycopg_pool import AsyncConnectionPool

from tests.world import add_applicant
from unghost.clock import SystemClock
from unghost.jobboard import logs

pytestmark = pytest.mark.anyio
PERSON = ("Ada Lovelace", "lovelace@applicant.example")


@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_a_logged_database_error_tells_its_code_and_not_the_row(
    pool: AsyncConnectionPool, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    before = structlog.get_config()
    logs.configure(log_format)
    try:
        async with pool.connection() as connection:
            now = SystemClock().now()
            await add_applicant(connection, *PERSON, now)
            try:
                async with connection.transaction():
                    await add_applicant(connection, *PERSON, now)
            except psycopg.errors.UniqueViolation as error:
                assert PERSON[1] in str(error)
                structlog.get_logger().exception("it.failed", step="insert")
    finally:
        structlog.configure(**before)
    logged = capsys.readouterr().err
    assert "SQLSTATE 23505" in logged
    assert "it.failed" in logged
    assert "lovelace" not in logged.lower()
    if log_format == "json":
        assert json.loads(logged)["level"] == "error"
