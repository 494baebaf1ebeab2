"""What stands in the database before a measurement: one server, one template, a fresh copy of it for each.

The server is the embedded one with its own settings: fsync on. The template is vacuumed and analysed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import psycopg
from procrastinate import App, PsycopgConnector

from benchmarks.reports import FIRST, PER_APPLICANT
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.store import access
from unghost.postgres import Embedded, connect, migrate
from unghost.postgres.embedded import NAME

ORGANIZATION = 2414183
FIRST_APPLICANT = 1_000_001
_TEMPLATE = "unghost_benchmarks"
_JOBS = 100
_TOKEN_LIFE = timedelta(days=2)


@dataclass(frozen=True)
class Ground:
    """Where measurements take place. `postgres`: the server's first process."""

    folder: Path
    server: str
    postgres: int
    applications: int
    child: int
    token: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh database full of applications about which nothing was reported yet; it is dropped afterwards."""
        name = f"{_TEMPLATE}_now"
        self._as_superuser(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_TEMPLATE}" STRATEGY FILE_COPY')
        yield _in(self.server, name)
        self._as_superuser(f'DROP DATABASE "{name}" WITH (FORCE)')

    def checkpoint(self) -> None:
        """Make the server write out everything now, as it does by itself every so often."""
        self._as_superuser("CHECKPOINT")

    def _as_superuser(self, statement: str) -> None:
        """The board's own role may not end autovacuum, which may be in a database that is to be dropped."""
        with psycopg.connect(self.server.replace(f"//{NAME}@", "//postgres@"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def since(self) -> int:
        """The act of the first report: so long ago that the last one lies in the past too; milliseconds."""
        return int((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000)


@contextmanager
def ground(root: Path, applications: int) -> Iterator[Ground]:
    """Start PostgreSQL below `root` and fill the template; everything is removed afterwards."""
    folder = root / f"bench-{os.getpid()}"
    folder.mkdir(parents=True)
    server = Embedded(folder)
    try:
        url = server.start()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{_TEMPLATE}"')
        child, token = asyncio.run(_fill(_in(url, _TEMPLATE), applications))
        assert server.process_id is not None
        yield Ground(folder, url, server.process_id, applications, child, token)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _in(url: str, name: str) -> str:
    before, _, query = url.partition("?")
    return f"{before.rpartition('/')[0]}/{name}?{query}"


async def _fill(url: str, applications: int) -> tuple[int, str]:
    migrate(url)
    async with App(connector=PsycopgConnector(conninfo=url)).open_async() as queue:
        await queue.schema_manager.apply_schema_async()  # the peer's queue lies in the same database
    now = datetime.now(UTC)
    applicants = -(-applications // PER_APPLICANT)
    async with await connect(url, autocommit=True) as connection:
        await connection.execute(
            """INSERT INTO jobboard.customer (organization, name, applicant_notifications, created_at)
               VALUES (%s, 'Harbour & Pine', true, %s)""",
            (ORGANIZATION, now),
        )
        secrets = ClientSecrets("the key of the benchmarks, long enough")
        partner, _, _ = await access.add_application(
            connection, secrets=secrets, name="ATS", parent_id=None, organization=None, now=now
        )
        child, _, _ = await access.add_application(
            connection,
            secrets=secrets,
            name="ATS - Harbour & Pine",
            parent_id=partner,
            organization=ORGANIZATION,
            now=now,
        )
        token = await access.issue(connection, child, now, _TOKEN_LIFE)
        await connection.execute(
            """INSERT INTO jobboard.applicant (id, email, name, language, time_zone, created_at)
               SELECT %s + n, 'applicant-' || n || '@applicants.example', 'Applicant ' || n,
                      CASE n %% 2 WHEN 0 THEN 'en' ELSE 'de' END, 'Europe/Berlin', %s
               FROM generate_series(0, %s - 1) n""",
            (FIRST_APPLICANT, now, applicants),
        )
        await connection.execute(
            """INSERT INTO jobboard.job (id, organization, external_id, title, location, listed_at)
               SELECT n, %s, 'J-' || n, 'Engineer ' || n, 'Lisbon', %s FROM generate_series(1, %s) n""",
            (ORGANIZATION, now - timedelta(days=2), PER_APPLICANT * _JOBS),
        )
        # Each applicant applied for twelve jobs, at some time of the last day.
        await connection.execute(
            """INSERT INTO jobboard.application (number, job_id, organization, applicant_id, submitted_at)
               SELECT %(first)s + n, 1 + n %% %(each)s * %(jobs)s + n / %(each)s %% %(jobs)s, %(organization)s,
                      %(applicant)s + n / %(each)s, %(now)s - interval '1 day' + n * interval '100 ms'
               FROM generate_series(0, %(count)s - 1) n""",
            {
                "first": FIRST,
                "each": PER_APPLICANT,
                "jobs": _JOBS,
                "organization": ORGANIZATION,
                "applicant": FIRST_APPLICANT,
                "now": now,
                "count": applications,
            },
        )
        await connection.execute("VACUUM (ANALYZE)")
    return child, token


def sync_microseconds(folder: Path, times: int = 300) -> float:
    """How long the disk takes to keep 8 KiB for good: the median of as many writes with fdatasync."""
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(times):
            began = perf_counter()
            file.seek(0)
            file.write(b"\0" * 8192)
            os.fdatasync(file.fileno())
            taken.append(perf_counter() - began)
    return 1e6 * statistics.median(taken)
