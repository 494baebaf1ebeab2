"""A sandbox for one test session: started with it and ended with it, however it ends; or one that runs already.

Imports the standard library only: the sandbox is a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from unghost.sandbox.talk import Control, SandboxError

_START_SECONDS, _STOP_SECONDS = 120.0, 20.0
_SETTING = re.compile(r"(UNGHOST_[A-Z0-9_]+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: its control server, and who plays in it (`GET /story`)."""

    control: Control
    story: dict[str, Any]


def running(url: str) -> Sandbox:
    """The sandbox whose control server is at this address. Raises `SandboxError`."""
    if not url.startswith(("http://", "https://")):
        raise SandboxError(f"{url!r} is no address: give the control page's, such as http://127.0.0.1:8401")
    control = Control(url.rstrip("/") + "/")
    return Sandbox(control, control.ask("GET", "story"))


@contextmanager
def started(options: Sequence[str]) -> Iterator[Sandbox]:
    """A sandbox of this session's own on free ports. `options`: those of `unghost sandbox`, and UNGHOST_…=… settings.

    Raises `SandboxError` if it cannot be started.
    """
    settings = {found[1]: found[2] for word in options if (found := _SETTING.fullmatch(word))}
    command = [word for word in options if not _SETTING.fullmatch(word)]
    for port in ("--port", "--control-port"):
        if not any(word == port or word.startswith(f"{port}=") for word in command):
            command += [port, "0"]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "unghost", "sandbox", "--json", "--lifeline", *command],
            # Its lifeline: it ends when the last holder of the other end has gone.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(settings),
            # A Ctrl-C is for the session, which then ends the sandbox in order.
            start_new_session=True,
        )
        try:
            line = _first_line(process, errors)
            control = Control(line["control_url"], lambda: _fate(process, errors))
            yield Sandbox(control, control.ask("GET", "story"))
        finally:
            _end(process)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's without the settings of the unghost under test; no module of the tests' own folder gets in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNGHOST_")}
    return kept | {"PYTHONSAFEPATH": "1"} | settings


def _first_line(process: subprocess.Popen[bytes], errors: IO[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(_START_SECONDS):
            raise SandboxError(f"the sandbox was not ready within {_START_SECONDS:.0f} seconds{_words(errors)}")
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise SandboxError(_why_not(errors))
    read: dict[str, Any] = json.loads(line)
    return read


def _why_not(errors: IO[bytes]) -> str:
    last = _last(errors)
    if "ModuleNotFoundError" in last:
        missing = last.partition(": ")[2]
        return f"unghost's sandbox is not installed here ({missing}): pip install 'unghost[sandbox]'"
    return f"unghost's sandbox cannot start: {last.removeprefix('unghost: ') or 'it said nothing'}"


def _fate(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    code = process.poll()
    return "" if code is None else f"exit code {code}{_words(errors)}"


def _words(errors: IO[bytes]) -> str:
    last = _last(errors)
    return f", its last words: {last}" if last else ""


def _last(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 4096))
    lines = errors.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
