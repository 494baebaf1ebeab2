"""An ATS's webhook as a real HTTP server on loopback: it keeps what it was sent and answers as a test tells it."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Sent:
    """One delivery as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def application(self) -> str:
        """Its jobApplicationId."""
        return str(json.loads(self.body)["jobApplicationId"])

    def signed_by(self, secret: str) -> bool:
        """Does its signature fit?"""
        digest = hmac.new(secret.encode(), b"hmacsha256=" + self.body, hashlib.sha256).hexdigest()
        return self.headers["x-li-signature"] == digest


Said = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


@dataclass
class Ats:
    """What it got and how it answers. `answer` is called for each delivery, `challenged` for each challenge."""

    secret: str
    port: int = 0
    scheme: str = "http"
    deliveries: list[Sent] = field(default_factory=list)
    challenges: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[Sent], Said] = lambda sent: (200, {}, b"")
    challenged: Callable[[Ats, str], Said] = lambda ats, code: ats.proof(code)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its webhook."""
        return f"{self.scheme}://127.0.0.1:{self.port}/applications"

    def proof(self, code: str, secret: str | None = None) -> Said:
        """The right answer to a challenge."""
        response = hmac.new((secret or self.secret).encode(), code.encode(), hashlib.sha256).hexdigest()
        body = {"challengeCode": code, "challengeResponse": response}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


@contextmanager
def listening(secret: str, tls: ssl.SSLContext | None = None) -> Iterator[Ats]:
    """An ATS that listens."""
    ats = Ats(secret)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = Sent(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            ats.deliveries.append(sent)
            self._say(ats.answer(sent))

        def do_GET(self) -> None:
            asked: dict[str, Any] = {name: given[0] for name, given in parse_qs(urlsplit(self.path).query).items()}
            ats.challenges.append(asked)
            self._say(ats.challenged(ats, asked["challengeCode"]))

        def _say(self, said: Said) -> None:
            status, headers, body = said
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # the other side hangs up when it has waited long enough

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        ats.scheme = "https"
    ats.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield ats
    finally:
        ats.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(30)
