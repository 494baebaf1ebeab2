"""A running job board for tests of the board API and its description: real server, sockets and PostgreSQL."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn

from unghost.jobboard.settings import Settings
from unghost.jobboard.web.app import create_app

KEY = "board-key-of-the-tests"


class Wound:
    """A clock that tests wind."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """The machine's time, and what it was wound."""
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Answer:
    """What came back. `json` is None for an empty body."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Board:
    """A board that listens on `port`."""

    port: int
    clock: Wound
    url: str

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        key: str | None = KEY,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request; `raw` is sent as it is, `body` as JSON."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {key}")
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def raw(self, sent: bytes, *, go_away: bool = False) -> bytes:
        """Bytes on the wire, and all that comes back until the server closes; `go_away`: say that no more follows."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as line:
            try:
                line.sendall(sent)
                if go_away:
                    line.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: line.recv(65536), b""))
            except (BrokenPipeError, ConnectionResetError):
                return b""


def segment(text: str) -> str:
    """A name as it stands in a path."""
    return quote(text, safe="")


@contextmanager
def serving(database_url: str, data_dir: Path, **settings: Any) -> Iterator[Board]:
    """A board over this database, with the key of the tests unless told otherwise."""
    given: dict[str, Any] = {"board_keys": (KEY, "another-key"), "data_dir": data_dir} | settings
    clock = Wound()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        port = listener.getsockname()[1]
        app = create_app(Settings(database_url=database_url, base_url=f"http://127.0.0.1:{port}", **given), clock)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2))
        ready = threading.Event()
        startup = server.startup

        async def told(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            ready.set()

        server.startup = told  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert ready.wait(30), "the board did not start"
        try:
            yield Board(port, clock, f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            thread.join(30)
