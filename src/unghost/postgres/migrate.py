"""Brings a database's tables to this release: files `NNNN_name.sql`, each applied once, in order, never back.

What was applied stands in `jobboard.migration` with its checksum. Nothing else may change tables.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from unghost.postgres.connect import CONNECT_SECONDS, check_version, unreachable
from unghost.postgres.errors import MigrationError

PACKAGE = "unghost.jobboard.migrations"
# Any number that nobody else locks: "unghost" in ASCII.
LOCK = int.from_bytes(b"unghost")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(package: str = PACKAGE) -> list[Migration]:
    """The files of a package, in the order in which they apply."""
    found = [
        Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in files(package).iterdir()
        if re.fullmatch(r"[0-9]{4}_[a-z0-9_]+\.sql", file.name)
    ]
    return sorted(found, key=lambda migration: migration.name)


def migrate(url: str, package: str = PACKAGE) -> list[str]:
    """Apply what is missing and give its names; programs that do so at once wait for each other.

    Raises `MigrationError`, `DatabaseUnreachable`, `PostgresError` (spec R40).
    """
    with _connection(url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        connection.execute("CREATE SCHEMA IF NOT EXISTS jobboard")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS jobboard.migration ("
            "name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        names = []
        for migration in _missing(connection, package):
            try:
                with connection.transaction():
                    connection.execute(migration.sql)
                    connection.execute(
                        "INSERT INTO jobboard.migration (name, checksum) VALUES (%s, %s)",
                        [migration.name, migration.checksum],
                    )
            except psycopg.Error as error:
                raise MigrationError(
                    f"{migration.name} could not be applied ({str(error).splitlines()[0]}) and changed nothing: "
                    "mend the cause and run unghost migrate again"
                ) from error
            names.append(migration.name)
        return names


def pending(url: str, package: str = PACKAGE) -> list[str]:
    """The names that `migrate` would apply. Raises as `migrate` does; changes nothing."""
    with _connection(url) as connection:
        return [migration.name for migration in _missing(connection, package)]


@contextmanager
def _connection(url: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(url, connect_timeout=CONNECT_SECONDS, autocommit=True)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise unreachable(url, error) from None
    with connection:
        check_version(connection.info.server_version)
        yield connection


def _missing(connection: psycopg.Connection, package: str) -> list[Migration]:
    known = migrations(package)
    exists = connection.execute("SELECT to_regclass('jobboard.migration')").fetchone()
    if exists is None or exists[0] is None:
        return known
    applied = connection.execute("SELECT name, checksum FROM jobboard.migration ORDER BY name").fetchall()
    for position, (name, checksum) in enumerate(applied):
        if name not in (names := [migration.name for migration in known]):
            raise MigrationError(f"the database knows {name}, this unghost does not: install the newer release")
        if known[position].name != name:
            raise MigrationError(
                f"{known[position].name} comes before {name}, which is applied already: give it a later number"
            )
        if known[names.index(name)].checksum != checksum:
            raise MigrationError(
                f"{name} was changed after it had been applied: put the file back as it was and write a later one"
            )
    return known[len(applied) :]
