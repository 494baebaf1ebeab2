"""Nobody's name or address reaches a log, not even by what the database says of a row (spec R41)."""

from __future__ import annotations

import json
import logging

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
    before, handlers = structlog.get_config(), logging.root.handlers[:]
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
        logging.root.handlers[:] = handlers
    logged = capsys.readouterr().err
    assert "SQLSTATE 23505" in logged
    assert "it.failed" in logged
    assert "lovelace" not in logged.lower()
    if log_format == "json":
        assert json.loads(logged)["level"] == "error"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_a_library_logs_has_the_same_form(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    logs.configure(log_format)
    try:
        logging.getLogger("some.library").warning("the way is %s", "closed")
    finally:
        structlog.configure(**before)
        logging.root.handlers[:] = handlers
    logged = capsys.readouterr().err
    assert "the way is closed" in logged
    if log_format == "json":
        assert json.loads(logged)["event"] == "the way is closed"
