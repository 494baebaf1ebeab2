"""How much a customer may send now: a token bucket and a quota for each day (spec R31). Pure.

Both live in the customer's row, so that they survive whoever holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left. `level`: reports in the bucket at `at`; None: it has never been used and is full."""

    level: float | None = None
    at: int | None = None
    day: int | None = None
    used: int = 0

    def left(self, now: int, rate: float | None, burst: int, quota: int | None) -> int:
        """How many reports may be sent now, at most a million."""
        allowed = 1_000_000
        if rate is not None:
            allowed = min(allowed, int(self._level(now, rate, burst)))
        if quota is not None:
            allowed = min(allowed, quota - self._used(now))
        return max(0, allowed)

    def wait(self, now: int, rate: float | None, burst: int, quota: int | None) -> int:
        """Milliseconds until one more may be sent."""
        if quota is not None and self._used(now) >= quota:
            return _DAY - now % _DAY
        if rate is None:
            return 0
        return max(0, -int(-(1 - self._level(now, rate, burst)) * 1000 // rate))

    def spent(self, count: int, now: int, rate: float | None, burst: int) -> Allowance:
        """What is left when `count` are sent now."""
        after = replace(self, day=now // _DAY, used=self._used(now) + count)
        if rate is None:
            return replace(after, level=None, at=None)
        return replace(after, level=self._level(now, rate, burst) - count, at=now)

    def _level(self, now: int, rate: float, burst: int) -> float:
        if self.level is None or self.at is None:
            return float(burst)
        return min(float(burst), self.level + max(0, now - self.at) * rate / 1000)

    def _used(self, now: int) -> int:
        return self.used if self.day == now // _DAY else 0
