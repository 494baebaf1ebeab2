"""A customer's token bucket and daily quota, by themselves (spec R31)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unghost.ats.allowance import Allowance

DAY = 86_400_000


def test_a_bucket_begins_full_and_fills_at_its_rate() -> None:
    fresh = Allowance()
    assert fresh.left(0, 5.0, 10, None) == 10
    spent = fresh.spent(10, 0, 5.0, 10)
    assert spent.left(0, 5.0, 10, None) == 0 and spent.wait(0, 5.0, 10, None) == 200
    assert spent.left(200, 5.0, 10, None) == 1 and spent.left(10**9, 5.0, 10, None) == 10


def test_a_quota_begins_anew_at_midnight() -> None:
    spent = Allowance().spent(3, 5, None, 1)
    assert spent.left(5, None, 1, 3) == 0 and spent.wait(5, None, 1, 3) == DAY - 5
    assert spent.left(DAY, None, 1, 3) == 3


@given(st.lists(st.integers(0, 3000), max_size=40), st.floats(0.1, 100), st.integers(1, 50))
def test_no_more_is_sent_than_the_rate_allows(gaps: list[int], rate: float, burst: int) -> None:
    now, sent, allowance = 0, 0, Allowance()
    for gap in gaps:
        now += gap
        count = allowance.left(now, rate, burst, None)
        if count:
            allowance, sent = allowance.spent(count, now, rate, burst), sent + count
        else:
            wait = allowance.wait(now, rate, burst, None)
            assert allowance.left(now + wait + 1, rate, burst, None) >= 1
    assert sent <= burst + now * rate / 1000 + 1e-6


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    spent = Allowance().spent(10, 5000, 1.0, 10)
    assert spent.left(0, 1.0, 10, None) == 0
