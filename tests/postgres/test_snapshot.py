"""Rows of a schema put aside and put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from unghost.postgres import PostgresError, connect
from unghost.postgres.snapshot import put_back, take, taken

pytestmark = pytest.mark.anyio


async def _rows(connection: AsyncConnection[Any], table: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(f"TABLE t.{table}".encode())).fetchall()


@pytest.fixture
async def connection(database_url: str) -> Any:
    async with await connect(database_url, autocommit=True) as opened:
        await opened.execute("CREATE SCHEMA t")
        await opened.execute(
            "CREATE TABLE t.branch (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " parent bigint REFERENCES t.branch, at timestamptz, raw bytea, twice int GENERATED ALWAYS AS (2) STORED)"
        )
        await opened.execute("CREATE TABLE t.a_leaf (branch bigint REFERENCES t.branch, said text)")
        await opened.execute(
            "INSERT INTO t.branch (parent, at, raw) VALUES (2, '2026-03-01', '\\x00ff'), (1, NULL, '')"
        )
        await opened.execute("INSERT INTO t.a_leaf VALUES (1, E'tab\\t, line\\n, \\\\N'), (NULL, NULL)")
        yield opened


async def test_rows_come_back_as_they_were_whatever_refers_to_what(
    connection: AsyncConnection[Any], tmp_path: Path
) -> None:
    before = await _rows(connection, "branch"), await _rows(connection, "a_leaf")
    assert not taken(tmp_path / "one")
    await take(connection, "t", tmp_path / "one")
    assert taken(tmp_path / "one")
    await connection.execute("DELETE FROM t.a_leaf")
    await connection.execute("INSERT INTO t.branch (at) SELECT NULL FROM generate_series(1, 100)")
    await connection.execute("UPDATE t.branch SET raw = '\\x01'")
    await put_back(connection, "t", tmp_path / "one")
    assert (await _rows(connection, "branch"), await _rows(connection, "a_leaf")) == before
    added = await connection.execute("INSERT INTO t.branch (at) VALUES (NULL) RETURNING id")
    assert await added.fetchone() == (3,)  # numbers go on from where they were


async def test_tables_can_be_left_empty_and_a_column_that_came_later_gets_its_default(
    connection: AsyncConnection[Any], tmp_path: Path
) -> None:
    await take(connection, "t", tmp_path / "one")
    await connection.execute("ALTER TABLE t.branch ADD COLUMN later text NOT NULL DEFAULT 'new'")
    await put_back(connection, "t", tmp_path / "one", leave_empty={"a_leaf"})
    assert [row[-1] for row in await _rows(connection, "branch")] == ["new", "new"]
    assert await _rows(connection, "a_leaf") == []


async def test_what_cannot_be_put_back_is_one_sentence_and_changes_nothing(
    connection: AsyncConnection[Any], tmp_path: Path
) -> None:
    with pytest.raises(PostgresError, match="there is no snapshot in"):
        await put_back(connection, "t", tmp_path / "none")
    await take(connection, "t", tmp_path / "one")
    await connection.execute("DROP TABLE t.a_leaf")
    with pytest.raises(PostgresError, match="the snapshot has the table a_leaf, which the database has not"):
        await put_back(connection, "t", tmp_path / "one")
    assert len(await _rows(connection, "branch")) == 2


@pytest.mark.parametrize("rows", [1, 50_000])  # deleted one by one, truncated
async def test_much_or_little_goes_and_numbers_begin_again_as_they_did(
    connection: AsyncConnection[Any], tmp_path: Path, rows: int
) -> None:
    await connection.execute(
        "CREATE TABLE t.ticket (number int GENERATED ALWAYS AS IDENTITY (START WITH 700), pad text)"
    )
    await take(connection, "t", tmp_path / "one")
    before = await _rows(connection, "branch")
    for _ in range(2):
        await connection.execute(
            "INSERT INTO t.ticket (pad) SELECT repeat('x', 100) FROM generate_series(1, %s)", (rows,)
        )
        await put_back(connection, "t", tmp_path / "one")
        assert await _rows(connection, "ticket") == []
        assert await _rows(connection, "branch") == before
    first = await connection.execute("INSERT INTO t.ticket (pad) VALUES ('') RETURNING number")
    assert await first.fetchone() == (700,)
