"""The ATS's own database as the dispatcher and the commands reach it: SQLAlchemy Core, whatever driver the ATS has.

A sync engine, whose work is done in threads. Must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from unghost.ats.settings import DatabaseError, SettingsError
from unghost.ats.store.schema import NAMES, ddl

#: SQLAlchemy's names of databases, and ours.
_DIALECTS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite"}
_BUSY_SECONDS = 30


def open_engine(url: str, connections: int = 4) -> Engine:
    """An engine for the ATS's database; nothing is connected yet. Raises `SettingsError`."""
    try:
        parsed = make_url(url)
        dialect = _DIALECTS.get(parsed.get_backend_name())
    except ArgumentError:
        dialect = None
    if dialect is None:
        raise SettingsError(
            "ats.database_url is not a database's URL: give SQLAlchemy's form, such as "
            "postgresql+psycopg://user@host/name, mysql+pymysql://user@host/name or sqlite:///ats.sqlite"
        )
    if dialect == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise SettingsError(
            "ats.database_url names a database in memory, which no other process sees: give sqlite:///FILE"
        )
    given: dict[str, Any] = {"pool_size": connections, "max_overflow": 4, "pool_pre_ping": True}
    if dialect == "sqlite":
        given["connect_args"] = {"timeout": _BUSY_SECONDS}
    else:
        given["isolation_level"] = "READ COMMITTED"  # MySQL's usual one would lock gaps in which the ATS inserts
    try:
        engine = create_engine(parsed, **given)
    except (NoSuchModuleError, ImportError) as error:
        raise SettingsError(
            f"ats.database_url needs a driver that is not installed ({error}): install it, or name another by "
            "postgresql+DRIVER://…"
        ) from None
    if dialect == "sqlite":
        _begin_at_once(engine)
    return engine


def dialect_of(engine: Engine | Connection) -> str:
    """`postgresql`, `mysql` or `sqlite`."""
    return _DIALECTS[engine.dialect.name]


def create_tables(engine: Engine) -> list[str]:
    """Create the tables that are not there; their names. Raises `DatabaseError`."""
    made = missing_tables(engine)
    with asking(engine), engine.begin() as connection:
        for statement in ddl(dialect_of(engine)):
            if any(f" {name} (" in statement.partition("\n")[0] for name in made):
                connection.exec_driver_sql(statement)
    return made


def missing_tables(engine: Engine) -> list[str]:
    """Which of the tables are not there. Raises `DatabaseError`."""
    try:
        present = set(inspect(engine).get_table_names())
    except SQLAlchemyError as error:
        raise _unanswered(error) from None
    return [name for name in NAMES if name not in present]


def see_tables(engine: Engine) -> None:
    """See that the tables are there. Raises `DatabaseError`, which says how they come there."""
    if missing := missing_tables(engine):
        raise DatabaseError(f"the ATS's database lacks {', '.join(missing)}: run `unghost ats migrate` first")


@contextmanager
def asking(engine: Engine) -> Iterator[None]:
    """Errors of the database as a sentence."""
    try:
        yield
    except SQLAlchemyError as error:
        if getattr(error, "statement", None) is not None:  # it could be asked, and may not have been migrated
            see_tables(engine)
        raise _unanswered(error) from None


def _unanswered(error: SQLAlchemyError) -> DatabaseError:
    said = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
    return DatabaseError(f"the ATS's database does not answer as it should ({said}): see [ats] database_url")


def _begin_at_once(engine: Engine) -> None:
    """SQLite: take the write lock when a transaction begins, so that none fails half way because another wrote."""

    def plain(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", plain)
    event.listen(engine, "begin", begin)
