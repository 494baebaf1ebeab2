"""All rows of a schema put aside in files, and put back: quick, whole, and in one transaction.

Tables are copied in PostgreSQL's own text form by their columns' names, so a snapshot outlives a later migration that
adds a column. Must not know what the rows mean.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.errors import DeadlockDetected

from unghost.postgres.errors import PostgresError

_CONTENTS = "contents.json"
_TRIES = 5
#: Bytes of all tables up to which rows are deleted one by one; each TRUNCATE makes files anew, some 3 ms a table.
_SMALL = 4 * 1024 * 1024

_TABLES = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r' AND c.relname <> 'migration'
  AND a.attgenerated = ''
GROUP BY c.oid, c.relname
"""
_REFERENCES = """
SELECT c.relname, r.relname FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
WHERE k.contype = 'f' AND k.connamespace = %(schema)s::regnamespace AND c.oid <> r.oid
"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %(schema)s"
_GO_ON = """
SELECT setval(format('%%I.%%I', s.schemaname, s.sequencename), coalesce(k.last, s.start_value), k.last IS NOT NULL)
FROM pg_sequences s
LEFT JOIN unnest(%(names)s::text[], %(lasts)s::bigint[]) AS k (name, last) ON k.name = s.sequencename
WHERE s.schemaname = %(schema)s
"""
_SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'"


async def take(connection: AsyncConnection[Any], schema: str, folder: Path) -> None:
    """Put the rows of a schema aside, as they are at one moment, in this folder. An earlier snapshot is replaced."""
    _prepare(folder)
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tables = await _tables(connection, schema)
        for name, columns in tables.items():
            with (folder / name).open("wb") as file:
                async with connection.cursor().copy(_copy("COPY {} ({}) TO STDOUT", schema, name, columns)) as rows:
                    async for part in rows:
                        file.write(part)
        sequences = dict(await (await connection.execute(_SEQUENCES, {"schema": schema})).fetchall())
    contents = {"tables": tables, "sequences": sequences}
    unfinished = folder / f"{_CONTENTS}.unfinished"
    unfinished.write_text(json.dumps(contents), encoding="utf-8")
    unfinished.replace(folder / _CONTENTS)


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / _CONTENTS).unlink(missing_ok=True)


def taken(folder: Path) -> bool:
    """Whether there is a whole snapshot in this folder."""
    return (folder / _CONTENTS).exists()


async def put_back(
    connection: AsyncConnection[Any],
    schema: str,
    folder: Path,
    leave_empty: Collection[str] = (),
    may: Callable[[AsyncConnection[Any]], Awaitable[bool]] | None = None,
) -> bool:
    """Make the rows of a schema what they were, in one transaction; tables in `leave_empty` get none.

    `may` is asked once nobody can write there any more; if it says no, nothing is changed and the answer is False.
    Raises `PostgresError` if there is no snapshot, or one of a table that is not there.
    """
    if not taken(folder):
        raise PostgresError(f"there is no snapshot in {folder}")
    contents = json.loads((folder / _CONTENTS).read_text(encoding="utf-8"))
    for last in range(_TRIES - 1, -1, -1):
        try:
            async with connection.transaction():
                there = await _lock(connection, schema)
                if may is not None and not await may(connection):
                    return False
                await _put_back(connection, schema, folder, contents, leave_empty, there)
            return True
        except DeadlockDetected:  # others are at work; one of both had to give way
            if not last:
                raise
    raise AssertionError("the last try returns or raises")


async def _lock(connection: AsyncConnection[Any], schema: str) -> dict[str, list[str]]:
    """Keep all writers out until the transaction ends; gives the tables as `_tables` does."""
    there = await _tables(connection, schema)
    locked = sql.SQL(", ").join(sql.Identifier(schema, name) for name in there)
    await connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(locked))
    return there


async def _put_back(
    connection: AsyncConnection[Any],
    schema: str,
    folder: Path,
    contents: dict[str, dict[str, Any]],
    leave_empty: Collection[str],
    there: dict[str, list[str]],
) -> None:
    if missing := contents["tables"].keys() - there.keys():
        raise PostgresError(f"the snapshot has the table {min(missing)}, which the database has not: take a new one")
    await _clear(connection, schema, list(there))
    for name, columns in contents["tables"].items():
        if name in leave_empty:
            continue
        async with connection.cursor().copy(_copy("COPY {} ({}) FROM STDIN", schema, name, columns)) as rows:
            await rows.write((folder / name).read_bytes())
    kept = contents["sequences"]
    await connection.execute(_GO_ON, {"schema": schema, "names": list(kept), "lasts": list(kept.values())})


async def _clear(connection: AsyncConnection[Any], schema: str, ordered: list[str]) -> None:
    """Take every row out of these tables, which are locked and come after those that they refer to."""
    tables = [sql.Identifier(schema, name) for name in ordered]
    row = await (await connection.execute(_SIZE, (schema,))).fetchone()
    if row is None or (row[0] or 0) > _SMALL:
        await connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)))
        return
    for table in reversed(tables):
        await connection.execute(sql.SQL("DELETE FROM {}").format(table))


async def _tables(connection: AsyncConnection[Any], schema: str) -> dict[str, list[str]]:
    """The tables with their columns, each after those that it refers to."""
    columns = dict(await (await connection.execute(_TABLES, {"schema": schema})).fetchall())
    references = await (await connection.execute(_REFERENCES, {"schema": schema})).fetchall()
    ordered: dict[str, list[str]] = {}
    while len(ordered) < len(columns):
        free = [
            name
            for name in sorted(columns)
            if name not in ordered and all(to in ordered for of, to in references if of == name)
        ]
        if not free:
            raise PostgresError(f"tables of {schema} refer to each other in a circle: they cannot be put back in order")
        ordered |= {name: columns[name] for name in free}
    return ordered


def _copy(statement: str, schema: str, name: str, columns: Collection[str]) -> sql.Composed:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(statement).format(sql.Identifier(schema, name), listed)
