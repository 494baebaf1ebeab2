"""kill -9 of API and dispatcher processes at random, under load: nothing acknowledged is lost, nobody told twice.

Real processes, real sockets; a client that sends again when it gets no answer, as LinkedIn's does (spec R8, R9, R40).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from tests.jobboard.telling.post import free_port, posting
from tests.sandbox.running import environment
from unghost.wire.lifecycle import milliseconds

pytestmark = pytest.mark.anyio

APPLICANTS, KILLS, CONNECTIONS = 600, 14, 4
PERFORMED = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


@dataclass
class Reporting:
    """A client that reports until it has its 201, and remembers every id it got."""

    url: str
    world: w.World
    applications: list[int]
    acknowledged: dict[tuple[int, str, int], set[str]] = field(default_factory=dict)
    resent: int = 0
    enough: threading.Event = field(default_factory=threading.Event)
    _acts: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _token: str = ""

    def run(self) -> None:
        """Report act after act until it is enough: half of them views, the applicants one after another."""
        while not self.enough.is_set():
            with self._lock:
                nth = next(self._acts)
            application = self.applications[nth // 4 % len(self.applications)]
            action = "APPLICATION_VIEWED" if nth % 2 else "RESUME_DOWNLOADED"
            self.report(application, action, milliseconds(PERFORMED) + nth)

    def report(self, application: int, action: str, at: int) -> None:
        """One report, sent again on any failure that is not a refusal."""
        body = {"jobApplicationId": f"urn:li:jobApplication:{application}", "action": action, "performedAt": at}
        for _ in range(400):
            try:
                answer = requests.post(
                    f"{self.url}/v2/jobApplicationLifecycleActions",
                    json=body,
                    headers={"Authorization": f"Bearer {self.token()}"},
                    timeout=10,
                )
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code < 500:
                assert answer.status_code == 201, answer.text
                with self._lock:
                    ids = self.acknowledged.setdefault((application, action, at), set())
                    ids.add(answer.headers["X-RestLi-Id"])
                return
            with self._lock:
                self.resent += 1
            time.sleep(0.05)
        raise AssertionError("no answer in 400 attempts")

    def token(self) -> str:
        """An access token, fetched once."""
        with self._lock:
            while not self._token:
                form = {
                    "grant_type": "client_credentials",
                    "client_id": self.world.client_id,
                    "client_secret": self.world.client_secret,
                }
                try:
                    answer = requests.post(f"{self.url}/oauth/v2/accessToken", data=form, timeout=10)
                    self._token = answer.json()["access_token"]
                except requests.RequestException:
                    time.sleep(0.1)
            return self._token

    async def goes_on(self) -> None:
        """Wait until a report more is acknowledged: on a busy machine a process takes its time to start again."""
        had = len(self.acknowledged)
        async with asyncio.timeout(60):
            while len(self.acknowledged) <= had:  # noqa: ASYNC110  (a thread reports)
                await asyncio.sleep(0.02)


@contextmanager
def unghost(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", "unghost", *arguments], env=environment(**settings))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def workers(parent: int) -> list[int]:
    """The processes that a command keeps running."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


async def mails_are_told(pool: AsyncConnectionPool) -> int:
    """Wait until no mail waits any more; how many were told."""
    async with asyncio.timeout(200):
        while True:
            async with pool.connection() as connection:
                cursor = await connection.execute(
                    """SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'told')
                       FROM jobboard.notice WHERE place = 'EMAIL'"""
                )
                row = await cursor.fetchone()
            assert row is not None
            if row[0] == 0:
                return int(row[1])
            await asyncio.sleep(0.2)


@pytest.mark.timeout(900)
async def test_processes_killed_at_random_under_load_lose_no_report_and_double_no_mail(
    database_url: str, pool: AsyncConnectionPool, tmp_path: Path
) -> None:
    async with pool.connection() as connection:
        world = await w.make_world(connection, PERFORMED)
        applications = []
        for n in range(APPLICANTS):
            applicant = await w.add_applicant(connection, f"Applicant {n}", f"a{n}@applicant.example", PERFORMED)
            applications.append(
                await w.add_application(connection, world.jobs[0], w.ORGANIZATION, applicant, PERFORMED)
            )
    chance = random.Random(20261123)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with posting() as post:
        settings = {
            "UNGHOST_DATABASE_URL": database_url,
            "UNGHOST_DATA_DIR": str(tmp_path),
            "UNGHOST_BASE_URL": url,
            "UNGHOST_SMTP_URL": f"smtp://127.0.0.1:{post.port}",
            "UNGHOST_LEASE": "3s",
            "UNGHOST_MAIL_CONNECTIONS": str(CONNECTIONS),
        }
        reporting = Reporting(url, world, applications)
        with (
            unghost("serve", "--port", str(port), "--processes", "2", **settings) as serve,
            unghost("work", "--processes", "2", **settings) as work,
            ThreadPoolExecutor(8) as threads,
        ):
            done = [threads.submit(reporting.run) for _ in range(8)]
            try:
                kills = 0
                while kills < KILLS or (not reporting.resent and kills < 5 * KILLS):  # some hit what only starts
                    await reporting.goes_on()
                    await asyncio.sleep(chance.uniform(0.5, 1.5))
                    running = workers((serve, work)[kills % 2].pid)
                    kills += 1
                    if running:
                        os.kill(chance.choice(running), signal.SIGKILL)
            finally:
                reporting.enough.set()
            for future in done:
                await asyncio.to_thread(future.result)
            told = await mails_are_told(pool)

    # No acknowledged report is lost, and each is there once, under the one id that every answer gave.
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT application_number, action, performed_at, id FROM jobboard.action")
        stored = {(number, action, milliseconds(at)): str(id) for number, action, at, id in await cursor.fetchall()}
    assert reporting.acknowledged == {key: {id} for key, id in stored.items()}
    assert reporting.resent, "no process was killed with a report in its hands: the test showed nothing"

    # Everybody who was viewed has one mail. A copy is what SMTP cannot exclude: under way when its dispatcher was
    # killed, and the same mail.
    viewed = {application for application, action, _ in reporting.acknowledged if action == "APPLICATION_VIEWED"}
    copies = post.copies()
    assert told == len(copies) == len(viewed)
    assert len({mail.recipient for mail in post.accepted}) == len(viewed)
    doubled = sum(count - 1 for count in copies.values())
    print(f"{len(stored)} reports, {reporting.resent} sent again; {told} mails, {doubled} under way came again")
    assert doubled <= kills // 2 * (2 * CONNECTIONS)
