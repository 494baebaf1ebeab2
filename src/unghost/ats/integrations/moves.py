"""Which activities a change of stage is, for the opt-in hooks of the frameworks (spec R29, R34). Pure.

The same as `unghost.ats.stages` says of a history; here a stage may be any value, such as the key of a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from unghost.ats.activity import UNDOING, Kind, RecordError
from unghost.ats.stages import NOTHING


def table(stages: Mapping[object, str]) -> dict[object, Kind | None]:
    """The ATS's stages with the activities they are. Raises `RecordError` for a word that is none."""
    known: dict[object, Kind | None] = {}
    for stage, word in stages.items():
        try:
            known[stage] = None if word == NOTHING else Kind(word)
        except ValueError:
            said = f"stages says {word!r} of {stage!r}: give one of {', '.join(Kind)}, or {NOTHING}"
            raise RecordError(said) from None
    return known


def move(stages: Mapping[object, Kind | None], old: object, new: object) -> Iterator[Kind]:
    """What moving from the stage `old` to `new` is. Who leaves a rejection for what is none is unrejected."""
    if old == new:
        return
    before, after = stages.get(old), stages.get(new)
    if before == Kind.REJECTED and after != Kind.REJECTED and after not in UNDOING:
        yield Kind.UNREJECTED
    if after is not None:
        yield after
