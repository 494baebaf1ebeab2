"""The arithmetic of limits: never more than the bucket and the day hold, and never longer to wait than was said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from unghost.jobboard.rules.allowance import Granted, Limits, Standing, borrow, untouched, wait

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND, NOTHING = timedelta(seconds=1), timedelta(0)
MICROSECOND = timedelta(microseconds=1)

rates = st.one_of(st.none(), st.integers(1, 5_000))
limits = st.builds(
    Limits, per_second=rates, burst=st.integers(1, 500), per_day=st.one_of(st.none(), st.integers(1, 20_000))
)
#: Seconds that pass, backwards too, as the clocks of two machines differ; and how many are wanted then.
steps = st.lists(st.tuples(st.floats(-2, 40_000), st.integers(1, 300)), max_size=60)


def granted(standing: Standing, limit: Limits, wanted: int, now: datetime = NOW) -> Granted:
    """It is granted."""
    found = borrow(standing, limit, wanted, now)
    assert isinstance(found, Granted)
    return found


@given(limits, steps)
def test_no_more_is_granted_in_any_time_than_the_bucket_holds_and_what_drips_into_it(
    limit: Limits, steps: list[tuple[float, int]]
) -> None:
    """spec R12"""
    standing, now, taken = untouched(NOW), NOW, list[tuple[datetime, int]]()
    for seconds, wanted in steps:
        now += timedelta(seconds=seconds)
        found = borrow(standing, limit, wanted, now)
        if isinstance(found, Granted):
            assert found.reports >= wanted
            standing = found.standing
            taken.append((max(now, taken[-1][0]) if taken else now, found.reports))
    if limit.per_second is None:
        return
    for first, (begin, _) in enumerate(taken):
        for last in range(first, len(taken)):
            window = taken[first : last + 1]
            # A grant rounds down to the microsecond, and is more than the bucket holds only when that is full.
            most = max(limit.burst, *(reports for _, reports in window))
            lasting = window[-1][0] - begin + MICROSECOND * (len(window) + 1)
            assert sum(reports for _, reports in window) <= most + lasting / SECOND * limit.per_second


@given(limits, steps)
def test_no_more_is_granted_on_a_day_than_its_quota_or_the_one_batch_that_is_larger(
    limit: Limits, steps: list[tuple[float, int]]
) -> None:
    standing, now, by_day = untouched(NOW), NOW, dict[object, list[int]]()
    for seconds, wanted in steps:
        now += timedelta(seconds=seconds)
        found = borrow(standing, limit, wanted, now)
        if isinstance(found, Granted):
            standing = found.standing
            by_day.setdefault(standing.day, []).append(found.reports)
    if limit.per_day is not None:
        assert all(sum(reports) <= limit.per_day or len(reports) == 1 for reports in by_day.values())


@given(limits, steps, st.integers(1, 300))
def test_whoever_waits_as_long_as_was_said_is_served(
    limit: Limits, steps: list[tuple[float, int]], wanted: int
) -> None:
    standing, now = untouched(NOW), NOW
    for seconds, before in steps:
        now += timedelta(seconds=seconds)
        found = borrow(standing, limit, before, now)
        standing = found.standing if isinstance(found, Granted) else standing
    waiting = borrow(standing, limit, wanted, now)
    if isinstance(waiting, Granted):
        assert wait(standing, limit, wanted, now) <= NOTHING
    else:
        assert waiting > NOTHING
        assert isinstance(borrow(standing, limit, wanted, now + waiting), Granted)
        assert not isinstance(borrow(standing, limit, wanted, now + waiting - MICROSECOND), Granted)


def test_a_clock_that_stands_still_gives_the_burst_and_nothing_more() -> None:
    for rate in (1, 3, 6, 7, 10, 999):
        limit, standing = Limits(rate, 9), untouched(NOW)
        for _ in range(9 // limit.portion):
            standing = granted(standing, limit, limit.portion).standing
        while isinstance(found := borrow(standing, limit, 1, NOW), Granted):
            assert found.reports == 9 % limit.portion
            standing = found.standing
        assert NOTHING < found <= SECOND / rate + MICROSECOND


def test_a_batch_above_the_days_quota_is_taken_as_the_first_of_a_day() -> None:
    limit = Limits(per_day=10)
    assert granted(untouched(NOW), limit, 25).reports == 25
    begun = granted(untouched(NOW), limit, 1).standing
    tomorrow = borrow(begun, limit, 25, NOW)
    assert isinstance(tomorrow, timedelta) and tomorrow < timedelta(days=1)
    taken = granted(begun, limit, 25, NOW + tomorrow)
    assert isinstance(borrow(taken.standing, limit, 1, NOW + tomorrow), timedelta), "and nothing of that day is left"


def test_a_batch_above_the_burst_is_taken_when_the_bucket_is_full_and_paid_for_after() -> None:
    limit = Limits(per_second=10, burst=20)
    first = granted(untouched(NOW), limit, 100)
    assert first.reports == 100
    assert borrow(first.standing, limit, 1, NOW) == timedelta(seconds=8.1)
    assert borrow(first.standing, limit, 100, NOW) == timedelta(seconds=10)


def test_the_quota_begins_anew_at_midnight_by_utc() -> None:
    """spec R12"""
    limit = Limits(per_day=5)
    standing = granted(untouched(NOW), limit, 5).standing
    assert borrow(standing, limit, 1, NOW) == timedelta(hours=12)
    elsewhere = (NOW + timedelta(hours=11)).astimezone(tz=None)
    assert borrow(standing, limit, 1, elsewhere) == timedelta(hours=1)
    assert granted(standing, limit, 5, NOW + timedelta(hours=12)).standing.used == 5


def test_a_clock_that_is_behind_neither_reopens_yesterday_nor_fills_the_bucket() -> None:
    limit = Limits(per_second=1, burst=4, per_day=100)
    tomorrow = NOW + timedelta(hours=12)
    standing = granted(untouched(NOW), limit, 4, tomorrow).standing
    behind = borrow(standing, limit, 1, tomorrow - SECOND)
    assert behind == 2 * SECOND
    assert granted(standing, limit, 1, tomorrow + SECOND).standing.used == 5


def test_a_portion_is_a_small_part_of_the_tightest_limit() -> None:
    assert Limits(1000, 1000).portion == 250
    assert Limits(1000, 20).portion == 5
    assert Limits(1000, 1000, 5000).portion == 5
    assert Limits(per_day=100_000).portion == 100
    assert Limits(2, 2, 10).portion == 1
