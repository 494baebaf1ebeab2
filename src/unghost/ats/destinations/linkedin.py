"""LinkedIn itself: single creates, as its documentation has them; nothing can be taken back (spec R1, R35)."""

from __future__ import annotations

from collections.abc import Sequence

from unghost.ats.destinations.lifecycle import Calls
from unghost.ats.destinations.verdict import Closed, Report, Token, Verdict
from unghost.ats.settings import DestinationSettings
from unghost.outbox import GiveUp

#: Reports for each connection in one wave: what is settled together.
_ROUNDS = 8


class LinkedIn:
    """A destination that documents single reports only."""

    takes_back = False

    def __init__(self, settings: DestinationSettings) -> None:
        self.settings = settings
        self.most = min(settings.batch, _ROUNDS * settings.connections)
        self._calls = Calls(settings)

    async def token(self, client_id: str, client_secret: str) -> Token | Closed:
        """Fetch an access token."""
        return await self._calls.token(client_id, client_secret)

    async def report(self, token: str, reports: Sequence[Report]) -> Sequence[Verdict]:
        """Report each by a create of its own, side by side."""
        return await self._calls.creates(token, reports)

    async def take_back(self, token: str, report_id: str) -> Verdict:
        """LinkedIn documents no way."""
        return GiveUp("NOT_TAKEN_BACK", "LinkedIn takes no report back")

    async def close(self) -> None:
        """Close its connections."""
        await self._calls.close()
