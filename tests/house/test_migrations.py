"""The migrations and their sum, schema.sql."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg

from tests.house.sources import ROOT, SOURCE, text, tracked
from unghost.postgres.migrate import migrations
from unghost.postgres.schema import dump

FOLDER = SOURCE / "jobboard" / "migrations"
# Timeouts are the deployment's, each file is one transaction, and an attempt counter may be small.
UNWANTED = "require-timeout-settings,prefer-robust-stmts,prefer-bigint-over-smallint"


def test_schema_sql_equals_the_migrations(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert text(FOLDER / "schema.sql") == dump(connection), "run make schema"


def test_migrations_are_numbered_without_gaps() -> None:
    names = [migration.name for migration in migrations()]
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    files = {path.stem for path in tracked() if path.parent == FOLDER and path.suffix == ".sql"} - {"schema"}
    assert files == set(names)


def test_migrations_lock_no_table_that_is_in_use() -> None:
    files = sorted(FOLDER.glob("[0-9]*.sql"))
    linter = Path(sys.executable).with_name("squawk")
    command: list[str | Path] = [
        linter,
        "--assume-in-transaction",
        "--pg-version=15",
        f"--exclude={UNWANTED}",
    ]
    checked = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
