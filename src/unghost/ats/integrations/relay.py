"""A local HTTP endpoint that records activities for programs in any language (spec R29). The standard library's server.

POST /activities; 201 is answered after the commit. Must not be reachable from elsewhere without a key.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import socket
import sys
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from unghost.ats import events
from unghost.ats.activity import Activity
from unghost.ats.events import EventsError
from unghost.ats.record import record
from unghost.ats.store import callers, recording
from unghost.clock import Clock

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

PATH = "/activities"
_SECONDS = 30
_AGAIN = 5


class RelayError(ValueError):
    """It cannot listen there. The message is one sentence with the remedy."""


class Relay(ThreadingHTTPServer):
    """The server; `serve_forever` until `shutdown`. `key`: what callers must send as a bearer token."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, engine: Engine, clock: Clock, key: str | None = None) -> None:
        """Listens. Raises `RelayError` for an address that others reach without a key, and `OSError`."""
        if key is None and not _is_loopback(host):
            raise RelayError(f"{host} can be reached from elsewhere: give --key, or listen on 127.0.0.1")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.engine, self.clock, self.key = engine, clock, key
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news; anything else is a fault of ours and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _lock(connection: Connection, activities: Sequence[Activity]) -> None:
    """Lock what a request names, in an order that is everybody's; the activities keep theirs (spec R30)."""
    speaking = callers.of(connection)
    assert isinstance(speaking, callers.Caller)
    found = (speaking.fetch(each.sql, each.values) for each in recording.finding(activities, speaking.mark))
    ids = {row[0] for rows in found for row in rows}
    for each in recording.locking(ids, speaking.dialect, speaking.mark):
        speaking.fetch(each.sql, each.values)


class _Handler(BaseHTTPRequestHandler):
    server: Relay
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def do_POST(self) -> None:
        """Record what is sent."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "Content-Length", "Content-Length is missing: say how long it is")
            return
        if len(length) > 9 or int(length) > events.MOST_BYTES:
            limit = f"the body is larger than {events.MOST_BYTES >> 20} MiB: send fewer activities at once"
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "", limit)
            return
        body = self.rfile.read(int(length))
        if self.path.partition("?")[0] != PATH:
            self._refuse(HTTPStatus.NOT_FOUND, "", f"there is nothing at this path: POST to {PATH}")
        elif not self._may():
            self._refuse(HTTPStatus.UNAUTHORIZED, "Authorization", "the key is missing or wrong: send it as Bearer")
        elif "Origin" in self.headers:
            # A page in somebody's browser must not be able to record through the machine that it is shown on.
            self._refuse(HTTPStatus.FORBIDDEN, "Origin", "a browser's page may not record: send it from a server")
        else:
            self._record(body)

    def do_GET(self) -> None:
        """There is nothing to read."""
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "", f"there is nothing to read here: POST to {PATH}")

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _record(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            activities = events.read(headers.get("content-type", ""), headers, body)
        except EventsError as error:
            refusals = [{"index": each.index, "field": each.field, "message": each.message} for each in error.refusals]
            self._answer(HTTPStatus.BAD_REQUEST, {"errors": refusals})
            return
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.server.engine.begin() as connection:
                _lock(connection, activities)
                told = record(connection, *activities, now=self.server.clock.now())
        except SQLAlchemyError:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "", "the database does not answer: send it again later")
            return
        self._answer(HTTPStatus.CREATED, {"written": told.written, "left_out": told.left_out})

    def _may(self) -> bool:
        if self.server.key is None:
            return True
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(errors="replace"), f"Bearer {self.server.key}".encode())

    def _refuse(self, status: HTTPStatus, field: str, message: str) -> None:
        # What was not read would be taken for the next request.
        self.close_connection = status in (HTTPStatus.LENGTH_REQUIRED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE) or (
            self.command != "POST"
        )
        self._answer(status, {"errors": [{"index": 0, "field": field, "message": message}]})

    def _answer(self, status: HTTPStatus, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "POST")
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", str(_AGAIN))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """What the header Server says."""
        return "unghost"

    def log_message(self, format: str, *args: object) -> None:
        """Ids of applications are nobody else's business: nothing is logged."""
