"""How much a child application may report: a token bucket, a daily quota, and what is borrowed at once (spec R12).

Pure. The bucket is one moment, when it is full again: nothing drips, and a clock that stands still gives nothing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

_SECOND = timedelta(seconds=1)
#: What a process borrows of each limit at once: the smaller, the less may lie unused in another process; the larger,
#: the fewer statements.
_OF_BUCKET, _OF_DAY = 4, 1000


class Limits(Struct, frozen=True):
    """Reports a second, how many may come at once, and how many a day; None: as many as come."""

    per_second: int | None = None
    burst: int = 1
    per_day: int | None = None

    @property
    def portion(self) -> int:
        """How many reports a process borrows at once, unless it needs more."""
        parts = [] if self.per_second is None else [self.per_second // _OF_BUCKET, self.burst // _OF_BUCKET]
        parts += [] if self.per_day is None else [self.per_day // _OF_DAY]
        return max(1, min(parts, default=1))


class Standing(Struct, frozen=True):
    """What of its limits a child application has taken. `used`: reports on the UTC `day`."""

    full_at: datetime
    day: date
    used: int


class Granted(Struct, frozen=True):
    """So many reports may be taken in, and this is what stands then."""

    reports: int
    standing: Standing


def untouched(now: datetime) -> Standing:
    """What stands before the first report: nothing is used up."""
    return Standing(now, _day(now), 0)


def borrow(standing: Standing, limits: Limits, wanted: int, now: datetime) -> Granted | timedelta:
    """Borrow `wanted` reports and with them what is left of a portion, or how long to wait until they are there.

    More at once than the bucket holds are granted when it is full, and leave it in debt; more than a day's are granted
    as the first of a day, and leave nothing of it: else they never could be.
    """
    waiting = wait(standing, limits, wanted, now)
    if waiting:
        return waiting
    reports = max(wanted, _portion_at_hand(standing, limits, now))
    full_at = max(standing.full_at, now)
    if limits.per_second is not None:
        full_at += _SECOND * reports // limits.per_second
    return Granted(reports, Standing(full_at, max(standing.day, _day(now)), _used(standing, now) + reports))


def wait(standing: Standing, limits: Limits, wanted: int, now: datetime) -> timedelta:
    """How long until so many can be borrowed, if nobody else borrows. Nothing: now."""
    waiting = timedelta(0)
    if limits.per_second is not None:
        spare = _SECOND * max(0, limits.burst - wanted) // limits.per_second
        waiting = max(waiting, standing.full_at - spare - now)
    used = _used(standing, now)
    if limits.per_day is not None and used and used + wanted > limits.per_day:
        tomorrow = datetime.combine(max(standing.day, _day(now)) + timedelta(days=1), time(), UTC)
        waiting = max(waiting, tomorrow - now)
    return waiting


def _portion_at_hand(standing: Standing, limits: Limits, now: datetime) -> int:
    """A portion, or what there is of it at this moment."""
    most = limits.portion
    if limits.per_second is not None:
        room = _SECOND * limits.burst // limits.per_second - max(standing.full_at - now, timedelta(0))
        most = min(most, room * limits.per_second // _SECOND)
    if limits.per_day is not None:
        most = min(most, limits.per_day - _used(standing, now))
    return most


def _used(standing: Standing, now: datetime) -> int:
    """Reports of today. A process whose clock is behind counts on in the newest day that another has begun."""
    return standing.used if standing.day >= _day(now) else 0


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
