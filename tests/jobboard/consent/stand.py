"""A job board that listens, with customers, their admins, two integrations and a mail server, for the consent tests."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import uvicorn
from aiosmtpd.controller import Controller
from starlette.types import ASGIApp

from tests.world import SECRETS
from unghost.jobboard.links import LINK_LIFE, For, Links
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import access
from unghost.jobboard.web.app import create_app

SECRET = "the secret key of the consent tests"
HARBOUR, YARDS, QUARRY = 12345, 22222, 67890
#: Administers HARBOUR and YARDS; administers QUARRY; administers nothing.
HANNA, QUENTIN, NOBODY = "hanna@harbour.example", "quentin@quarry.example", "nobody@elsewhere.example"


class Wound:
    """A clock that tests wind."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """The machine's time, and what it was wound."""
        return datetime.now(UTC) + self.ahead


@dataclass
class Mailroom:
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

    def link(self, nth: int = 0) -> str:
        """The sign-in link in the nth mail, once it is here."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.mails) > nth, 30), "no mail came"
        found = re.search(r"https?://\S+", self.mails[nth].get_content())
        assert found
        return found[0]


class AnyPort(Controller):
    """aiosmtpd's server in a thread, on the port that the system gives."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@dataclass
class Stand:
    """What a test has. `client_id` is of HARBOUR's integration, `free_client_id` of one that has no customer yet."""

    url: str
    database_url: str
    clock: Wound
    mailroom: Mailroom
    links: Links
    origin: str
    client_id: str = ""
    free_client_id: str = ""
    partner_client_id: str = ""

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement; the rows it gives."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def login_url(self, email: str = HANNA) -> str:
        """A sign-in link, as it is mailed."""
        [(admin,)] = self.sql("SELECT id FROM jobboard.customer_admin WHERE email = %s ORDER BY id LIMIT 1", email)
        return f"{self.url}/admin/sign-in?word={self.links.make(For.ADMIN_LINK, admin, self.clock.now() + LINK_LIFE)}"

    @contextmanager
    def browser(self, email: str | None = HANNA) -> Iterator[httpx2.Client]:
        """A client that keeps cookies, signed in unless `email` is None."""
        with httpx2.Client(base_url=self.url, headers={"Origin": self.url}, timeout=30) as client:
            if email:
                assert client.get(self.login_url(email)).status_code == 303
            yield client

    def frame_path(self, client_id: str | None = None, origin: str | None = None) -> str:
        """The address of the frame."""
        return str(httpx2.URL("/consent/widget", params={
            "client_id": self.client_id if client_id is None else client_id,
            "origin": self.origin if origin is None else origin,
        }))  # fmt: skip

    def ticked(self, organization: int = HARBOUR) -> bool:
        """The customer's box."""
        [(ticked,)] = self.sql(
            "SELECT applicant_notifications FROM jobboard.customer WHERE organization = %s", organization
        )
        return bool(ticked)

    def ledger(self, organization: int = HARBOUR) -> list[tuple[Any, ...]]:
        """(ticked, changed_by, changed_from, wording_version) of every change, in order."""
        return self.sql(
            "SELECT ticked, changed_by, changed_from, wording_version FROM jobboard.consent_ledger"
            " WHERE organization = %s ORDER BY id",
            organization,
        )


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the page's first consent form."""
    form = page[page.index('<form class="consent"') :].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form))


async def fill(stand: Stand, now: datetime) -> None:
    """Put the world of these tests into the database."""
    async with await psycopg.AsyncConnection.connect(stand.database_url) as connection:
        for organization, name, email in (
            (HARBOUR, "Harbour & Pine", HANNA),
            (YARDS, "Yards of Pine", HANNA),
            (QUARRY, "Quarry Labs", QUENTIN),
        ):
            await connection.execute(
                "INSERT INTO jobboard.customer (organization, name, created_at) VALUES (%s, %s, %s)",
                (organization, name, now),
            )
            await connection.execute(
                "INSERT INTO jobboard.customer_admin (organization, email, created_at) VALUES (%s, %s, %s)",
                (organization, email, now),
            )
        partner, stand.partner_client_id, _ = await access.add_application(
            connection, secrets=SECRETS, name="Tern Software", parent_id=None, organization=None, now=now
        )
        _, stand.client_id, _ = await access.add_application(
            connection,
            secrets=SECRETS,
            name="Tern for Harbour & Pine",
            parent_id=partner,
            organization=HARBOUR,
            now=now,
            allowed_origins=(stand.origin,),
        )
        _, stand.free_client_id, _ = await access.add_application(
            connection,
            secrets=SECRETS,
            name="Tern, new customer",
            parent_id=partner,
            organization=None,
            now=now,
            allowed_origins=(stand.origin,),
        )


@contextmanager
def served(app: ASGIApp, listener: socket.socket, **options: Any) -> Iterator[None]:
    """The app answers on the socket."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, **options)
    )
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
        yield
    finally:
        server.should_exit = True
        thread.join(30)


def bound() -> socket.socket:
    """A listening socket on a free loopback port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


def address(listener: socket.socket) -> str:
    """The origin of what listens there."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def standing(
    database_url: str, data_dir: Path, origin: str, *, tls: dict[str, str] | None = None, **settings: Any
) -> Iterator[Stand]:
    """A board with its world; `origin` is the one that may embed its widget, `tls` uvicorn's options for https."""
    mailroom, clock = Mailroom(), Wound()
    smtp = AnyPort(mailroom, hostname="127.0.0.1", port=0)
    smtp.start()
    try:
        with bound() as listener:
            url = address(listener).replace("http:", "https:" if tls else "http:")
            given = Settings(
                database_url=database_url,
                data_dir=data_dir,
                secret_key=SECRET,
                **{"base_url": url, "smtp_url": f"smtp://127.0.0.1:{smtp.port}", **settings},
            )
            stand = Stand(url, database_url, clock, mailroom, Links(SECRET), origin)
            with ThreadPoolExecutor(1) as thread:  # Playwright keeps a loop running in this one
                thread.submit(asyncio.run, fill(stand, clock.now())).result()

            with served(create_app(given, clock), listener, **tls or {}):
                yield stand
    finally:
        smtp.stop()
