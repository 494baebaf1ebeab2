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
from unghost.ats.activity import Kind
from unghost.ats.destinations import Closed, Destination, Report, Verdict
from unghost.ats.holding import Held, TurnLost
from unghost.ats.store import turns
from unghost.ats.store.dispatching import Turn
from unghost.ats.store.turns import Settled
from unghost.clock import Clock
from unghost.outbox import Done, GiveUp, Outcome, TryLater, backoff

log = logging.getLogger(__name__)

#: The wait after a closed way: at first and at most. A board's Retry-After goes before it.
FIRST, LONGEST = timedelta(seconds=1), timedelta(minutes=5)
#: After so many turns in a row that found the way closed, a turn begins with one report, to probe (circuit breaker).
PROBE_AFTER = 3
#: Waits for the token bucket up to this are waited out within the turn.
_SHORT_MS = 1000
#: Waves that are read together.
_WAVES = 3
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


@dataclass(slots=True)
class _Line:
    """What is left to do for one application."""

    steps: deque[line.Step]
    rows: Sequence[line.Waiting]


@dataclass(slots=True)
class _Wave:
    """What came of one wave: rows to settle; `closed`: why the way is; `answered`: the board answered for a report."""

    settled: list[Settled]
    closed: Closed | None = None
    answered: bool = False

    def close(self, by: Closed) -> None:
        """Of several closings the one that says most stays: an answer before a report not begun, the longer wait."""
        had = self.closed
        longer = had is not None and (by.after or timedelta(0)) > (had.after or timedelta(0))
        if had is None or not had.begun or (by.begun and longer):
            self.closed = by


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
            found = await self._held.lines(1 if self._probing() else _WAVES * self._to.most)
            if not found:
                return None
            lines = self._folded(found)
            await self._held.settle([settled for one in lines for settled in _at_once(one)])
            while lines and not self._over():
                if (ended := await self._wave(lines)) is not None:
                    return ended
            await self._settled()
        return None

    async def _settled(self) -> None:
        """See that the last wave is settled. Raises `TurnLost`."""
        settling, self._settling = self._settling, None
        if settling is not None:
            await settling

    def _folded(self, found: Sequence[turns.Line]) -> deque[_Line]:
        grace, now, takes_back = self._own.grace // _MILLISECOND, self._held.now(), self._to.takes_back
        return deque(
            _Line(deque(line.fold(one.waiting, one.past, now, grace, takes_back=takes_back)), one.waiting)
            for one in found
        )

    async def _wave(self, lines: deque[_Line]) -> Outcome | None:
        """Send the next of some lines; those with nothing left leave. Gives how the turn ends, if it does."""
        left = self._held.allowance.left(self._held.now(), *self._limits)
        if left <= 0:
            return await self._pause()
        wave = _next(lines, 1 if self._probing() else min(self._to.most, left))
        if not wave:
            return None
        if (closed := await self._held.authorize(self._to)) is not None:
            return self._closed(closed)
        came = _Wave([])
        firsts = [(one, one.steps[0]) for one in wave]
        await self._take_back([(one, step) for one, step in firsts if isinstance(step, line.TakeBack)], came)
        if came.closed is None:
            await self._send([(one, step) for one, step in firsts if isinstance(step, line.Send)], came)
        await self._settled()
        # Beside the next wave: a report that is not settled yet was answered for, so the order holds.
        self._settling = asyncio.create_task(self._held.settle(came.settled, progress=came.answered))
        if came.closed is not None:
            await self._settled()
        self._renewed = self._renewed and not came.answered
        lines.extend(one for one in wave if one.steps)
        return None if came.closed is None else await self._blocked(came.closed)

    async def _send(self, sends: Sequence[tuple[_Line, line.Send]], came: _Wave) -> None:
        if not sends:
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
            self._judge(one, step.row, verdict, came)

    def _judge(self, one: _Line, row: line.Waiting, verdict: Verdict, came: _Wave) -> None:
        if isinstance(verdict, Closed):
            came.close(verdict)
            one.steps.clear()
            if not verdict.unknown and row.activity == Kind.REJECTED and not row.sending:  # it is not at the board
                came.settled.append(Settled(row.id, "waiting", attempt_at=row.attempt_at))
            return
        came.answered = True
        if isinstance(verdict, TryLater):  # one activity waits, and with it the rest of its line
            one.steps.clear()
            until = self._held.now() + (verdict.after or FIRST) // _MILLISECOND
            came.settled.append(Settled(row.id, "waiting", attempt_at=until, detail=verdict.detail))
            came.settled += _pushed([each for each in one.rows if each.id > row.id], until)
            return
        one.steps.popleft()
        if isinstance(verdict, GiveUp):
            came.settled.append(Settled(row.id, "dead", reason=verdict.reason, detail=verdict.detail))
        else:
            came.settled.append(Settled(row.id, "sent", report_id=verdict.detail))

    async def _take_back(self, backs: Sequence[tuple[_Line, line.TakeBack]], came: _Wave) -> None:
        token, gate = self._held.token or "", asyncio.Semaphore(self._to.settings.connections)

        async def each(rejection: line.Rejection) -> Verdict:
            async with gate:
                return await self._to.take_back(token, rejection.report_id or "")

        wanted = [(step, rejection) for _, step in backs for rejection in step.rejections]
        verdicts = await asyncio.gather(*(each(rejection) for _, rejection in wanted))
        failed: dict[int, Verdict] = {}
        for (step, rejection), verdict in zip(wanted, verdicts, strict=True):
            if isinstance(verdict, Done):
                came.answered = True
                came.settled.append(Settled(rejection.id, "withdrawn", tried=0))
            else:
                failed[step.row.id] = verdict
        for one, step in backs:
            verdict = failed.get(step.row.id, Done())
            if isinstance(verdict, Closed):
                came.close(verdict)
                one.steps.clear()
                continue
            one.steps.popleft()
            if isinstance(verdict, GiveUp):
                came.answered = True
                came.settled.append(Settled(step.row.id, "dead", reason=verdict.reason, detail=verdict.detail))
            else:
                came.settled.append(Settled(step.row.id, "sent"))

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
        after = closed.after
        if after is None:
            failures = 0 if self._held.progress else self._held.turn.failures
            after = backoff.wait(failures + 1, self._own.chance, first=FIRST, longest=LONGEST)
        return TryLater(after, closed.why)

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
        return Paused(timedelta(milliseconds=wait), said)

    def _probing(self) -> bool:
        return self._held.turn.failures >= PROBE_AFTER and not self._held.progress

    def _over(self) -> bool:
        return self._own.stop.is_set() or self._held.over


def _next(lines: deque[_Line], most: int) -> list[_Line]:
    """Up to `most` lines with something left to do, out of the queue."""
    wave: list[_Line] = []
    while lines and len(wave) < most:
        one = lines.popleft()
        if one.steps:
            wave.append(one)
    return wave


def _at_once(one: _Line) -> list[Settled]:
    """What is settled without asking the board; steps that ask it stay in the line."""
    settled: list[Settled] = []
    stays: deque[line.Step] = deque()
    for step in one.steps:
        match step:
            case line.Cancel(ids):
                settled += [Settled(id, "cancelled", tried=0) for id in ids]
            case line.NotReportable(row, why):
                settled.append(Settled(row.id, "not_reportable", detail=why, tried=0))
            case line.Dead(row, reason, detail):
                settled.append(Settled(row.id, "dead", reason=reason, detail=detail, tried=0))
            case line.Wait(until, rows):
                settled += _pushed(rows, until)
            case _:
                stays.append(step)
    one.steps = stays
    return settled


def _pushed(rows: Sequence[line.Waiting], until: int) -> list[Settled]:
    return [
        Settled(row.id, "waiting", attempt_at=until, reason=turns.SENDING if row.sending else None, tried=0)
        for row in rows
        if row.attempt_at < until
    ]
