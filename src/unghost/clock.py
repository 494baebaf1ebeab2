"""The time of day, as a thing that is handed around.

Only the edges (processes, web handlers, commands) ask a clock; everything below takes `now` as an argument.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. The system's clock is one; the sandbox has one that can be wound (spec R37)."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)
