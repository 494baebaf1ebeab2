"""The ATS as a process of certify's own: started with what a partner configures, ended and started again.

It runs in a process group of its own, so that all that belongs to it ends with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

_STOP_SECONDS = 15.0


class NotStarted(Exception):
    """It ended, or cannot be started. The message is one sentence."""


@dataclass
class Process:
    """One command. `environment`: what it gets besides this process's own; `log`: where its words go.

    In a block of `held` nothing interrupts this process, so that none is started and forgotten.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    held: Callable[[], AbstractContextManager[None]]
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Raises `NotStarted`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNGHOST_")}
        try:
            with self.held(), self.log.open("ab") as log:
                self._running = subprocess.Popen(
                    list(self.command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=inherited | dict(self.environment),
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            raise NotStarted(f"{self.command[0]} cannot be started ({error}): see ats.start") from None

    def check(self) -> None:
        """Raises `NotStarted` if it has ended."""
        if self._running is not None and (code := self._running.poll()) is not None:
            words = self.log.read_text(errors="replace").split("\n")
            last = next((line.strip() for line in reversed(words) if line.strip()), "nothing")
            raise NotStarted(f"{self.command[0]} ended with {code}, its last words: {last[:300]}")

    def stop(self) -> None:
        """End it and all that it started."""
        with self.held():
            running, self._running = self._running, None
            if running is None:
                return
            _signal(running.pid, signal.SIGTERM)
            try:
                running.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(running.pid, signal.SIGKILL)
                running.wait()
            _signal(running.pid, signal.SIGKILL)  # whoever of its group has stayed

    def restart(self) -> None:
        """End it, then start it again. Raises `NotStarted`."""
        self.stop()
        self.start()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
