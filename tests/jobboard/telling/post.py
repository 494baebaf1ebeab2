"""A real SMTP server for tests: keeps what it accepts, counts by Message-ID, answers as told, calls at each step."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

STEPS = ("CONNECT", "MAIL", "RCPT", "DATA", "after the dot", "after the answer")
"""The steps of a mail at which `Post.at` is called; at `after the dot` the server has the mail and has not answered."""


@dataclass
class Accepted:
    """One mail as the server took it. `client`: the name that the client gave itself."""

    client: str
    recipient: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return email.message_from_bytes(self.content, policy=policy.default)

    @property
    def message_id(self) -> str:
        """What makes it the same mail."""
        return str(self.message["Message-ID"])


@dataclass
class Post:
    """`answers`: the next answers at MAIL, RCPT or DATA, taken from the front; none: 250.

    `hang_ups`: so many times it has the mail and cuts the line instead of answering.
    """

    port: int = 0
    accepted: list[Accepted] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    at: Callable[[str, str], None] = lambda step, client: None
    connections: int = 0
    hang_ups: int = 0
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    controller: Controller | None = None

    def stop(self) -> None:
        """Close the server and every connection, if it still runs."""
        if self.controller is not None:
            self.controller.stop(no_assert=True)
            self.controller = None

    def copies(self) -> Counter[str]:
        """How often each Message-ID came."""
        return Counter(a.message_id for a in self.accepted)

    def answer(self, step: str) -> str | None:
        """The next scripted answer."""
        waiting = self.answers.get(step)
        return waiting.pop(0) if waiting else None

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.at("MAIL", str(session.host_name))
        answer = self.answer("MAIL")
        if answer is None:
            envelope.mail_from = address
        return answer or "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.at("RCPT", str(session.host_name))
        answer = self.answer("RCPT")
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answer("DATA")
        if answer is None:
            content = envelope.original_content or b""
            self.accepted.append(Accepted(str(session.host_name), envelope.rcpt_tos[0], content))
        self.at("after the dot", str(session.host_name))
        if self.hang_ups:
            self.hang_ups -= 1
            cast(asyncio.Transport, server.transport).abort()
        return answer or "250 2.0.0 queued as TEST"


class _Server(SMTP):
    def connection_made(self, transport: Any) -> None:
        post: Post = self.event_handler
        post.connections += 1
        post.at("CONNECT", "")
        super().connection_made(transport)

    async def smtp_DATA(self, arg: str) -> None:
        post: Post = self.event_handler
        client = str(cast(Session, self.session).host_name)
        post.at("DATA", client)
        await super().smtp_DATA(arg)
        post.at("after the answer", client)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


@contextmanager
def posting(
    port: int = 0, *, tls: ssl.SSLContext | None = None, starttls: bool = False, login: tuple[str, str] | None = None
) -> Iterator[Post]:
    """A server on the loopback, `port` 0: any free one."""
    post = Post(port or free_port())

    def authenticate(server: object, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:
        post.logins.append((data.login, data.password))
        good = login is not None and (data.login, data.password) == (login[0].encode(), login[1].encode())
        return AuthResult(success=good, handled=False)

    kwargs: dict[str, Any] = {"enable_SMTPUTF8": True, "decode_data": False}
    if login is not None:
        kwargs |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    if starttls:
        kwargs |= {"tls_context": tls, "require_starttls": True}
    controller = _Controller(
        post, hostname="127.0.0.1", port=post.port, ssl_context=None if starttls else tls, **kwargs
    )
    controller.start()
    post.connections = 0  # the controller has tried the server once
    post.controller = controller
    try:
        yield post
    finally:
        post.stop()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])


class Gate:
    """Holds the server's thread at a step until the test lets it go on."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def wait(self) -> None:
        """Say that the step is reached, and wait."""
        self.reached.set()
        self.open.wait(60)
