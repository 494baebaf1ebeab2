"""Connections as ATSs have them: with rows of their own, committing by themselves, or none at all (spec R29, R32)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import psycopg2
import psycopg2.extras
import pymysql
import pytest
from psycopg.rows import class_row, dict_row, namedtuple_row, scalar_row
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.ats.conftest import DIALECTS, AtsDatabase
from tests.ats.sending import payload, posted
from unghost import ats
from unghost.ats.application import ReceivedApplication
from unghost.ats.integrations import wsgi
from unghost.ats.store import callers
from unghost.ats.store.database import open_engine

KEY = "the key"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", KEY)


def _set(connection: Any, factory: Any) -> Any:
    connection.row_factory = factory
    return connection


def _psycopg2(connection: Any, factory: Any) -> Any:
    return psycopg2.connect(connection.info.dsn, connection_factory=factory)


def _pymysql(connection: Any, factory: Any) -> Any:
    connection.cursorclass = factory
    return connection


def _named(cursor: Any, row: Any) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


FACTORIES = [
    ("sqlite", _set, _named),
    ("sqlite", _set, sqlite3.Row),
    ("sqlite", _set, lambda cursor, row: dict(reversed(_named(cursor, row).items()))),
    ("postgresql", _set, dict_row),
    ("postgresql", _set, namedtuple_row),
    ("postgresql", _psycopg2, psycopg2.extras.RealDictConnection),
    ("postgresql", _psycopg2, psycopg2.extras.DictConnection),
    ("mysql", _pymysql, pymysql.cursors.DictCursor),
]


@pytest.mark.parametrize(("ats_database", "made", "factory"), FACTORIES, indirect=["ats_database"])
def test_whatever_rows_a_connection_gives_the_secret_is_the_customers(
    ats_database: AtsDatabase, made: Callable[[Any, Any], Any], factory: Any
) -> None:
    """spec R32: of a mapping that is taken for a tuple the signing key would be the name of its column"""

    def connect() -> Any:
        return closing(made(ats_database.connect(), factory))

    app = wsgi.webhook_app(connect, lambda application, _: application.number)
    body = json.dumps(payload(50001)).encode()
    assert posted(app, body, "client_secret") == "401 Unauthorized"
    assert posted(app, body, KEY) == posted(app, body, KEY) == "200 OK"
    assert ats_database.all("SELECT ats_id FROM unghost_application WHERE number = 50001") == [("50001",)]
    with connect() as connection:
        assert ats.record(connection, ats.viewed(50001)) == ats.Recorded(1, 0)


@pytest.mark.parametrize("ats_database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("factory", [scalar_row, class_row(SimpleNamespace)])
def test_rows_that_cannot_be_read_are_refused_by_a_sentence(
    ats_database: AtsDatabase, factory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = wsgi.webhook_app(
        lambda: closing(_set(ats_database.connect(), factory)), lambda application, _: application.number
    )
    assert posted(app, json.dumps(payload(50001)).encode(), KEY) == "500 Internal Server Error"
    assert "the connection's rows are neither tuples nor mappings: give it another row factory" in caplog.text


ON_EACH = pytest.mark.parametrize("ats_database", DIALECTS, indirect=True)


@ON_EACH
@pytest.mark.parametrize("form", ["connection", "session", "option"])
def test_an_engine_in_autocommit_is_refused_and_loses_no_application(
    ats_database: AtsDatabase, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    """spec R32"""
    engine = create_engine(ats_database.url, **({} if form == "option" else {"isolation_level": "AUTOCOMMIT"}))
    made: list[int] = []

    def on_application(application: ReceivedApplication, _: Any) -> int:
        made.append(application.number)
        return application.number

    def connect() -> Any:
        if form == "option":
            return engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return engine.connect() if form == "connection" else Session(engine)

    body = json.dumps(payload(50001)).encode()
    for _ in range(2):
        assert posted(wsgi.webhook_app(connect, on_application), body, KEY) == "500 Internal Server Error"
        assert "the connection is in autocommit, so nothing could be rolled back: turn that off" in caplog.text
    assert not made and not ats_database.all("SELECT id FROM unghost_application WHERE number = 50001")
    engine.dispose()
    transactional = create_engine(ats_database.url)
    app = wsgi.webhook_app(sessionmaker(transactional), on_application)
    assert posted(app, body, KEY) == posted(app, body, KEY) == "200 OK"
    assert made == [50001]
    transactional.dispose()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("ats_database", "driver"),
    [("postgresql", "psycopg"), ("postgresql", "asyncpg"), ("sqlite", "aiosqlite")],
    indirect=["ats_database"],
)
async def test_an_async_engine_in_autocommit_is_told_apart(ats_database: AtsDatabase, driver: str) -> None:
    url = ats_database.async_url.replace("+psycopg:", f"+{driver}:")
    for level, commits in (("AUTOCOMMIT", True), ("SERIALIZABLE", False)):
        engine = create_async_engine(url, isolation_level=level)
        for opened in (AsyncSession(engine), engine.connect()):
            async with opened as connection:
                speaking = callers.of(connection)
                assert isinstance(speaking, callers.AsyncCaller)
                assert await speaking.commits_by_itself() is commits
        await engine.dispose()


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
def test_an_engine_whose_transactions_somebody_begins_is_none_in_autocommit(ats_database: AtsDatabase) -> None:
    """The hook that SQLAlchemy's own documentation recommends for SQLite takes the driver's level away."""
    engine = open_engine(ats_database.url)
    app = wsgi.webhook_app(engine.connect, lambda application, _: application.number)
    assert posted(app, json.dumps(payload(50001)).encode(), KEY) == "200 OK"
    engine.dispose()


@ON_EACH
def test_a_claim_without_a_candidate_is_no_application_that_is_stored(ats_database: AtsDatabase) -> None:
    """spec R32: by whatever such a row was left there, the board sends again until somebody made the candidate"""
    ats_database.do("INSERT INTO unghost_application (customer_id, number, ats_id) VALUES (1, 50001, '')")
    made: list[int] = []
    lock = threading.Lock()

    def on_application(application: ReceivedApplication, _: Any) -> int:
        with lock:
            made.append(application.number)
        return application.number

    app = wsgi.webhook_app(lambda: closing(ats_database.connect()), on_application)
    body = json.dumps(payload(50001)).encode()
    with ThreadPoolExecutor(4) as senders:
        told = list(senders.map(lambda _: posted(app, body, KEY), range(4)))
    assert "200 OK" in told
    assert posted(app, body, KEY) == "200 OK"
    assert made == [50001]
    assert ats_database.all("SELECT ats_id FROM unghost_application WHERE number = 50001") == [("50001",)]


@pytest.mark.anyio
@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
async def test_a_scoped_session_records_in_the_session_of_its_scope(ats_database: AtsDatabase) -> None:
    """spec R29"""
    engine = create_async_engine(ats_database.async_url)
    sessions = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)
    assert await ats.record(sessions, ats.rejected(4711)) == ats.Recorded(1, 0)
    await sessions.rollback()
    assert await ats.record(sessions, ats.viewed(4711)) == ats.Recorded(1, 0)
    await sessions.commit()
    await sessions.remove()
    await engine.dispose()
    transactional = create_engine(ats_database.url)
    scoped = scoped_session(sessionmaker(transactional))
    assert ats.record(scoped, ats.viewed(4712)) == ats.Recorded(1, 0)
    scoped.commit()
    scoped.remove()
    transactional.dispose()
    assert [row[:2] for row in ats_database.recorded()] == [(10001, "viewed"), (10003, "viewed")]


def test_what_is_no_connection_is_refused_by_its_type() -> None:
    engine, async_engine = create_engine("sqlite://"), create_async_engine("sqlite+aiosqlite://")
    raw = engine.raw_connection()
    with closing(sqlite3.connect(":memory:")) as connection:
        for given, kind in (
            (engine, "Engine"),
            (async_engine, "AsyncEngine"),
            (sessionmaker(engine), "sessionmaker"),
            (async_sessionmaker(async_engine), "async_sessionmaker"),
            (raw, "_ConnectionFairy"),
            (connection.cursor(), "Cursor"),
        ):
            with pytest.raises(
                ats.RecordError, match=f"the connection is of the type {kind}: give a SQLAlchemy session"
            ):
                ats.record(given, ats.viewed(4711))
    raw.close()
    engine.dispose()
