"""The demo's inbox: takes mails by SMTP on a real socket and shows them as a person would read them.
`GET /` answers JSON to `Accept: application/json`: a list, newest first, of `{"to", "subject", "text", "html",
"headers" (name -> value), "received_at", "copies"}`; `?to=ADDRESS` gives one recipient's only, `?limit=N` the newest.
`DELETE /` forgets them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from itertools import islice
from pathlib import Path

import jinja2
from aiosmtpd.smtp import SMTP, Envelope, Session
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from unghost.clock import Clock
from unghost.sandbox.mail_faults import FaultyInbox, MailFaults
from unghost.sandbox.mailbox import Mail, Mailbox

_HERE = Path(__file__).parent
#: How many mails the page lists; the JSON has them all.
_LISTED = 200
#: An address without quotes or comments, and what comes after it.
_PLAIN = re.compile(r"<([\w.+=~-]{1,64}@[\w.-]+)>(.*)", re.ASCII)
_PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# A mail is somebody else's document: no scripts, nothing of the inbox's origin, links open beside it.
_MAIL_CSP = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline';"
    " img-src data: http: https:; font-src data:; frame-ancestors 'self'"
)


class Receiver(SMTP):
    """aiosmtpd's server, which reads a mail's body in a few pieces instead of line by line: three times as fast.

    Plain addresses are taken as they stand; for each, aiosmtpd makes a class and a tree of what an address is made of.
    """

    line_length_limit = 2**25

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        if plain := _PLAIN.fullmatch(arg):
            return plain[1], plain[2]
        found: tuple[str | None, str | None] = super()._getaddr(arg)
        return found

    async def smtp_DATA(self, arg: str) -> None:
        """Take the body up to the lone dot and hand it over."""
        assert self.envelope is not None and self.session is not None
        if not self.envelope.rcpt_tos or arg:
            await self.push("503 Error: need RCPT command" if not arg else "501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        body = bytearray()
        while not (body.endswith(b"\r\n.\r\n") or body == b".\r\n"):
            body += await self._reader.readuntil(b".\r\n")
        content = bytes(body[:-3]).replace(b"\r\n..", b"\r\n.")
        self.envelope.content = content[1:] if content.startswith(b"..") else content
        status = await self.event_handler.handle_DATA(self, self.session, self.envelope)
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(status)


@dataclass
class Inbox:
    """The mailbox, its SMTP side and its pages."""

    mailbox: Mailbox
    clock: Clock
    _watchers: set[asyncio.Event] = field(default_factory=set)
    _templates: jinja2.Environment = field(
        default_factory=lambda: jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
        )
    )

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail that has come by SMTP, once for each recipient."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        now = self.clock.now()
        for recipient in envelope.rcpt_tos:
            self.mailbox.receive(recipient, content, now)
        for watcher in self._watchers:
            watcher.set()
        return "250 OK"

    def application(self) -> Starlette:
        """The pages, as an ASGI application."""
        routes: list[BaseRoute] = [
            Route("/", self._list, methods=["GET"]),
            Route("/", self._empty, methods=["DELETE"]),
            Route("/messages/{number:int}", self._message),
            Route("/messages/{number:int}/html", self._html),
            Route("/messages/{number:int}/raw", self._raw),
            Route("/live", self._live),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ]
        return Starlette(routes=routes)

    async def _list(self, request: Request) -> Response:
        to = request.query_params.get("to") or None
        if "application/json" in request.headers.get("accept", ""):
            limit = request.query_params.get("limit", "")
            most = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else None
            return JSONResponse([mail.as_json() for mail in islice(self.mailbox.newest_first(to), most)])
        part = "list.html" if request.query_params.get("part") == "list" else "inbox.html"
        return self._page(part, to, None)

    async def _empty(self, request: Request) -> Response:
        if request.headers.get("origin"):
            return Response("only programs may empty the inbox", 403)
        self.mailbox.empty()
        for watcher in self._watchers:
            watcher.set()
        return Response(status_code=204)

    async def _message(self, request: Request) -> Response:
        mail = self.mailbox.mail(request.path_params["number"])
        if mail is None:
            return RedirectResponse("/", 303)
        return self._page("inbox.html", request.query_params.get("to") or None, mail)

    async def _html(self, request: Request) -> Response:
        mail = self.mailbox.mail(request.path_params["number"])
        if mail is None:
            return Response("no such mail", 404)
        document = '<!doctype html><base target="_blank">' + (mail.html or "<p>This mail has no HTML part.</p>")
        return HTMLResponse(
            document.encode("utf-8", "replace"),
            headers={"content-security-policy": _MAIL_CSP, "referrer-policy": "no-referrer"},
        )

    async def _raw(self, request: Request) -> Response:
        mail = self.mailbox.mail(request.path_params["number"])
        if mail is None:
            return Response("no such mail", 404)
        return Response(mail.raw, media_type="text/plain; charset=utf-8")

    async def _live(self, request: Request) -> Response:
        """Say `mail` whenever one has come; what is open then asks for the list again."""

        async def events() -> AsyncIterator[dict[str, str]]:
            arrived = asyncio.Event()
            self._watchers.add(arrived)
            try:
                yield {"event": "listening", "data": "{}"}
                while True:
                    await arrived.wait()
                    arrived.clear()
                    newest = next(self.mailbox.newest_first(), None)
                    yield {"event": "mail", "data": json.dumps({"number": newest.number if newest else 0})}
            finally:
                self._watchers.discard(arrived)

        return EventSourceResponse(events(), ping=15)

    def _page(self, template: str, to: str | None, open_mail: Mail | None) -> Response:
        mails = list(islice(self.mailbox.newest_first(to), _LISTED))
        text = self._templates.get_template(template).render(
            mails=mails, open=open_mail, to=to, recipients=self.mailbox.recipients(), when=_when, who=_who
        )
        return HTMLResponse(
            text.encode("utf-8", "replace"),
            headers={"content-security-policy": _PAGE_CSP, "cache-control": "no-store", "vary": "accept"},
        )


async def serve(
    smtp: socket.socket, http: socket.socket, path: Path, clock: Clock, faults: MailFaults | None = None
) -> None:
    """Run the inbox on two listening sockets until SIGTERM, keeping its mails in `path`."""
    import uvicorn

    inbox = Inbox(Mailbox(path), clock)
    inbox.mailbox.open()
    loop = asyncio.get_running_loop()
    handler = inbox if faults is None else FaultyInbox(inbox, faults)

    def receiver() -> Receiver:
        return Receiver(handler, loop=loop, hostname="inbox.demo", ident="unghost inbox", enable_SMTPUTF8=True)

    receiving = await loop.create_server(receiver, sock=smtp)
    server = uvicorn.Server(
        uvicorn.Config(
            inbox.application(), access_log=False, log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
        )
    )
    with contextlib.closing(inbox.mailbox):
        await server.serve(sockets=[http])
        receiving.close()


def _when(moment: datetime) -> str:
    return f"{moment:%d %b, %H:%M:%S}"


def _who(sender: str) -> str:
    name, address = parseaddr(sender)
    return name or address or sender
