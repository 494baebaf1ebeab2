"""Connections as ATSs have them: with rows of their own, committing by themselves, or none at all (spec R29, R32)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import psycopg2
import psycopg2.extras
import pymysql
import pytest
from psycopg.rows import class_row, dict_row, namedtuple_row, scalar_row

from tests.ats.conftest import AtsDatabase
from tests.ats.sending import payload, posted
from unghost import ats
from unghost.ats.integrations import wsgi


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
    ats_database.do("UPDATE unghost_customer SET client_secret = 'the key' WHERE id = 1")

    def connect() -> Any:
        return closing(made(ats_database.connect(), factory))

    app = wsgi.webhook_app(connect, lambda application, _: application.number)
    body = json.dumps(payload(50001)).encode()
    assert posted(app, body, "client_secret") == "401 Unauthorized"
    assert posted(app, body, "the key") == posted(app, body, "the key") == "200 OK"
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
    assert posted(app, json.dumps(payload(50001)).encode(), "one") == "500 Internal Server Error"
    assert "the connection's rows are neither tuples nor mappings: give it another row factory" in caplog.text
