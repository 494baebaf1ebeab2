"""The written schema is whole: it makes the same tables again, and refuses what it cannot write."""

from __future__ import annotations

import psycopg
import pytest

from unghost.postgres import PostgresError
from unghost.postgres.schema import dump


def test_the_written_schema_makes_the_same_tables_again(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        written = dump(connection)
        connection.execute("DROP SCHEMA jobboard CASCADE")
        connection.execute(written.encode())
        assert dump(connection) == written


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (b"CREATE VIEW jobboard.shown AS SELECT 1 AS n", "relation shown"),
        (b"CREATE TYPE jobboard.mood AS ENUM ('calm')", "type mood"),
        (b"CREATE SEQUENCE jobboard.numbers", "sequence numbers"),
        (b"CREATE FUNCTION jobboard.one() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function one"),
    ],
)
def test_what_it_cannot_write_is_refused(database_url: str, statement: bytes, named: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement)
        with pytest.raises(PostgresError, match=named):
            dump(connection)
