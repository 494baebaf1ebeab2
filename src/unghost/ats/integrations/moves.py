"""Which activity a change of stage is, for the opt-in hooks of the frameworks (spec R29, R34). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from unghost.ats.activity import UNDOING, Kind, RecordError


def table(stages: Mapping[object, str]) -> dict[object, Kind]:
    """The ATS's stages with the activities they are. Raises `RecordError` for a word that is none."""
    known = {}
    for stage, word in stages.items():
        try:
            known[stage] = Kind(word)
        except ValueError:
            raise RecordError(f"stages says {word!r} of {stage!r}: give one of {', '.join(Kind)}") from None
    return known


def move(stages: Mapping[object, Kind], old: object, new: object) -> Kind | None:
    """What moving from the stage `old` to `new` is, None: nothing to record.

    Who leaves a rejected stage for any that is not one is unrejected, unless the new stage itself says otherwise.
    """
    if old == new:
        return None
    before, after = stages.get(old), stages.get(new)
    if before is Kind.REJECTED and after is Kind.REJECTED:
        return None  # from one reason for rejecting to another
    if before is Kind.REJECTED and after not in UNDOING:
        return Kind.UNREJECTED
    return after
