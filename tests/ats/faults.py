"""A faulty way to a real board: a proxy that answers in its stead, or cuts the line before or after the board acted."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_token(self) -> bool:
        return self.path.endswith("/accessToken")

    @property
    def actions(self) -> list[tuple[str, str]]:
        """(application's URN, action) of each report in it."""
        if self.is_token or not self.body:
            return []
        read = json.loads(self.body)
        return [(one["jobApplicationId"], one["action"]) for one in read.get("elements", [read])]


@dataclass(frozen=True)
class Says:
    """An answer in the board's stead."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


CUT_BEFORE, CUT_AFTER = "cut before", "cut after"
#: Bytes: the board acts, and this much of an answer is sent before the line is cut.
Fault = Says | bytes | str | None


class Way:
    """The proxy. `fault` is asked for each call; `calls` are all that came."""

    def __init__(self, board_port: int) -> None:
        self.board_port = board_port
        self.fault: Callable[[Call], Fault] = lambda call: None
        self.calls: list[Call] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def reports(self) -> list[Call]:
        return [call for call in self.calls if not call.is_token]

    def first(self, count: int, fault: Fault, *, token: bool = False) -> None:
        """Meet the first so many calls with a fault."""
        left = [count]

        def decide(call: Call) -> Fault:
            if call.is_token != token or left[0] <= 0:
                return None
            left[0] -= 1
            return fault

        self.fault = decide


@contextmanager
def faulty(board_port: int) -> Iterator[Way]:
    """A faulty way to the board on this port."""
    way = Way(board_port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = Call(self.command, self.path, dict(self.headers.items()), body)
            way.calls.append(call)
            fault = way.fault(call)
            if fault == CUT_BEFORE:
                return self.cut()
            status, headers, content = self.forwarded(call) if not isinstance(fault, Says) else (
                fault.status, dict(fault.headers), fault.body,
            )  # fmt: skip
            if isinstance(fault, bytes):
                self.wfile.write(fault)
            if fault == CUT_AFTER or isinstance(fault, bytes):
                return self.cut()
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return None

        do_POST = do_DELETE = handle_call

        def forwarded(self, call: Call) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", way.board_port, timeout=20)
            try:
                connection.request(call.method, call.path, call.body, call.headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.headers.items()), answer.read()
            except OSError:
                return 502, {}, b"the board is away"
            finally:
                connection.close()

        def cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_given: Any) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

        def handle_error(self, *_given: Any) -> None:
            """A caller that hung up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    way.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
