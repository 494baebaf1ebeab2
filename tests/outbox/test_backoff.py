"""The wait between attempts: full jitter under a bound that doubles."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from unghost.outbox import wait
from unghost.outbox.backoff import FIRST, LONGEST


@given(st.integers(0, 40_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_its_bound(attempts: int, chance: float) -> None:
    assert timedelta(0) <= wait(attempts, lambda: chance) <= LONGEST


def test_the_bound_doubles_until_the_longest_wait() -> None:
    bounds = [wait(attempts, lambda: 1.0) for attempts in range(1, 12)]
    assert bounds[:4] == [FIRST, FIRST * 2, FIRST * 4, FIRST * 8]
    assert bounds[-1] == LONGEST


def test_chance_spreads_attempts_over_the_whole_wait() -> None:
    assert wait(3, lambda: 0.0) == timedelta(0)
    assert wait(3, lambda: 0.5) == FIRST * 2
