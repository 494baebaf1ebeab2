"""Starts and ends the programs that are measured, each as its users start it, with a log of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processor

ROOT = Path(__file__).parents[1]
SECRET_KEY = "the key of the benchmarks"
_PATIENCE = 60.0
#: Without a tick of processor time for so long, processes have started up.
_QUIET = 0.3


class Failed(Exception):
    """A program did not do what it was started for. The message holds the end of its log."""


class Program:
    """A running program, its descendants included."""

    def __init__(self, log: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> None:
        self._log = log
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNGHOST_")}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=inherited | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"} | dict(settings or {}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Root of its process tree."""
        return self._process.pid

    def said(self, pattern: str) -> str:
        """Wait until its log matches; the pattern's first group."""
        found: list[str] = []

        def look() -> bool:
            match = re.search(pattern, self._log.read_text(encoding="utf-8", errors="replace"))
            found.extend(match.groups() if match else ())
            return bool(found)

        self.wait_for(look, f"say {pattern}")
        return found[0]

    def answers(self, url: str) -> None:
        """Wait until it answers there, and all its processes have come to rest."""
        self.wait_for(lambda: _answered(url), f"answer at {url}")
        used = processor.seconds([self.pid])
        while True:
            time.sleep(_QUIET)
            if used == (used := processor.seconds([self.pid])):
                return

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition. Raises `Failed` if the program ends first, or takes too long."""
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"a program did not {what}: …{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def ended(self, patience: float) -> None:
        """Wait until it ends by itself. Raises `Failed` if it does not."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"a program did not end in {patience} s: …{self._log.read_text()[-2000:]}") from None

    def stop(self) -> None:
        """End it, and what it started."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def running(log: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Program]:
    """A program for the time of a context."""
    program = Program(log, *arguments, settings=settings)
    try:
        yield program
    finally:
        program.stop()


def settings(database_url: str, data_dir: Path, smtp_port: int | None = None) -> dict[str, str]:
    """The environment of unghost's programs."""
    given = {
        "UNGHOST_DATABASE_URL": database_url,
        "UNGHOST_DATA_DIR": str(data_dir),
        "UNGHOST_SECRET_KEY": SECRET_KEY,
        "UNGHOST_LOG_FORMAT": "json",
    }
    return given | ({"UNGHOST_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}"} if smtp_port else {})


@contextmanager
def board(database_url: str, folder: Path, processes: int) -> Iterator[tuple[Program, int]]:
    """`unghost serve`, and the port it listens on."""
    arguments = ("-m", "unghost", "serve", "--port", "0", "--processes", str(processes))
    with running(folder / "serve.log", *arguments, settings=settings(database_url, folder)) as program:
        port = int(program.said(r"unghost serves http://127\.0\.0\.1:(\d+)"))
        program.answers(f"http://127.0.0.1:{port}/readyz")
        yield program, port


@contextmanager
def dispatchers(database_url: str, folder: Path, processes: int, smtp_port: int) -> Iterator[Program]:
    """`unghost work`, at rest."""
    arguments = ("-m", "unghost", "work", "--processes", str(processes))
    given = settings(database_url, folder, smtp_port)
    with running(folder / "work.log", *arguments, settings=given) as program:
        program.said(r"(dispatcher_started)")
        yield program


@contextmanager
def uvicorn(app: str, folder: Path, processes: int, given: Mapping[str, str]) -> Iterator[tuple[Program, int]]:
    """An app served by Uvicorn as its documentation says, and the port it listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("--factory", "--workers", str(processes), "--port", str(port), "--no-access-log", "--backlog", "2048")
    log = folder / "uvicorn.log"
    with running(log, "-m", "uvicorn", app, *arguments, "--log-level", "warning", settings=given) as program:
        program.answers(f"http://127.0.0.1:{port}/")
        yield program, port


def _answered(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
