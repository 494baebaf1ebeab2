"""What happened to one application and is not in the outbox, so that recording it now puts it right (spec R33). Pure.

The outbox is worked off in the order in which it was recorded: what is recorded late must not undo what came after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unghost.ats.activity import UNDOING, Kind


@dataclass(frozen=True, slots=True)
class Happened:
    """A change of stage in the ATS's history, as an activity; `at` in milliseconds."""

    kind: Kind
    at: int
    stage: str


@dataclass(frozen=True, slots=True)
class Known:
    """An activity in the outbox. `stands`: it was not cancelled or withdrawn since."""

    kind: str
    at: int
    stands: bool = True


def missing(history: Iterable[Happened], outbox: Iterable[Known], tolerance: int) -> list[Happened]:
    """What of an application's history is missing in its part of the outbox, oldest first.

    A rejection that was undone is not missed, and neither is what would undo nothing, or what would undo a rejection
    that came after it.
    """
    happened = sorted(history, key=lambda each: each.at)
    known = sorted(outbox, key=lambda each: each.at)
    absent = _unmatched(happened, known, tolerance)
    undone = [each.at for each in happened if each.kind in UNDOING]
    undone += [each.at for each in known if each.kind in UNDOING]
    last = [each for each in known if each.kind == Kind.REJECTED or each.kind in UNDOING][-1:]
    # The moment of a rejection that the board has and that nothing in the outbox undoes.
    rejected_at = last[0].at if last and last[0].kind == Kind.REJECTED and last[0].stands else None
    wanted = []
    for each in absent:
        if each.kind in UNDOING:
            if rejected_at is None or each.at < rejected_at:
                continue
            rejected_at = None  # one is enough
        elif each.kind == Kind.REJECTED and any(at >= each.at for at in undone):
            continue
        wanted.append(each)
    return wanted


def _unmatched(happened: Sequence[Happened], known: Sequence[Known], tolerance: int) -> list[Happened]:
    """What has no partner in the outbox within the tolerance; each is partner once. Both in order of their moments."""
    free: dict[str, list[int]] = {}
    for one in known:
        free.setdefault(_alike(one.kind), []).append(one.at)
    absent = []
    for each in happened:
        moments = free.get(_alike(each.kind), [])
        while moments and moments[0] < each.at - tolerance:
            moments.pop(0)
        if moments and moments[0] <= each.at + tolerance:
            moments.pop(0)
        else:
            absent.append(each)
    return absent


def _alike(kind: str) -> str:
    """Kinds that say the same to a board."""
    if kind in UNDOING:
        return Kind.UNREJECTED
    return Kind.RESUME_DOWNLOADED if kind == Kind.RESUME_DISPLAYED else kind
