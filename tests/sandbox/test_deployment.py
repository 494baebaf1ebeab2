"""An embedded server is there as long as the command that started it, whatever kills it (spec R40)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg

from tests.sandbox.running import wait_for
from unghost.jobboard.settings import Settings
from unghost.postgres import migrate
from unghost.sandbox.deployment import deployed


def _customers(url: str) -> int | None:
    try:
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM jobboard.customer").fetchone()
            return int(row[0]) if row else None
    except psycopg.OperationalError:
        return None


def test_a_killed_server_is_started_again_with_what_was_committed(tmp_path: Path) -> None:
    with deployed(Settings(data_dir=tmp_path)) as settings:
        url = str(settings.database_url)
        migrate(url)
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO jobboard.customer VALUES (1, 'One', false, '{}', now())")
        pid = int((tmp_path / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        assert wait_for(lambda: _customers(url)) == 1
    assert _customers(url) is None
