"""How long to wait before the next attempt. Pure: the source of chance is an argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

#: The longest wait after the first failed attempt; it doubles with each further one, up to `LONGEST`.
FIRST = timedelta(seconds=10)
LONGEST = timedelta(hours=1)


def wait(
    attempts: int, chance: Callable[[], float], *, first: timedelta = FIRST, longest: timedelta = LONGEST
) -> timedelta:
    """The wait after `attempts` attempts: anything between nothing and a bound that doubles (full jitter).

    `chance` gives a number from 0 up to and without 1, as `random.random` does.
    """
    doublings = min(max(attempts, 1) - 1, 32)
    return min(longest, first * (1 << doublings)) * chance()
