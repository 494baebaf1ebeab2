"""Serves a WSGI application on a port or on a socket that the parent process has opened: enough for an example."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from .settings import VARIABLES, Settings, SettingsError, load

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, bound: socket.socket, application: WSGIApplication) -> None:
        super().__init__(bound.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.server_name, self.server_port = bound.getsockname()[:2]
        self.setup_environ()
        self.set_app(application)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # somebody closed the page
            super().handle_error(request, client_address)


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the lines would hold what people looked at."""


def main(program: str, create: Callable[[Settings], WSGIApplication], argv: Sequence[str] | None = None) -> int:
    """Run an example until SIGTERM or Ctrl-C."""
    epilog = "environment: " + "; ".join(f"{name} ({what})" for name, (what, _) in VARIABLES.items())
    parser = argparse.ArgumentParser(prog=f"python -m {program}", epilog=epilog)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 0), help="0: any free one")
    where.add_argument("--listen-fd", type=int, help="a listening socket that was inherited")
    parser.add_argument("--lifeline", type=int, help="a pipe at whose end this process ends")
    given = parser.parse_args(argv)
    if given.lifeline is not None:
        threading.Thread(target=_end_with, args=(given.lifeline,), daemon=True).start()
    try:
        application = create(load())
        bound = socket.socket(fileno=given.listen_fd) if given.listen_fd is not None else _listen(given.port)
    except (SettingsError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    server = _Server(bound, application)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"http://{server.server_name}:{server.server_port}/", flush=True)
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


def _listen(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.listen(128)
    return bound


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
