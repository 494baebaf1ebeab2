"""Recording in the ATS's own transaction, over every kind of connection and database (spec R29, R30)."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.ats.conftest import AtsDatabase
from tests.sandbox.running import environment
from unghost import ats

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MS = 1_795_597_200_000
ON_EACH = pytest.mark.parametrize("ats_database", ["postgresql", "mysql", "sqlite"], indirect=True)


@ON_EACH
def test_a_db_api_connection_records_when_the_ats_commits(ats_database: AtsDatabase) -> None:
    with closing(ats_database.connect()) as connection:
        assert ats.record(connection, ats.viewed(4711), now=NOW) == ats.Recorded(written=1, left_out=0)
        connection.rollback()
        assert ats_database.recorded() == []
        ats.record(connection, ats.viewed("4711", at=NOW - timedelta(minutes=1)), ats.rejected("4712"), now=NOW)
        connection.commit()
    assert ats_database.recorded() == [
        (10001, "viewed", MS - 60_000, "waiting", MS),
        (10003, "rejected", MS, "waiting", MS),
    ]


@ON_EACH
@pytest.mark.parametrize("form", ["connection", "session"])
def test_sqlalchemy_records_in_its_transaction(ats_database: AtsDatabase, form: str) -> None:
    engine = create_engine(ats_database.url)
    opened: Any = Session(engine) if form == "session" else engine.connect()
    with opened:
        assert ats.record(opened, ats.resume_displayed(4711, 4712), now=NOW).written == 2
        opened.rollback()
        assert ats.record(opened, ats.resume_downloaded(4711), now=NOW).written == 1
        opened.commit()
    engine.dispose()
    assert [row[:2] for row in ats_database.recorded()] == [(10001, "resume_downloaded")]


@pytest.mark.anyio
@pytest.mark.parametrize("form", ["connection", "session"])
@pytest.mark.parametrize(
    ("ats_database", "driver"),
    [("postgresql", "psycopg"), ("postgresql", "asyncpg"), ("sqlite", "aiosqlite")],
    indirect=["ats_database"],
)
async def test_async_sqlalchemy_records_in_its_transaction(ats_database: AtsDatabase, driver: str, form: str) -> None:
    engine = create_async_engine(ats_database.async_url.replace("+psycopg:", f"+{driver}:"))
    opened: Any = AsyncSession(engine) if form == "session" else engine.connect()
    async with opened:
        assert await ats.record(opened, ats.viewed(4711, "nobody's"), now=NOW) == ats.Recorded(1, 1)
        await opened.rollback()
        assert (
            await ats.record(opened, ats.viewed(4711), ats.rejected(4711, organization=12345), now=NOW)
        ).written == 2
        await opened.commit()
    await engine.dispose()
    assert [row[:2] for row in ats_database.recorded()] == [(10001, "viewed"), (10001, "rejected")]


@pytest.mark.anyio
@pytest.mark.parametrize("ats_database", ["postgresql"], indirect=True)
async def test_an_async_psycopg_connection_is_awaited(ats_database: AtsDatabase) -> None:
    async with await psycopg.AsyncConnection.connect(ats_database.url.replace("+psycopg", "")) as connection:
        assert await ats.record(connection, ats.viewed(4711), now=NOW) == ats.Recorded(1, 0)
    assert len(ats_database.recorded()) == 1


@pytest.mark.parametrize("ats_database", ["postgresql"], indirect=True)
def test_psycopg2_records_too(ats_database: AtsDatabase) -> None:
    import psycopg2

    with closing(psycopg2.connect(ats_database.url.replace("+psycopg", ""))) as connection:
        assert ats.record(connection, ats.viewed(4711), now=NOW).written == 1
        connection.commit()
    assert len(ats_database.recorded()) == 1


@ON_EACH
def test_a_bulk_form_takes_any_number_and_leaves_out_what_came_from_elsewhere(ats_database: AtsDatabase) -> None:
    many = [f"A-{n}" for n in range(1200)]
    values = ", ".join(f"(1, {30000 + n}, 'A-{n}')" for n in range(1200))
    ats_database.do(f"INSERT INTO unghost_application (customer_id, number, ats_id) VALUES {values}")
    with closing(ats_database.connect()) as connection:
        told = ats.record(connection, ats.rejected(*many, "from elsewhere", *many), now=NOW)
        connection.commit()
    assert told == ats.Recorded(written=1200, left_out=1)
    assert {row[1] for row in ats_database.recorded()} == {"rejected"}


@ON_EACH
def test_what_came_from_two_boards_hides_nothing_that_came_from_none(ats_database: AtsDatabase) -> None:
    with closing(ats_database.connect()) as connection:
        assert ats.record(connection, ats.viewed("both", "elsewhere"), now=NOW) == ats.Recorded(written=2, left_out=1)
        assert ats.record(connection, ats.viewed("both"), ats.viewed("elsewhere"), now=NOW) == ats.Recorded(2, 1)
        assert ats.record(connection, ats.viewed("both", 4711, organization=12345), now=NOW) == ats.Recorded(2, 0)


@ON_EACH
def test_an_application_is_named_by_the_boards_urn_and_told_apart_by_its_customer(ats_database: AtsDatabase) -> None:
    with closing(ats_database.connect()) as connection:
        ats.record(connection, ats.viewed(application="urn:li:jobApplication:20001"), now=NOW)
        ats.record(connection, ats.viewed("both", organization="urn:li:organization:67890"), now=NOW)
        ats.record(connection, ats.rejected("both"), now=NOW)
        assert ats.record(connection, ats.viewed("both", organization=1), now=NOW) == ats.Recorded(0, 1)
        assert ats.record(connection, ats.viewed("BOTH"), now=NOW) == ats.Recorded(0, 1)
        connection.commit()
    assert [row[:2] for row in ats_database.recorded()] == [
        (20001, "viewed"), (20002, "viewed"), (10002, "rejected"), (20002, "rejected"),
    ]  # fmt: skip


@ON_EACH
def test_activities_of_one_application_are_numbered_in_the_order_of_their_commits(ats_database: AtsDatabase) -> None:
    """spec R30: identity values follow the order of inserts, which is not that of commits"""
    entered = threading.Event()

    def later() -> None:
        with closing(ats_database.connect()) as second:
            entered.set()
            ats.record(second, ats.viewed(4711), now=NOW)
            second.commit()

    with closing(ats_database.connect()) as first:
        ats.record(first, ats.rejected(4712), now=NOW)  # another application, which 4711 need not wait for on a server
        ats.record(first, ats.rejected(4711), now=NOW)
        thread = threading.Thread(target=later)
        thread.start()
        entered.wait(10)
        first.commit()
        thread.join(30)
    assert [row[1] for row in ats_database.recorded() if row[0] == 10001] == ["rejected", "viewed"]


@pytest.mark.parametrize("ats_database", ["postgresql", "mysql"], indirect=True)
def test_a_second_transaction_waits_for_the_first_to_commit(ats_database: AtsDatabase) -> None:
    with closing(ats_database.connect()) as first, closing(ats_database.connect()) as second:
        ats.record(first, ats.rejected(4711), now=NOW)
        with closing(second.cursor()) as cursor:
            limit = "lock_timeout = '200ms'" if ats_database.dialect == "postgresql" else "innodb_lock_wait_timeout = 1"
            cursor.execute(f"SET {limit}")
        with pytest.raises(Exception, match=r"(?i)lock"):
            ats.record(second, ats.viewed(4711), now=NOW)
        second.rollback()
        assert ats.record(second, ats.viewed(815), now=NOW).written == 1, "another application is not waited for"


WRONG: list[tuple[Any, str]] = [
    (ats.viewed, "viewed names no application: give the ATS's own ids"),
    (lambda: ats.viewed(1, application=2), "not both"),
    (lambda: ats.viewed(""), "1 to 190 characters"),
    (lambda: ats.viewed("x" * 191), "1 to 190 characters"),
    (lambda: ats.viewed("a\0b"), "1 to 190 characters"),
    (lambda: ats.viewed(True), "an id is of the type bool"),
    (lambda: ats.viewed(None), "an id is of the type NoneType"),  # type: ignore[arg-type]
    (lambda: ats.viewed([1, 2]), "an id is of the type list"),  # type: ignore[arg-type]
    (lambda: ats.viewed(application="urn:li:jobApplication:urn:li:jobApplication:1"), "stands there twice"),
    (lambda: ats.viewed(application="12\n"), "digits 0-9 only"),
    (lambda: ats.rejected(1, organization="urn:li:person:5"), "give urn:li:organization:N"),
    (lambda: ats.rejected(1, organization="٣"), "digits 0-9 only"),
    (lambda: ats.viewed(1, at=datetime(2026, 1, 1)), "without a time zone"),  # noqa: DTZ001
    (lambda: ats.viewed(1, at=datetime(1969, 1, 1, tzinfo=UTC)), "after 1970"),
    (lambda: ats.viewed(1, at="2026-01-01T00:00:00Z"), "at is of the type str: give an aware"),  # type: ignore[arg-type]
    (lambda: ats.viewed(1, at=MS), "at is of the type int: give an aware"),  # type: ignore[arg-type]
    (lambda: ats.viewed(1, at=NOW.date()), "at is of the type date: give an aware"),  # type: ignore[arg-type]
    (lambda: ats.viewed(10**5000), "an id is a number of more than 190 digits"),
    (lambda: ats.viewed(application=10**5000), "application is a number of more than 190 digits"),
    (lambda: ats.viewed(1, organization=-(10**5000)), "organization is a number of more than 190 digits"),
    (lambda: ats.record(object(), ats.viewed(1), now="x"), "now is of the type str"),  # type: ignore[call-overload]
    (lambda: ats.record(object(), ats.viewed(1)), "the connection is of the type object"),
    (lambda: ats.record(object()), "nothing to record"),
    (lambda: ats.record(object(), "viewed"), "an activity is of the type str"),  # type: ignore[call-overload]
    (lambda: ats.record(object(), ats.viewed(1), now=datetime(2026, 1, 1)), "now is"),  # noqa: DTZ001
]


@pytest.mark.parametrize(("act", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_cannot_be_recorded_is_refused_with_a_remedy(act: Any, says: str) -> None:
    with pytest.raises(ats.RecordError, match=says):
        act()


def test_recording_loads_no_library_and_no_driver() -> None:
    code = "import sys, unghost.ats; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"sqlalchemy", "django", "psycopg", "httpx2", "starlette", "uvicorn", "cyclopts", "asyncio"}


def test_the_public_names_are_these() -> None:
    assert ats.__all__ == [
        "Activity", "Kind", "RecordError", "Recorded", "candidate_withdrew", "record", "rejected",
        "resume_displayed", "resume_downloaded", "unrejected", "viewed",
    ]  # fmt: skip
