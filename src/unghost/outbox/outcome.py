"""What an attempt came to: done, to be tried later, or given up with a reason.

Plain values: they decide nothing and store nothing. `detail` is for operators and never holds an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Done:
    """It worked. `detail`: what the other side answered, if that is worth keeping."""

    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """It did not work now and may work later.

    `after`: how long the other side asks to wait; None: the backoff decides.
    `way_closed`: not this item but the way itself failed (the server is down): the loop rests before it claims more.
    """

    after: timedelta | None
    detail: str
    way_closed: bool = False


@dataclass(frozen=True, slots=True)
class Unbegun(TryLater):
    """It was not tried: there was no time left, and nothing is wrong."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will never work, or must not be done. `reason` is one of the end's own words, for its row.

    `also`: what else is to be noted in the transaction that settles it, in the end's own words.
    """

    reason: str
    detail: str | None = None
    also: str | None = None


Outcome = Done | TryLater | GiveUp
