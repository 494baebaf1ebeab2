"""Tells what stands on pages: there the row itself is what is read, so settling it tells it and wakes open pages."""

from __future__ import annotations

from datetime import datetime

from unghost.jobboard.letter import Letter
from unghost.outbox import Done, Outcome


class Live:
    """The channel of JOB_POSTING and MY_JOBS. `store.telling.settle` notifies the pages in the same transaction."""

    slots = 100

    async def tell(self, letter: Letter, now: datetime) -> Outcome:
        """Nothing is left to do."""
        return Done()

    async def close(self) -> None:
        """Nothing is open."""
