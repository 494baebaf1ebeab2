"""One application's line: its waiting activities in order, and what is to be done with them now (spec R30, R34).

Pure. A rejection that was undone before it was sent is never sent; one that was sent is taken back where that can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unghost.ats.activity import UNDOING, Kind

#: What each kind is called on the wire; what undoes a rejection has no name there.
ACTIONS: Mapping[str, str] = {
    Kind.VIEWED: "APPLICATION_VIEWED",
    Kind.RESUME_DOWNLOADED: "RESUME_DOWNLOADED",
    Kind.RESUME_DISPLAYED: "RESUME_DOWNLOADED",
    Kind.REJECTED: "APPLICATION_REJECTED",
}
#: The reason of a dead letter whose word no version of unghost knows.
UNKNOWN_ACTIVITY = "UNKNOWN_ACTIVITY"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An activity that waits. `sending`: a rejection that may be at the board already, for nobody saw the answer.

    `attempts`: how often it was tried in vain.
    """

    id: int
    application_id: int
    number: int
    activity: str
    performed_at: int
    recorded_at: int
    attempt_at: int
    sending: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejection that waits no more: `report_id` of one that was sent, None of one that is a dead letter."""

    id: int
    application_id: int
    report_id: str | None


@dataclass(frozen=True, slots=True)
class Send:
    """Report it."""

    row: Waiting
    action: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """These were undone before they were sent: nothing of them is ever sent."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take these reports back, for `row` undoes them."""

    row: Waiting
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class NotReportable:
    """Nothing on the wire says it."""

    row: Waiting
    why: str


@dataclass(frozen=True, slots=True)
class Dead:
    """It can never be reported."""

    row: Waiting
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Wait:
    """These, the rest of the line, wait until then."""

    until: int
    rows: tuple[Waiting, ...]


Step = Send | Cancel | TakeBack | NotReportable | Dead | Wait


def fold(
    waiting: Sequence[Waiting], past: Sequence[Rejection], now: int, grace: int, *, takes_back: bool
) -> list[Step]:
    """What is to be done with one application's line, in order. `past`: rejections that were sent or died before.

    Taking back comes first, whatever else the line waits for: the hold is running. All times are in milliseconds.
    """
    if not any(row.activity in UNDOING for row in waiting):
        return _rest(waiting, now, grace)
    undone: list[Step] = []
    gone: set[int] = set()
    settled: set[int] = set()  # of the past
    for row in waiting:
        if row.activity not in UNDOING:
            continue
        before = [one for one in waiting if one.activity == Kind.REJECTED and one.id < row.id and one.id not in gone]
        uncertain = [one for one in before if one.sending and takes_back]
        unsent = [one.id for one in before if one not in uncertain]
        earlier = [one for one in past if one.id < row.id and one.id not in settled]
        unsent += [one.id for one in earlier if one.report_id is None]
        sent = tuple(one for one in earlier if one.report_id is not None)
        settled.update(one.id for one in earlier if not uncertain or one.report_id is None)
        gone.update(unsent)
        if uncertain:  # sent again, to learn its id, and then taken back
            undone += [Cancel(tuple(unsent))] if unsent else []
            continue
        gone.add(row.id)
        if not sent:
            undone.append(
                Cancel((*unsent, row.id)) if unsent else NotReportable(row, "there is no rejection that it could undo")
            )
            continue
        undone += [Cancel(tuple(unsent))] if unsent else []
        undone.append(
            TakeBack(row, sent)
            if takes_back
            else NotReportable(row, "the rejection was sent, and this destination takes none back")
        )
    return undone + _rest([row for row in waiting if row.id not in gone], now, grace)


def _rest(line: Sequence[Waiting], now: int, grace: int) -> list[Step]:
    steps: list[Step] = []
    for nth, row in enumerate(line):
        if row.activity in UNDOING:  # its rejection is sent first
            return steps
        until = max(row.attempt_at, _graced(row, grace))
        if until > now:
            return [*steps, Wait(until, tuple(line[nth:]))]
        action = ACTIONS.get(row.activity)
        if action is not None:
            steps.append(Send(row, action))
        else:
            known = ", ".join(Kind)
            steps.append(Dead(row, UNKNOWN_ACTIVITY, f"activity is {row.activity[:40]!a}: write one of {known}"))
    return steps


def _graced(row: Waiting, grace: int) -> int:
    """When the time to undo it is over. One written by hand may not say when it was recorded."""
    if row.activity != Kind.REJECTED or row.sending:
        return 0
    return (row.recorded_at or row.performed_at) + grace if grace else 0
