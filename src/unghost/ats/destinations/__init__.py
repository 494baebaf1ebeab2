"""Destinations: where activities go. One file for each kind, one line in the registry (spec R35).

A destination tries once and says what came of it. Must not wait, repeat or store: deliver.py does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from unghost.ats.destinations.linkedin import LinkedIn
from unghost.ats.destinations.unghost import Unghost
from unghost.ats.destinations.verdict import Closed, Report, Token, Verdict
from unghost.ats.settings import DestinationSettings

__all__ = ["KINDS", "Closed", "Destination", "Report", "Token", "Verdict", "open_destination"]


class Destination(Protocol):
    """One board. `most`: reports in one call of `report`; `takes_back`: whether a report can be taken back."""

    settings: DestinationSettings
    most: int
    takes_back: bool

    async def token(self, client_id: str, client_secret: str) -> Token | Closed:
        """Fetch an access token."""
        ...

    async def report(self, token: str, reports: Sequence[Report]) -> Sequence[Verdict]:
        """Report these, each of another application; a verdict for each, in order."""
        ...

    async def take_back(self, token: str, report_id: str) -> Verdict:
        """Take a report back."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


#: Each kind of destination by the word for it in the settings.
KINDS: Mapping[str, Callable[[DestinationSettings], Destination]] = {"linkedin": LinkedIn, "unghost": Unghost}


def open_destination(settings: DestinationSettings) -> Destination:
    """The destination that these settings describe."""
    return KINDS[settings.kind](settings)
