"""Erases an applicant once nothing about them is in a dispatcher's hands (spec R20, docs/decisions/erasure.md).

Must hold no lock while it waits, and must not know what lies in which table: store/erasing does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection

from unghost.clock import Clock
from unghost.jobboard.store import erasing
from unghost.jobboard.store.erasing import Erased
from unghost.jobboard.tombstones import Tombstones

log = logging.getLogger(__name__)

#: Seconds between two looks at what a dispatcher has in its hands.
_LOOK_AGAIN = 0.05

Connections = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]
"""Gives a connection for one transaction: a pool's `connection`, say."""


@dataclass(frozen=True, kw_only=True)
class Eraser:
    """Erases applicants. `lease`: how long a dispatcher may have something in its hands, and so the longest wait."""

    tombstones: Tombstones
    clock: Clock
    lease: timedelta

    async def erase(self, connections: Connections, applicant: int) -> Erased | None:
        """Erase an applicant, committed on return; None: there is no such applicant, or no more.

        From then on no dispatcher sends anything about them: what was in a dispatcher's hands has ended, or its lease
        has, and with it the attempt.
        """
        loop = asyncio.get_running_loop()
        patience = loop.time() + self.lease.total_seconds()
        while True:
            patient = loop.time() < patience
            try:
                async with connections() as connection, connection.transaction():
                    erased = await erasing.erase(
                        connection, applicant, self.tombstones, self.clock.now(), patient=patient
                    )
                break
            except erasing.InHand:
                await asyncio.sleep(_LOOK_AGAIN)
        if erased is not None:
            log.info("an applicant was erased, with %d applications", erased.applications)
        return erased
