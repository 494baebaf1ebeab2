"""An ATS's own database with the three tables, on each of the databases (spec R29)."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from tests import mariadb
from tests.conftest import in_database
from unghost.ats.store import schema


@dataclass(frozen=True)
class AtsDatabase:
    """Where the tables are. `connect` opens a plain DB-API connection; `url` is SQLAlchemy's."""

    dialect: str
    url: str
    async_url: str
    connect: Callable[[], Any]

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """What is committed."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def do(self, *statements: str) -> None:
        """Run and commit."""
        with closing(self.connect()) as connection:
            with closing(connection.cursor()) as cursor:
                for statement in statements:
                    cursor.execute(statement)
            connection.commit()

    def recorded(self) -> list[tuple[Any, ...]]:
        """(application's number, activity, performed_at, state, attempt_at) in the order of ids."""
        return self.all(
            """SELECT p.number, a.activity, a.performed_at, a.state, a.attempt_at FROM unghost_activity a
               JOIN unghost_application p ON p.id = a.application_id ORDER BY a.id"""
        )


DIALECTS = ("postgresql", "mysql", "sqlite")
#: Two customers; the ATS's application 4711 belongs to the first, 815 to the second, "both" to each.
ROWS = (
    """INSERT INTO unghost_customer (id, destination, organization, client_id, client_secret)
       VALUES (1, 'board', 12345, 'one', 'env:ONE'), (2, 'board', 67890, 'two', 'env:TWO')""",
    """INSERT INTO unghost_application (customer_id, number, ats_id)
       VALUES (1, 10001, '4711'), (2, 20001, '815'), (1, 10002, 'both'), (2, 20002, 'both'), (1, 10003, '4712')""",
)


@pytest.fixture(scope="session")
def mariadb_socket() -> Iterator[Path]:
    if mariadb.mariadbd() is None:
        pytest.skip(mariadb.MISSING)
    with mariadb.running() as socket:
        yield socket


@pytest.fixture(params=DIALECTS)
def ats_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AtsDatabase]:
    with ExitStack() as stack:
        database = _made(request.param, request, tmp_path, stack)
        database.do(*schema.ddl(database.dialect), *ROWS)
        yield database


def _made(dialect: str, request: pytest.FixtureRequest, folder: Path, stack: ExitStack) -> AtsDatabase:
    name = f"ats_{uuid.uuid4().hex[:12]}"
    if dialect == "sqlite":
        path = folder / "ats.sqlite"
        return AtsDatabase(
            dialect, f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}", lambda: sqlite3.connect(path, timeout=30)
        )
    if dialect == "mysql":
        socket = request.getfixturevalue("mariadb_socket")

        def connected(database: str | None = name) -> Any:
            return pymysql.connect(unix_socket=str(socket), user="root", database=database)

        def run(statement: str) -> None:
            with closing(connected(None)) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(statement)

        run(f"CREATE DATABASE {name}")
        stack.callback(run, f"DROP DATABASE {name}")
        url = f"mysql+pymysql://root@localhost/{name}?unix_socket={socket}"
        return AtsDatabase(dialect, url, "", connected)
    server, _ = request.getfixturevalue("database_server")

    def on_server(statement: str) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(statement.encode())

    on_server(f"CREATE DATABASE {name}")
    stack.callback(on_server, f"DROP DATABASE {name} WITH (FORCE)")
    own = in_database(server, name)
    sqlalchemy_url = own.replace("postgresql://", "postgresql+psycopg://", 1)
    return AtsDatabase(dialect, sqlalchemy_url, sqlalchemy_url, lambda: psycopg.connect(own))
