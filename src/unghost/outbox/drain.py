"""Working off due rows: one step with `now`, and the loop around it with a number of slots.

It claims only what it can begin at once, so that what is read with the claim is true when it is acted on, and settles
each attempt as soon as it ends: killed, it leaves at most twice its slots unsettled. Must not know what the rows are.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from unghost.clock import Clock
from unghost.outbox import backoff
from unghost.outbox.outcome import GiveUp, Outcome, TryLater, Unbegun

log = logging.getLogger(__name__)

#: Seconds between two looks for due rows when nothing rings.
POLL = 0.5
#: Seconds between two claims while fewer than half of the slots are free or little is due: rows gather meanwhile.
_GATHER = 0.01
#: Seconds before a settlement that could not be stored is tried again.
_SETTLE_AGAIN = 0.2
#: Seconds that claims wait once the database is back: what was done while it was away is settled first.
_AFTER_AN_OUTAGE = 1.0
#: The part of the lease that is left unused, so that an attempt has ended before another may begin it.
_MARGIN = 0.2
#: How long the loop rests when the way is closed: at first and at most.
_REST, _LONGEST_REST = timedelta(seconds=0.5), timedelta(seconds=30)
_UNBEGUN = Unbegun(timedelta(0), "stopped before the attempt began")


class Item(Protocol):
    """A claimed row. `attempts` counts this claim too, and is the fence of its settlement."""

    @property
    def attempts(self) -> int:
        """How often it has been claimed."""
        ...


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(frozen=True, slots=True)
class Settlement(Generic[ItemT]):
    """How an attempt ended and when; `again_at`: when the next may begin, for `TryLater` only."""

    item: ItemT
    outcome: Outcome
    at: datetime
    again_at: datetime | None


class Claims(Protocol[ItemT]):
    """Where due rows are: the job board's notices, the ATS end's activities."""

    async def claim(self, now: datetime, limit: int) -> Sequence[ItemT]:
        """Take up to `limit` due rows under a lease, committed, with what must be known to act on them now."""
        ...

    async def settle(self, settlements: Sequence[Settlement[ItemT]]) -> None:
        """Store how attempts ended, in one transaction. A row that was claimed again since is left alone."""
        ...


@dataclass(kw_only=True)
class Drain(Generic[ItemT]):
    """Works off one kind of row. `lease`: for how long a claim holds; `bell`: rings when something may be due."""

    claims: Claims[ItemT]
    attempt: Callable[[ItemT], Awaitable[Outcome]]
    clock: Clock
    slots: int
    lease: timedelta
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    chance: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._ended: list[Settlement[ItemT]] = []
        self._unsettled = 0
        self._to_settle = asyncio.Event()
        self._stopping = False
        self._more = False  # the last claim got all it asked for: more may be due
        self._closed = 0  # how often in a row the way was found closed
        self._closed_at = 0.0
        self._rest_until = 0.0

    async def step(self, now: datetime) -> int:
        """Claim what is due `now`, attempt it, settle it; the number of rows claimed. Raises what the claims raise."""
        claimed_at = _monotonic()
        items = await self.claims.claim(now, self.slots)
        if items:
            await self.claims.settle(await asyncio.gather(*(self._settlement(item, claimed_at) for item in items)))
        return len(items)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then end what is under way, settle it, give back what was not begun."""
        settler = asyncio.create_task(self._settle_ended())
        stopper = asyncio.create_task(self._ring_at(stop))
        try:
            while not stop.is_set():
                self.bell.clear()
                claimed_at = _monotonic()
                limit = self._limit()
                self._more = await self._claim(limit, stop) == limit
                await self._doze(claimed_at)
            if self._running:
                await asyncio.wait(self._running)
        finally:
            stopper.cancel()
            self._stopping = True
            self._to_settle.set()
            await settler

    async def _ring_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.bell.set()

    async def _doze(self, claimed_at: float) -> None:
        try:
            async with asyncio.timeout(POLL):
                await self.bell.wait()
        except TimeoutError:
            return
        if not (self._more and 2 * self._limit() >= self.slots):
            await asyncio.sleep(max(0.0, claimed_at + _GATHER - _monotonic()))

    def _limit(self) -> int:
        """How many rows may be claimed now: the free slots; one, to probe, after the way was closed.

        A slot is free when its attempt has ended, not when that is settled: attempts go on while a commit is under way.
        But as many as there are slots may wait for theirs, so that little is done again if the process is killed.
        """
        if _monotonic() < self._rest_until:
            return 0
        running = len(self._running)
        free = min(self.slots, 2 * self.slots - self._unsettled) - running
        return max(0, min(free, 1 - running) if self._closed else free)

    async def _claim(self, limit: int, stop: asyncio.Event) -> int:
        if not limit:
            return 0
        claimed_at = _monotonic()
        try:
            async with asyncio.timeout(self.lease.total_seconds()):
                items = await self.claims.claim(self.clock.now(), limit)
        except Exception as error:
            log.warning("due rows cannot be claimed: %s", _kind(error))
            await self._outlast_outage(stop)
            return limit
        for item in items:
            if stop.is_set():
                self._end(Settlement(item, _UNBEGUN, now := self.clock.now(), now))
            else:
                task = asyncio.create_task(self._run_one(item, claimed_at))
                self._running.add(task)
        return len(items)

    async def _outlast_outage(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(POLL)
            try:
                await self.claims.claim(self.clock.now(), 0)
            except Exception as error:
                log.info("due rows still cannot be claimed: %s", _kind(error))
            else:
                log.warning("due rows can be claimed again")
                await asyncio.sleep(_AFTER_AN_OUTAGE)
                self.bell.set()
                return

    async def _run_one(self, item: ItemT, claimed_at: float) -> None:
        try:
            self._end(await self._settlement(item, claimed_at))
        finally:
            self._running.discard(asyncio.current_task())
            self._ring_for_more()

    def _end(self, settlement: Settlement[ItemT]) -> None:
        self._ended.append(settlement)
        self._unsettled += 1
        self._to_settle.set()

    def _ring_for_more(self) -> None:
        if self._more:
            self.bell.set()

    async def _settlement(self, item: ItemT, claimed_at: float) -> Settlement[ItemT]:
        left = claimed_at + (1 - _MARGIN) * self.lease.total_seconds() - _monotonic()
        outcome: Outcome = _UNBEGUN
        if left > 0:
            try:
                async with asyncio.timeout(left):
                    outcome = await self.attempt(item)
            except TimeoutError:
                outcome = TryLater(None, "the attempt took longer than its lease allows")
            except Exception as error:
                log.error("an attempt failed: %s", _kind(error))
                outcome = TryLater(None, f"the attempt failed: {type(error).__name__}")
            self._note_way(outcome, claimed_at)
        at = self.clock.now()
        return Settlement(item, outcome, at, self._again_at(item, outcome, at))

    def _note_way(self, outcome: Outcome, claimed_at: float) -> None:
        if isinstance(outcome, TryLater) and outcome.way_closed:
            if claimed_at >= self._closed_at:  # rows that were claimed together count once
                rest = min(_LONGEST_REST, _REST * 2 ** min(self._closed, 16)).total_seconds()
                self._closed += 1
                self._closed_at = _monotonic()
                self._rest_until = self._closed_at + rest
                log.warning("the way is closed, resting %.1f s: %s", rest, outcome.detail)
        elif not isinstance(outcome, GiveUp):
            self._closed = 0

    def _again_at(self, item: ItemT, outcome: Outcome, at: datetime) -> datetime | None:
        if not isinstance(outcome, TryLater):
            return None
        if outcome.way_closed:
            return at  # the rest of the loop is its wait
        after = backoff.wait(item.attempts, self.chance) if outcome.after is None else outcome.after
        return at + after

    async def _settle_ended(self) -> None:
        """Settle attempts as they end; those that wait at the same moment share a commit."""
        parts: deque[list[Settlement[ItemT]]] = deque()
        last_moment = None
        while True:
            if self._ended:
                parts.appendleft(self._ended)
                self._ended = []
            if not parts:
                if self._stopping:
                    return
                self._to_settle.clear()
                await self._to_settle.wait()
                continue
            part = parts.popleft()
            try:
                async with asyncio.timeout(self.lease.total_seconds()):
                    await self.claims.settle(part)
            except Exception as error:
                log.warning("%d ended attempts cannot be settled, trying again: %s", len(part), _kind(error))
                parts.extend([settlement] for settlement in part)  # one that cannot be stored holds up no other
                if self._stopping:
                    last_moment = last_moment or _monotonic() + self.lease.total_seconds()
                    if _monotonic() > last_moment:
                        return
                await asyncio.sleep(_SETTLE_AGAIN)
            else:
                self._unsettled -= len(part)
                self._ring_for_more()


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


def _kind(error: Exception) -> str:
    """What went wrong and where, without the message: it may hold an address."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    return (
        f"{type(error).__name__} at {frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else repr(type(error))
    )
