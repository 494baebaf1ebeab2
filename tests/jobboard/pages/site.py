"""A job board that listens, with jobs, applicants, a partner that reports and a mailbox, for tests of the pages."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import jwt
import psycopg
import uvicorn
from aiosmtpd.smtp import SMTP

from tests import world
from unghost.jobboard.links import LINK_LIFE, For, Links
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import registering
from unghost.jobboard.tombstones import Tombstones
from unghost.jobboard.web.app import create_app

SECRET = "the secret key of the page tests"
BOARD_TOKEN_KEY = "the key with which the board of the page tests signs"
#: The site whose pages may show statuses.
OTHER_SITE = "https://jobs.other.example"
PDF = ("cv.pdf", b"%PDF-1.4 a resume", "application/pdf")


class Wound:
    """A clock that tests wind."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """The machine's time, and what it was wound."""
        return datetime.now(UTC) + self.ahead


@dataclass
class Mailbox:
    """Takes mails by SMTP; a test waits for the next one."""

    mails: list[EmailMessage] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        """aiosmtpd's hook."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        with self.came:
            self.mails.append(message)
            self.came.notify_all()
        return "250 OK"

    def mail(self, nth: int = 0) -> EmailMessage:
        """The nth mail, once it is here."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.mails) > nth, 30), "no mail came"
        return self.mails[nth]

    def link(self, nth: int = 0) -> str:
        """The first address in the nth mail, once it is here."""
        found = re.search(r"https?://\S+", str(self.mail(nth).get_content()))
        assert found
        return found[0]


@dataclass
class Site:
    """What a test has. `jobs` are ids; ada has applied to the first two, ben to the first."""

    url: str
    database_url: str
    clock: Wound
    mailbox: Mailbox
    links: Links
    jobs: list[int] = field(default_factory=list)
    ada: int = 0
    ben: int = 0
    applications: dict[tuple[int, int], int] = field(default_factory=dict)
    token: str = ""

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement; the rows it gives."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def link(self, applicant: int) -> str:
        """A sign-in link, as it is mailed."""
        return f"{self.url}/sign-in?word={self.links.make(For.APPLICANT_LINK, applicant, self.clock.now() + LINK_LIFE)}"

    @contextmanager
    def browser(self, applicant: int | None = None, headers: dict[str, str] | None = None) -> Iterator[httpx2.Client]:
        """A client that keeps cookies, signed in if an applicant is given."""
        with httpx2.Client(base_url=self.url, headers={"Origin": self.url} | (headers or {}), timeout=30) as client:
            if applicant is not None:
                assert client.get(self.link(applicant)).status_code == 303
            yield client

    def member_token(self, key: str = BOARD_TOKEN_KEY, algorithm: str = "HS256", **claims: Any) -> str:
        """A token as the board's back end signs it, for a minute of ada's; a claim that is None is left out."""
        expires = int((self.clock.now() + timedelta(minutes=1)).timestamp())
        given = {"sub": "member-ada", "aud": "unghost", "exp": expires} | claims
        return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm)

    def report(self, application: int, action: str, performed_at: datetime | None = None) -> str:
        """Report as the partner's ATS does; the id of the action."""
        body = {
            "jobApplicationId": f"urn:li:jobApplication:{application}",
            "action": action,
            "performedAt": round((performed_at or self.clock.now()).timestamp() * 1000),
            "integrationContext": f"urn:li:organization:{world.ORGANIZATION}",
        }
        with httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}) as ats:
            answer = ats.post("/v2/jobApplicationLifecycleActions", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["x-restli-id"])

    async def register(self, job: int, applicant: int, submitted_at: datetime) -> int:
        """An application as the board itself registers it, with its SUBMITTED."""
        async with await psycopg.AsyncConnection.connect(self.database_url) as connection:
            registered = await registering.register_application(
                connection,
                job_id=job,
                applicant_id=applicant,
                submitted_at=submitted_at,
                now=self.clock.now(),
                policy=DEFAULT,
                tombstones=Tombstones(SECRET),
            )
        self.applications[job, applicant] = registered.number
        return registered.number


JOBS = (
    ("Harbour master’s data engineer", "Lisbon", world.ORGANIZATION),
    ("Night ferry timetable editor", "Setúbal", world.ORGANIZATION),
    ("Lighthouse keeper, part time", "Sagres", world.ORGANIZATION),
    ("Quarry surveyor", "", world.OTHER_ORGANIZATION),
)
DESCRIPTION = """You keep the numbers of a working harbour honest: what came in, what went out, what waited, and why.

In the first months you take over the tide and berth feeds, and make them boring. After that you decide with us \
what is worth measuring next.

We are eleven people, two of them on call with you. We write things down, we leave at five, and we answer every \
application."""


async def fill(site: Site) -> None:
    """Put the world of these tests into the database."""
    now = site.clock.now()
    async with await psycopg.AsyncConnection.connect(site.database_url) as connection:
        made = await world.make_world(connection, now, applications=0)
        site.ada, site.ben = made.applicant, made.other_applicant
        await connection.execute(
            "UPDATE jobboard.applicant SET external_id = 'member-ada', name = 'Ada Lindqvist' WHERE id = %s",
            (site.ada,),
        )
        await connection.execute("UPDATE jobboard.job SET closed_at = now()")
        for nth, (title, place, organization) in enumerate(JOBS, 1):
            job = await world.add_job(connection, organization, f"P-{nth}", title, now - timedelta(days=9 - nth))
            await connection.execute(
                "UPDATE jobboard.job SET location = %s, description = %s WHERE id = %s", (place, DESCRIPTION, job)
            )
            site.jobs.append(job)
        site.token = await _token(connection, made.child, now)
    await site.register(site.jobs[0], site.ada, now - timedelta(days=2))
    await site.register(site.jobs[1], site.ada, now - timedelta(days=1))
    await site.register(site.jobs[0], site.ben, now - timedelta(days=1))


async def _token(connection: psycopg.AsyncConnection, child: int, now: datetime) -> str:
    token = "token-of-the-page-tests"
    await connection.execute(
        """INSERT INTO jobboard.access_token (hash, oauth_application_id, issued_at, expires_at)
           VALUES (%s, %s, %s, %s)""",
        (sha256(token.encode()).digest(), child, now, now + timedelta(days=30)),
    )
    return token


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread of its own: in a browser test this one's event loop is Playwright's."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@contextmanager
def delivering(mailbox: Mailbox) -> Iterator[str]:
    """The URL of a mail server that puts what it takes into the mailbox."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: SMTP(mailbox, enable_SMTPUTF8=True), "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


@contextmanager
def served(app: Any, listener: socket.socket) -> Iterator[uvicorn.Server]:
    """The app answers on the socket."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    ready = threading.Event()
    startup = server.startup

    async def told(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        ready.set()

    server.startup = told  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    assert ready.wait(60), "the server did not start"
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(30)


@contextmanager
def standing(database_url: str, data_dir: Path, **settings: Any) -> Iterator[Site]:
    """A board with its world."""
    mailbox, clock = Mailbox(), Wound()
    with delivering(mailbox) as smtp_url, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        given = {
            "database_url": database_url,
            "data_dir": data_dir,
            "secret_key": SECRET,
            "board_token_key": BOARD_TOKEN_KEY,
            "status_origins": (OTHER_SITE,),
            "base_url": url,
            "smtp_url": smtp_url,
        }
        site = Site(url, database_url, clock, mailbox, Links(SECRET))
        run(fill(site))
        with served(create_app(Settings(**given | settings), clock), listener):  # type: ignore[arg-type]
            yield site
