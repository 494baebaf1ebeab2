"""The table from the ATS's stages to activities: `[stages]` in unghost.toml (spec R33). Pure.

Several stages may be one activity. A stage that says nothing is written down too, so that one that was forgotten shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unghost.ats.activity import UNDOING, Kind

#: The word of a stage that is not reported, e.g. an interview.
NOTHING = "nothing"


class StagesError(ValueError):
    """The table cannot be used. The message is one sentence that names the stage and the remedy."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Each stage that is written down, with its activity; None: nothing is reported."""

    kinds: Mapping[str, Kind | None]

    def knows(self, stage: str | None) -> bool:
        """Whether the table has this stage."""
        return stage in self.kinds

    def kind(self, stage: str | None) -> Kind | None:
        """The activity of a stage; None: nothing is reported, or the stage is not written down."""
        return self.kinds.get(stage) if stage is not None else None

    def reported(self) -> dict[str, Kind]:
        """The stages that are reported."""
        return {stage: kind for stage, kind in self.kinds.items() if kind is not None}

    def acts(self, changes: Iterable[tuple[str | None, int]]) -> Iterator[tuple[Kind, int, str]]:
        """What one application's changes of stage, (stage, moment), come to as activities, in order of their moments.

        Who leaves a stage that is a rejection for one that is none is not rejected any more.
        """
        before = None
        for stage, at in sorted(changes, key=lambda change: change[1]):
            kind = self.kind(stage)
            if before == Kind.REJECTED and kind != Kind.REJECTED and kind not in UNDOING:
                yield Kind.UNREJECTED, at, str(stage)
            if kind is not None:
                yield kind, at, str(stage)
            before = kind


def read(table: Mapping[str, Any] | None) -> Stages:
    """The table as TOML gives it, `"On hold" = "nothing"`. Raises `StagesError`."""
    if not table:
        raise StagesError('[stages] is missing: write a line for each stage of the ATS, such as "Screening" = "viewed"')
    return Stages({stage: _kind(stage, word) for stage, word in table.items()})


def _kind(stage: str, word: object) -> Kind | None:
    if word == NOTHING:
        return None
    if isinstance(word, str) and word in list(Kind):
        return Kind(word)
    raise StagesError(f'stages."{stage}" is {word!r}: give one of {", ".join(Kind)}, or {NOTHING}')
