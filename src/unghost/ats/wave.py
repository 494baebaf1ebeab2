"""One wave of a turn: a step of each of some lines, and what the board's answers come to (spec R30, R31, R34).

A report that fails while the board answers for others fails alone: its own line waits, and nobody else's. One that
fails when nothing is answered closes the way. Does no input or output, and must not know how long the turn lasts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from unghost.ats import line
from unghost.ats.activity import Kind
from unghost.ats.destinations import Closed, Verdict
from unghost.ats.store.turns import SENDING, Settled
from unghost.outbox import Done, GiveUp, TryLater

_MILLISECOND = timedelta(milliseconds=1)
StepT = TypeVar("StepT", bound=line.Step)


@dataclass(slots=True, eq=False)
class Line:
    """What is left to do for one application, and all that waits in it."""

    steps: deque[line.Step]
    rows: Sequence[line.Waiting]

    def at_once(self) -> list[Settled]:
        """What is settled without asking the board; steps that ask it stay."""
        settled: list[Settled] = []
        stays: deque[line.Step] = deque()
        for step in self.steps:
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
        self.steps = stays
        return settled


class Wave:
    """What came of one wave. `settled`: rows to settle; `closed`: why the way is; `answered`: the board answered for a
    report; `unbegun`: some were not sent, and are still to be."""

    def __init__(self, lines: Sequence[Line], now: int, wait: Callable[[int], timedelta]) -> None:
        self._firsts = [(one, one.steps[0]) for one in lines]
        self._now, self._wait = now, wait
        self.settled: list[Settled] = []
        self.closed: Closed | None = None
        self.answered = self.unbegun = False
        self._failed: list[tuple[Line, line.Waiting, Closed]] = []

    def steps(self, kind: type[StepT]) -> list[tuple[Line, StepT]]:
        """The steps of one kind."""
        return [(one, step) for one, step in self._firsts if isinstance(step, kind)]

    def reported(self, one: Line, row: line.Waiting, verdict: Verdict) -> None:
        """A report was sent, or was not begun."""
        if isinstance(verdict, Closed):
            self._failed.append((one, row, verdict))
            return
        self.answered = True
        if isinstance(verdict, TryLater):  # one activity waits, and with it the rest of its line
            self._later(one, row, verdict.after or self._wait(row.attempts + 1), verdict.detail)
            return
        one.steps.popleft()
        if isinstance(verdict, GiveUp):
            self.settled.append(Settled(row.id, "dead", reason=verdict.reason, detail=verdict.detail))
        else:
            self.settled.append(Settled(row.id, "sent", report_id=verdict.detail))

    def taken_back(self, one: Line, step: line.TakeBack, verdicts: Sequence[Verdict]) -> None:
        """It was asked to take these rejections back."""
        failed: Verdict = Done()
        for rejection, verdict in zip(step.rejections, verdicts, strict=True):
            if isinstance(verdict, Done):
                self.answered = True
                self.settled.append(Settled(rejection.id, "withdrawn", tried=0))
            else:
                failed = verdict
        if isinstance(failed, Closed):
            self._failed.append((one, step.row, failed))
            return
        one.steps.popleft()
        if isinstance(failed, GiveUp):
            self.answered = True
            self.settled.append(Settled(step.row.id, "dead", reason=failed.reason, detail=failed.detail))
        else:
            self.settled.append(Settled(step.row.id, "sent"))

    def conclude(self, *, probing: bool) -> None:
        """All answers are in: who failed alone waits; else the way is closed. A probe that fails goes behind others."""
        unbegun = [(one, row) for one, row, closed in self._failed if not closed.begun]
        for one, row, closed in self._failed:
            if not closed.begun:
                continue
            kept = closed.unknown or row.sending
            if closed.alone and self.answered:
                said = f"this one fails while others are taken: {closed.why}"
                self._later(one, row, self._wait(row.attempts + 1), said, kept=kept)
                continue
            self._close(closed)
            if probing and closed.alone:
                self._later(one, row, timedelta(0), closed.why, kept=kept)
            else:
                self._unmark(one, row, kept=kept)
        self.unbegun = bool(unbegun) and self.closed is None
        for one, row in unbegun:
            self._unmark(one, row, kept=row.sending, stays=self.unbegun)

    def _close(self, by: Closed) -> None:
        """Of several closings the one that asks for the longer wait stays."""
        had = self.closed
        if had is None or (by.after or timedelta(0)) > (had.after or timedelta(0)):
            self.closed = by

    def _unmark(self, one: Line, row: line.Waiting, *, kept: bool, stays: bool = False) -> None:
        """A rejection that surely is not at the board is no more marked as one that may be."""
        if row.activity == Kind.REJECTED and not kept:
            self.settled.append(Settled(row.id, "waiting", attempt_at=row.attempt_at, tried=0))
        if not stays:
            one.steps.clear()

    def _later(self, one: Line, row: line.Waiting, after: timedelta, why: str, *, kept: bool = False) -> None:
        """One activity waits, and all of its line that is not behind it already; an undoing leads its whole line."""
        one.steps.clear()
        until = self._now + after // _MILLISECOND
        mark = SENDING if kept and row.activity == Kind.REJECTED else None
        self.settled.append(Settled(row.id, "waiting", attempt_at=until, reason=mark, detail=why))
        done = {each.id for each in self.settled}
        self.settled += _pushed([each for each in one.rows if each.id not in done], until)


def _pushed(rows: Sequence[line.Waiting], until: int) -> list[Settled]:
    return [
        Settled(row.id, "waiting", attempt_at=until, reason=SENDING if row.sending else None, tried=0)
        for row in rows
        if row.attempt_at < until
    ]
