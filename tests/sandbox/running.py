"""Runs the sandbox's child processes as the demo does."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import unghost
from unghost.sandbox.processes import listen

T = TypeVar("T")
S = TypeVar("S", bound=socketserver.BaseServer)
SOURCE = str(Path(unghost.__file__).parent.parent)


def environment(**more: str) -> dict[str, str]:
    """The environment of a child: none of this run's settings, and the source tree under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNGHOST_")}
    return kept | {"PYTHONPATH": SOURCE} | more


@contextmanager
def answering(server: S) -> Iterator[S]:
    """A server that answers in a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_for(look: Callable[[], T], seconds: float = 30.0) -> T:
    """What `look` gives as soon as it is true. Fails when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"did not come within {seconds} seconds"
        time.sleep(0.02)


@dataclass
class RunningInbox:
    smtp_port: int
    url: str
    process: subprocess.Popen[bytes]
    lifeline: int

    def mails(self, query: str = "") -> list[dict[str, Any]]:
        request = urllib.request.Request(self.url + query, headers={"Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            read: list[dict[str, Any]] = json.loads(answer.read())
        return read


@contextmanager
def inbox(path: Path) -> Iterator[RunningInbox]:
    """An inbox process on free ports, keeping its mails in `path`."""
    smtp, http = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    reading, writing = os.pipe()
    descriptors = [str(smtp.fileno()), str(http.fileno())]
    arguments = ["inbox", "--lifeline", str(reading), "--path", str(path)]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "unghost.sandbox.child",
            *arguments,
            "--listen",
            descriptors[0],
            "--listen",
            descriptors[1],
        ],
        pass_fds=(reading, smtp.fileno(), http.fileno()),
        env=environment(),
    )
    os.close(reading)
    running = RunningInbox(smtp.getsockname()[1], f"http://127.0.0.1:{http.getsockname()[1]}/", process, writing)
    try:
        with smtp, http:
            running.mails()  # waits in the listening socket until the process is there
        yield running
    finally:
        os.close(writing)
        process.terminate()
        process.wait(10)
