"""How to run one statement on the connection that the ATS has: SQLAlchemy's, Django's or a DB-API one (spec R29).

Told apart by the modules their classes come from, so that no driver is imported that is not there already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unghost.ats.activity import RecordError
from unghost.ats.store.recording import DIALECTS, Mark, Value

#: A DB-API driver's package: the database's dialect, and how it marks a value.
_DRIVERS = {
    "psycopg": ("postgresql", "%s"),
    "psycopg2": ("postgresql", "%s"),
    "pymysql": ("mysql", "%s"),
    "MySQLdb": ("mysql", "%s"),
    "mariadb": ("mysql", "?"),
    "sqlite3": ("sqlite", "?"),
}
#: How SQLAlchemy names the ways in which drivers mark values.
_MARKS: dict[str, Mark] = {
    "format": lambda nth: "%s",
    "pyformat": lambda nth: "%s",
    "qmark": lambda nth: "?",
    "numeric": lambda nth: f":{nth}",
    "numeric_dollar": lambda nth: f"${nth}",
}

Row = tuple[Any, ...]


class UnfitConnectionError(RecordError):
    """The connection cannot be used. The message names types and remedies only, and nobody's data: it may be logged."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A connection that answers at once. `run` gives the number of rows that a statement wrote, `fetch` the rows.

    `commits_by_itself`: whether each statement is committed at once, so that nothing could be rolled back together.
    """

    dialect: str
    mark: Mark
    run: Callable[[str, Sequence[Value]], int]
    fetch: Callable[[str, Sequence[Value]], list[Row]]
    commits_by_itself: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class AsyncCaller:
    """A connection that is awaited."""

    dialect: str
    mark: Mark
    run: Callable[[str, Sequence[Value]], Awaitable[int]]
    fetch: Callable[[str, Sequence[Value]], Awaitable[list[Row]]]
    commits_by_itself: Callable[[], Awaitable[bool]]


def of(connection: Any) -> Caller | AsyncCaller:
    """How to speak with this connection. Raises `UnfitConnectionError` for one that is not known."""
    packages = _packages(connection)
    if "sqlalchemy" in packages:
        # A scoped session is asked for that of this scope: the async one does not hand on all that a session has.
        given = connection() if callable(connection) and hasattr(connection, "registry") else connection
        if hasattr(given, "get_bind") or hasattr(given, "exec_driver_sql"):
            return _sqlalchemy(given)
    elif "django" in packages or "django" in type(connection).__module__:
        if hasattr(connection, "vendor"):
            return _django(connection)
    elif hasattr(connection, "commit"):  # a cursor has none
        driver = next(iter(packages & _DRIVERS.keys()), None)
        if driver is not None:
            return _dbapi(driver, connection)
    raise UnfitConnectionError(
        f"the connection is of the type {type(connection).__name__}: give a SQLAlchemy session or connection, a Django "
        f"connection, or a connection of {', '.join(_DRIVERS)}"
    )


def _packages(connection: Any) -> set[str]:
    return {kind.__module__.partition(".")[0] for kind in type(connection).__mro__}


def _commits_by_itself(connection: Any) -> bool:
    """Of a DB-API connection, or of what SQLAlchemy makes of an async one."""
    # psycopg, psycopg2, asyncpg and MariaDB say so themselves; PyMySQL by a method; sqlite3 by True, or by the lack of
    # a level, unless somebody begins its transactions for it.
    says = getattr(connection, "autocommit", None)
    ask = getattr(connection, "get_autocommit", None)
    driver = getattr(connection, "driver_connection", connection)
    is_sqlite = not _packages(driver).isdisjoint({"sqlite3", "aiosqlite"})
    lacks_level = is_sqlite and says is not False and driver.isolation_level is None and not driver.in_transaction
    return says is True or bool(callable(ask) and ask()) or lacks_level


def _dbapi(driver: str, connection: Any) -> Caller | AsyncCaller:
    dialect, mark = _DRIVERS[driver]
    if driver == "psycopg" and hasattr(connection, "__aenter__"):

        async def commits() -> bool:
            return _commits_by_itself(connection)

        return AsyncCaller(dialect, lambda nth: mark, *_awaited(connection), commits)
    return Caller(dialect, lambda nth: mark, *_at_once(connection), lambda: _commits_by_itself(connection))


def _sqlalchemy(given: Any) -> Caller | AsyncCaller:
    is_session = hasattr(given, "get_bind")
    is_async = hasattr(given, "run_sync")
    # A session of several databases is asked for its own; who has more than one gives the connection.
    dialect = given.get_bind().dialect if is_session else given.dialect
    name, mark = _known(dialect.name), _MARKS[dialect.paramstyle]

    def connection() -> Any:
        return given.connection() if is_session else given

    async def async_connection() -> Any:
        return await given.connection() if is_session else given

    def at_once(sql: str, values: Sequence[Value]) -> Any:
        return connection().exec_driver_sql(sql, tuple(values))

    async def awaited(sql: str, values: Sequence[Value]) -> Any:
        return await (await async_connection()).exec_driver_sql(sql, tuple(values))

    async def commits() -> bool:
        return _sqlalchemy_commits((await async_connection()).sync_connection)

    async def run(sql: str, values: Sequence[Value]) -> int:
        return int((await awaited(sql, values)).rowcount)

    async def fetch(sql: str, values: Sequence[Value]) -> list[Row]:
        return [tuple(row) for row in await awaited(sql, values)]

    if is_async:
        return AsyncCaller(name, mark, run, fetch, commits)
    return Caller(
        name,
        mark,
        lambda sql, values: int(at_once(sql, values).rowcount),
        lambda sql, values: [tuple(row) for row in at_once(sql, values)],
        lambda: _sqlalchemy_commits(connection()),
    )


def _sqlalchemy_commits(connection: Any) -> bool:
    """Asked of the driver: a level may be set on the engine, on the connection, or by hand."""
    if not connection.in_transaction():
        connection.begin()
    return _commits_by_itself(connection.connection.dbapi_connection)


def _django(connection: Any) -> Caller:
    # Out of a transaction it does, until `atomic` begins one.
    return Caller(
        _known(connection.vendor), lambda nth: "%s", *_at_once(connection), lambda: not connection.in_atomic_block
    )


def _at_once(
    connection: Any,
) -> tuple[Callable[[str, Sequence[Value]], int], Callable[[str, Sequence[Value]], list[Row]]]:
    def run(sql: str, values: Sequence[Value]) -> int:
        cursor = connection.cursor()
        try:
            cursor.execute(sql, tuple(values))
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def fetch(sql: str, values: Sequence[Value]) -> list[Row]:
        cursor = connection.cursor()
        try:
            cursor.execute(sql, tuple(values))
            return _rows(cursor.description, cursor.fetchall())
        finally:
            cursor.close()

    return run, fetch


def _awaited(
    connection: Any,
) -> tuple[Callable[[str, Sequence[Value]], Awaitable[int]], Callable[[str, Sequence[Value]], Awaitable[list[Row]]]]:
    async def run(sql: str, values: Sequence[Value]) -> int:
        async with connection.cursor() as cursor:
            await cursor.execute(sql, tuple(values))
            return int(cursor.rowcount)

    async def fetch(sql: str, values: Sequence[Value]) -> list[Row]:
        async with connection.cursor() as cursor:
            await cursor.execute(sql, tuple(values))
            return _rows(cursor.description, await cursor.fetchall())

    return run, fetch


def _rows(description: Iterable[Sequence[Any]], rows: Iterable[Any]) -> list[Row]:
    """The rows as they were selected, whatever the connection makes of them: a mapping iterates over its names."""
    names = [column[0] for column in description]
    try:
        found = [tuple([row[each] for each in names] if isinstance(row, Mapping) else row) for row in rows]
    except (TypeError, KeyError):
        found = [()]
    if any(len(row) != len(names) for row in found):
        raise UnfitConnectionError("the connection's rows are neither tuples nor mappings: give it another row factory")
    return found


def _known(name: str) -> str:
    name = "mysql" if name == "mariadb" else name
    if name not in DIALECTS:
        raise UnfitConnectionError(f"the database is {name}: unghost records on {', '.join(DIALECTS)} (and MariaDB)")
    return name
