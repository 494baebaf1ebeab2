"""The sandbox's test clock: one word in a file that every process of the sandbox has mapped (spec R37).

It says "so far from the system's clock" or "stopped at this moment", and goes forward only. One process winds it; the
others read it at the price of a look into memory.
"""

from __future__ import annotations

import mmap
import os
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from unghost.clock import Clock, SystemClock

#: No further than this: moments are added to, and no calendar goes on for ever.
LAST = datetime(2200, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BYTES = 8


class WoundBack(ValueError):
    """The clock would have gone back, or too far ahead. The message is one sentence with the remedy."""


@dataclass
class ClockFile:
    """A `Clock` in a file, made on first use. Eight bytes that are read and written at once, so nobody sees half.

    The lowest bit says whether the clock is stopped; the rest counts microseconds, from the epoch to where it stopped
    or from the system's clock to here.
    """

    path: Path
    system: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with closing(os.fdopen(descriptor, "r+b")) as file:
            if os.fstat(descriptor).st_size < _BYTES:
                file.truncate(_BYTES)  # zero: the system's clock itself
            self._word = memoryview(mmap.mmap(descriptor, _BYTES)).cast("q")

    def now(self) -> datetime:
        """The present moment of the sandbox, aware, in UTC."""
        word = self._word[0]
        return (_EPOCH if word & 1 else self.system.now()) + timedelta(microseconds=word >> 1)

    @property
    def stopped(self) -> bool:
        """Whether it stands still."""
        return bool(self._word[0] & 1)

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of the system's clock; behind it when it was stopped and nobody wound it on."""
        return self.now() - self.system.now()

    def stop(self) -> datetime:
        """Stop it where it is; gives that moment."""
        now = self.now()
        self._set(now, stopped=True)
        return now

    def run(self) -> datetime:
        """Let it run on from where it is; gives that moment."""
        now = self.now()
        self._set(now - self.system.now(), stopped=False)
        return now

    def wind(self, to: datetime, *, stopped: bool) -> datetime:
        """Set it to a moment that is not before its present one, and stop it there or let it run on from there.

        Raises `WoundBack`.
        """
        now = self.now()
        if to < now:
            raise WoundBack(
                f"the clock stands at {said(now)} and goes forward only: give a later moment than {said(to)}"
            )
        if to > LAST:
            raise WoundBack(f"{said(to)} is further than a clock can be wound: give a moment before {said(LAST)}")
        self._set(to if stopped else to - self.system.now(), stopped)
        return to

    def begin_again(self) -> None:
        """The system's clock again, although that may be before: only for when all that was stored is gone, too."""
        self._word[0] = 0

    def put_back(self, to: datetime | None, ahead: timedelta) -> None:
        """As it was when a snapshot was taken: stopped at a moment, or so far ahead."""
        if to is None:
            self._set(ahead, stopped=False)
        else:
            self._set(to, stopped=True)

    def _set(self, value: datetime | timedelta, stopped: bool) -> None:
        count = (value - _EPOCH if isinstance(value, datetime) else value) // _MICROSECOND
        self._word[0] = count << 1 | stopped


def said(moment: datetime) -> str:
    """A moment as answers and pages write it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
