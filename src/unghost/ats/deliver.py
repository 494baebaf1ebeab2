"""A customer's turn: its lines folded, sent in waves of one report for each application, settled (spec R30, R31, R34).

A report is sent only after the one before it in its application was taken or died. What the customer is to blame for
ends the turn and kills no activity. Must not know SQL, HTTP or how long the loop rests.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Engine

from unghost.ats import line
from unghost.ats.destinations import Closed, Destination, Report, Verdict
from unghost.ats.holding import Held, TurnLost
from unghost.ats.store import turns
from unghost.ats.store.dispatching import Turn
from unghost.ats.wave import Line, Wave
from unghost.clock import Clock
from unghost.outbox import Done, Outcome, TryLater, Unbegun, backoff

log = logging.getLogger(__name__)

#: The wait after a closed way: at first and at most. A board's Retry-After goes before it.
FIRST, LONGEST = timedelta(seconds=1), timedelta(minutes=5)
#: After so many turns in a row that found the way closed, a turn begins with one report, to probe (circuit breaker).
PROBE_AFTER = 3
#: Waits for the token bucket up to this are waited out within the turn.
_SHORT_MS = 1000
#: Waves that are read together.
_WAVES = 3
#: A customer whose quota is used up is looked at so often, for rejections that are to be taken back.
_LOOK_AGAIN = timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Paused(TryLater):
    """The customer waits without anything being wrong: its allowance is used up."""


@dataclass(frozen=True, kw_only=True)
class Deliverer:
    """Takes turns. `stop`: set when turns shall end soon; `grace`: before a rejection is sent."""

    engine: Engine
    destinations: dict[str, Destination]
    clock: Clock
    lease: timedelta
    grace: timedelta
    stop: asyncio.Event
    chance: Callable[[], float]

    async def take(self, turn: Turn) -> Outcome:
        """Send what is due. Done: nothing is left or the time is over; TryLater: the customer waits."""
        destination = self.destinations.get(turn.destination)
        if destination is None:
            there = ", ".join(self.destinations) or "none"
            return TryLater(LONGEST, f"{turn.destination} is no [destinations.…] of the settings: there are {there}")
        held = Held(self.engine, turn, self.clock, self.lease)
        try:
            return await _Taking(self, held, destination).run() or Done()
        except TurnLost:
            log.warning("customer %d: the lease ended before the turn did", turn.customer_id)
            return Done()


class _Taking:
    """One turn under way."""

    def __init__(self, own: Deliverer, held: Held, destination: Destination) -> None:
        self._own, self._held, self._to = own, held, destination
        self._renewed = False  # the token, since the board last answered for a report
        self._settling: asyncio.Task[None] | None = None  # the last wave, while the next is being sent
        given = destination.settings
        self._rate = (given.rate_per_second, given.burst)
        self._limits = (*self._rate, given.daily_quota)

    async def run(self) -> Outcome | None:
        try:
            return await self._run()
        finally:
            await self._settled()

    async def _run(self) -> Outcome | None:
        while not self._over():
            used_up = self._left() <= 0
            found = await self._held.lines(1 if self._probing() else _WAVES * self._to.most, undoings=used_up)
            if not found and not used_up:
                return None
            lines = self._folded(found)
            await self._held.settle([settled for one in lines for settled in one.at_once()])
            if used_up:
                lines = deque(one for one in lines if _costs_nothing(one))
                if not lines and (ended := await self._pause()) is not None:
                    return ended
            while lines and not self._over():
                if (ended := await self._wave(lines)) is not None:
                    return ended
            await self._settled()
        return None if self._held.progress else Unbegun(timedelta(0), "the turn was over before it began")

    def _left(self) -> int:
        return self._held.allowance.left(self._held.now(), *self._limits)

    async def _settled(self) -> None:
        """See that the last wave is settled. Raises `TurnLost`."""
        settling, self._settling = self._settling, None
        if settling is not None:
            await settling

    def _folded(self, found: Sequence[turns.Line]) -> deque[Line]:
        grace, now, takes_back = self._own.grace // _MILLISECOND, self._held.now(), self._to.takes_back
        return deque(
            Line(deque(line.fold(one.waiting, one.past, now, grace, takes_back=takes_back)), one.waiting)
            for one in found
        )

    async def _wave(self, lines: deque[Line]) -> Outcome | None:
        """Send the next of some lines; those with nothing left leave. Gives how the turn ends, if it does."""
        probing, left = self._probing(), self._left()
        if left <= 0:  # what is left of the lines is read again once there is allowance
            free = [one for one in lines if _costs_nothing(one)]
            lines.clear()
            lines.extend(free)
            left = len(free)
        wave = _next(lines, 1 if probing else min(self._to.most, left))
        if not wave:
            return None
        if (closed := await self._held.authorize(self._to)) is not None:
            return self._closed(closed)
        came = Wave(wave, self._held.now(), self._wait)
        await self._take_back(came)
        await self._send(came)
        came.conclude(probing=probing)
        await self._settled()
        # Beside the next wave: a report that is not settled yet was answered for, so the order holds.
        self._settling = asyncio.create_task(self._held.settle(came.settled, progress=came.answered))
        if came.closed is not None or came.unbegun:
            await self._settled()
        self._renewed = self._renewed and not came.answered
        lines.extend(one for one in wave if one.steps)
        return None if came.closed is None else await self._blocked(came.closed)

    async def _send(self, came: Wave) -> None:
        if not (sends := came.steps(line.Send)):
            return
        spent = self._held.allowance.spent(len(sends), self._held.now(), *self._rate)
        undone = await self._held.announce([step.row for _, step in sends], spent)
        for one, step in sends:
            if step.row.application_id in undone:
                one.steps.clear()  # read again, with what undoes it
        sends = [(one, step) for one, step in sends if step.row.application_id not in undone]
        if not sends:
            return
        token, organization = self._held.token or "", self._held.turn.organization
        reports = [Report(step.row.number, step.action, step.row.performed_at, organization) for _, step in sends]
        verdicts = await self._to.report(token, reports)
        for (one, step), verdict in zip(sends, verdicts, strict=True):
            came.reported(one, step.row, verdict)

    async def _take_back(self, came: Wave) -> None:
        token, gate = self._held.token or "", asyncio.Semaphore(self._to.settings.connections)

        async def each(rejection: line.Rejection) -> Verdict:
            async with gate:
                return await self._to.take_back(token, rejection.report_id or "")

        async def all_of(one: Line, step: line.TakeBack) -> None:
            came.taken_back(one, step, await asyncio.gather(*map(each, step.rejections)))

        await asyncio.gather(*(all_of(one, step) for one, step in came.steps(line.TakeBack)))

    async def _blocked(self, closed: Closed) -> Outcome | None:
        """The way is closed: with a new token it may be open; else the customer waits."""
        if not closed.token:
            return self._closed(closed)
        await self._held.forget_token()
        if not self._renewed:
            self._renewed = True
            return None
        why = f"{closed.why}: a new access token is refused too; see that the customer's client id is right"
        return self._closed(replace(closed, why=why))

    def _closed(self, closed: Closed) -> Outcome:
        failures = 0 if self._held.progress else self._held.turn.failures
        asked = closed.after or timedelta(0)  # a board that asks for no time at all has said nothing
        return TryLater(asked if asked >= FIRST else self._wait(failures + 1), closed.why)

    def _wait(self, attempts: int) -> timedelta:
        return backoff.wait(attempts, self._own.chance, first=FIRST, longest=LONGEST)

    async def _pause(self) -> Outcome | None:
        now = self._held.now()
        wait = self._held.allowance.wait(now, *self._limits)
        if wait <= _SHORT_MS:
            try:
                async with asyncio.timeout(wait / 1000):
                    await self._own.stop.wait()
            except TimeoutError:
                pass
            return None
        quota = self._to.settings.daily_quota
        used_up = quota is not None and self._held.allowance.left(now, None, 0, quota) <= 0
        said = f"the daily quota of {quota} reports is used up: it begins anew at midnight UTC" if used_up else ""
        return Paused(min(timedelta(milliseconds=wait), _LOOK_AGAIN), said)

    def _probing(self) -> bool:
        return self._held.turn.failures >= PROBE_AFTER and not self._held.progress

    def _over(self) -> bool:
        return self._own.stop.is_set() or self._held.over


def _costs_nothing(one: Line) -> bool:
    """Taking back is no report: no rate and no quota counts it."""
    return bool(one.steps) and isinstance(one.steps[0], line.TakeBack)


def _next(lines: deque[Line], most: int) -> list[Line]:
    """Up to `most` lines with something left to do, out of the queue."""
    wave: list[Line] = []
    while lines and len(wave) < most:
        one = lines.popleft()
        if one.steps:
            wave.append(one)
    return wave
