"""SIGINT and SIGTERM while an ATS is tried: the run ends in order, and there is a report.

Must not know what is tried.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Interrupted(BaseException):
    """Somebody ends the run. It is no `Exception`: nothing on the way may take it for a failure of the ATS."""


@dataclass
class Interrupts:
    """The signals of one run. `number`: of the first that came; the later ones are passed over."""

    number: int | None = None
    _held: bool = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """In this block the first signal raises `Interrupted`."""
        before = {number: signal.signal(number, self._came) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """In this block nothing is interrupted; what came meanwhile is raised at its end."""
        came_before, self._held = self.number, True
        try:
            yield
        finally:
            self._held = False
            if self.number != came_before:
                raise Interrupted

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number
            if not self._held:
                raise Interrupted
