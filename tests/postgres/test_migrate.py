"""Migrations: each applied once, in order, by one program at a time, never changed afterwards (spec R40)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from unghost.postgres import DatabaseUnreachable, MigrationError, migrate, pending


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A package of migrations of the test's own: its name and its folder."""
    name = f"migrations_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "0001_first.sql").write_text(
        "CREATE TABLE jobboard.first (n int); INSERT INTO jobboard.first VALUES (1);"
    )
    (folder / "0002_second.sql").write_text("CREATE TABLE jobboard.second (n int);")
    (folder / "notes.sql").write_text("no migration")
    monkeypatch.syspath_prepend(tmp_path)
    yield name, folder
    sys.modules.pop(name, None)


@pytest.fixture
def url(database_url: str) -> str:
    """A database without tables."""
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA jobboard CASCADE")
    return database_url


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    return int(row[0])


def test_missing_migrations_are_applied_once_and_named(url: str, package: tuple[str, Path]) -> None:
    assert pending(url, package[0]) == ["0001_first", "0002_second"]
    assert migrate(url, package[0]) == ["0001_first", "0002_second"]
    assert pending(url, package[0]) == []
    assert migrate(url, package[0]) == []
    (package[1] / "0003_third.sql").write_text("CREATE TABLE jobboard.third (n int);")
    assert migrate(url, package[0]) == ["0003_third"]
    assert count(url, "jobboard.first") == 1


def test_programs_that_migrate_at_once_wait_for_each_other(url: str, package: tuple[str, Path]) -> None:
    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: migrate(url, package[0]), range(6)))
    assert sorted(done, key=len) == [[]] * 5 + [["0001_first", "0002_second"]]
    assert count(url, "jobboard.first") == 1


def test_a_changed_migration_is_refused(url: str, package: tuple[str, Path]) -> None:
    migrate(url, package[0])
    (package[1] / "0001_first.sql").write_text("CREATE TABLE jobboard.first (n bigint);")
    for step in (migrate, pending):
        with pytest.raises(MigrationError, match=r"0001_first was changed after it had been applied"):
            step(url, package[0])


def test_a_failing_migration_changes_nothing_and_keeps_those_before_it(url: str, package: tuple[str, Path]) -> None:
    (package[1] / "0002_second.sql").write_text("CREATE TABLE jobboard.second (n int); SELECT 1/0;")
    with pytest.raises(MigrationError, match=r"0002_second could not be applied .division by zero"):
        migrate(url, package[0])
    assert pending(url, package[0]) == ["0002_second"]
    (package[1] / "0002_second.sql").write_text("CREATE TABLE jobboard.second (n int);")
    assert migrate(url, package[0]) == ["0002_second"]


def test_a_database_of_a_newer_release_is_refused(url: str, package: tuple[str, Path]) -> None:
    migrate(url, package[0])
    (package[1] / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match=r"the database knows 0002_second, .* install the newer release"):
        migrate(url, package[0])


def test_a_migration_put_before_an_applied_one_is_refused(url: str, package: tuple[str, Path]) -> None:
    migrate(url, package[0])
    (package[1] / "0001_earlier.sql").write_text("CREATE TABLE jobboard.earlier (n int);")
    with pytest.raises(MigrationError, match=r"0001_earlier comes before 0001_first"):
        migrate(url, package[0])


def test_an_unreachable_database_is_told_in_a_sentence() -> None:
    with pytest.raises(DatabaseUnreachable, match=r"the database board at 127.0.0.1:1 cannot be reached"):
        migrate("postgresql://someone:hush@127.0.0.1:1/board")
