"""Recorder, dispatchers and board killed at random, lines cut at COMMITs, storms, short tokens, a fast clock.

Real processes on real PostgreSQL (spec R29, R30, R31, R34): in the end every committed activity is on the board exactly
once and in order per application, and none that was rolled back.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.ats import truth
from tests.ats.conftest import DIALECTS, AtsDatabase
from tests.ats.cutting import cutting
from tests.ats.faults import CUT_AFTER, CUT_BEFORE, Call, Fault, Says, faulty
from tests.ats.recorder import LEDGER
from tests.ats.reporting import board_world, customers
from tests.jobboard.telling.post import free_port
from tests.journeys.test_killed import unghost, workers
from tests.sandbox.running import environment, wait_for

KILLS, APPLICATIONS, SEED = 18, 12, 20261125
#: The recorder's clock is ahead of the board's by this: some of its acts lie further ahead than the board takes.
AHEAD_MS = 5 * 60_000 + 3_000
SETTINGS = """
[ats]
database_url = "{database}"
lease = "3s"
[destinations.board]
kind = "unghost"
base_url = "{board}"
connections = 4
"""


def upstream(server: str) -> tuple[str, int] | str:
    """Where the server listens: an address, or a Unix socket's path."""
    parts = urlsplit(server)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host, port = query.get("host") or parts.hostname or "127.0.0.1", int(query.get("port") or parts.port or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def opened(address: tuple[str, int] | str) -> socket.socket:
    if isinstance(address, tuple):
        return socket.create_connection(address)
    line = socket.socket(socket.AF_UNIX)
    line.connect(address)
    return line


@pytest.mark.timeout(300)
@pytest.mark.parametrize("ats_database", [DIALECTS[0]], indirect=True)
def test_whoever_is_killed_every_committed_activity_is_on_the_board_once_and_in_order(
    ats_database: AtsDatabase, database_url: str, database_server: tuple[str, str], tmp_path: Path
) -> None:
    world = asyncio.run(board_world(database_url, APPLICATIONS, consent=True))
    customers(world, ats_database)
    ats_database.do(LEDGER)
    chance = random.Random(SEED)
    where = urlsplit(database_server[0])
    name = urlsplit(ats_database.url).path.lstrip("/")
    port = free_port()
    calls = 0

    def fault(call: Call) -> Fault:
        nonlocal calls
        calls += 1
        storm = calls // 40 % 4 == 1
        drawn = chance.random()
        if storm and drawn < 0.5:
            return Says(503 if drawn < 0.25 else 429, {"Retry-After": "0" if drawn < 0.4 else "1"})
        return CUT_BEFORE if drawn < 0.04 else CUT_AFTER if drawn < 0.08 else None

    with (
        cutting(lambda: opened(upstream(database_server[0])), SEED, 0.04) as cutter,
        faulty(port) as way,
    ):
        way.fault = fault
        who = f"{where.username}{f':{where.password}' if where.password else ''}"
        line = f"{who}@127.0.0.1:{cutter.port}/{name}?sslmode=disable&gssencmode=disable"
        config = tmp_path / "unghost.toml"
        config.write_text(SETTINGS.format(database=f"postgresql+psycopg://{line}", board=way.url), encoding="utf-8")
        board = {
            "UNGHOST_DATABASE_URL": database_url, "UNGHOST_DATA_DIR": str(tmp_path), "UNGHOST_TOKEN_LIFE": "2s",
            "UNGHOST_BASE_URL": f"http://127.0.0.1:{port}",
        }  # fmt: skip

        def recorder(nth: int) -> subprocess.Popen[bytes]:
            numbers = [str(number) for number in world.applications]
            ahead = str(AHEAD_MS if nth % 2 else 0)
            arguments = [f"postgresql://{line}", str(SEED + nth), ahead, *numbers]
            path = os.pathsep.join([environment()["PYTHONPATH"], str(Path(__file__).parents[2])])
            return subprocess.Popen(
                [sys.executable, "-m", "tests.ats.recorder", *arguments], env=environment(PYTHONPATH=path)
            )

        with (
            unghost("serve", "--port", str(port), "--processes", "1", **board) as serve,
            unghost("ats", "work", "--processes", "2", "--config", str(config)) as work,
        ):
            recorders = [recorder(0), recorder(1)]
            try:
                wait_for(lambda: ats_database.all("SELECT 1 FROM unghost_activity WHERE state = 'sent'"), 60)
                for kill in range(4 * KILLS):
                    if kill >= KILLS and cutter.before and cutter.after:
                        break
                    time.sleep(chance.uniform(0.1, 0.9))
                    if kill % 3 == 0:
                        nth = chance.randrange(2)
                        recorders[nth].kill()
                        recorders[nth].wait()
                        recorders[nth] = recorder(2 * kill + nth + 2)
                    elif running := workers((serve, work)[kill % 3 - 1].pid):
                        os.kill(chance.choice(running), signal.SIGKILL)
            finally:
                for each in recorders:
                    each.send_signal(signal.SIGKILL)
                    each.wait()
            cutter.share = 0.0
            way.fault = lambda call: None
            wait_for(lambda: not ats_database.all("SELECT 1 FROM unghost_activity WHERE state = 'waiting'"), 120)

    with closing(psycopg.connect(ats_database.url.replace("+psycopg", ""))) as connection:
        committed = connection.execute("SELECT number, kind, at FROM ledger ORDER BY id").fetchall()
    truth.hold(ats_database, database_url, [(number, kind, at) for number, kind, at in committed])
    assert cutter.before and cutter.after, "no line was cut at a COMMIT: the test showed nothing"
    print(f"{len(committed)} activities, {len(way.calls)} calls, {cutter.before}+{cutter.after} COMMITs cut")
