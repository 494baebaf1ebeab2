"""Reads `72h`, `1h30m`, `500ms`. Pure, and light enough for a test's process."""

from __future__ import annotations

import re
from datetime import timedelta

_PARTS = re.compile(r"([0-9]{1,6})(d|h|ms|m|s)")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}


class BadDuration(ValueError):
    """It is no time, or one that goes back. The message is one sentence with the remedy."""


def duration(given: str) -> timedelta:
    """The time that is written there. Raises `BadDuration`."""
    if not given.isascii() or not re.fullmatch(rf"({_PARTS.pattern})+", given):
        back = "goes back, and the clock goes forward only" if given.startswith("-") else "is no time"
        raise BadDuration(f"{given[:40]!r} {back}: give a number with d, h, m, s or ms, such as 72h or 1h30m")
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in _PARTS.findall(given)), timedelta(0))


def written(time: timedelta) -> str:
    """A time as `duration` reads it, in its largest units; what is below a millisecond is left out."""
    if time < timedelta(0):
        return f"-{written(-time)}"
    left, parts = time // timedelta(milliseconds=1), []
    for unit, name in _UNITS.items():
        count, left = divmod(left, timedelta(**{name: 1}) // timedelta(milliseconds=1))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
