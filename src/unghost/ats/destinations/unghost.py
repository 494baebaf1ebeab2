"""An unghost job board: reports in batches, and taken back by DELETE (spec R7, R10, R34)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from unghost.ats.destinations.http import NoAnswer
from unghost.ats.destinations.lifecycle import UNBEGUN, Calls, body, lost
from unghost.ats.destinations.verdict import (
    Closed,
    Report,
    Token,
    Verdict,
    of_element,
    of_take_back,
    of_whole,
)
from unghost.ats.settings import DestinationSettings
from unghost.outbox import GiveUp
from unghost.wire import restli

#: Batches under way at once: the board reads one while its database stores the other.
_SIDE_BY_SIDE = 2
#: Calls in a row that may fail before it is the board that fails, and not what is reported.
_IN_A_ROW = 4


class Unghost:
    """A destination that takes up to 1,000 reports in one call. One report is sent as LinkedIn has it."""

    takes_back = True

    def __init__(self, settings: DestinationSettings) -> None:
        self.settings = settings
        self._batch = min(settings.batch, restli.ELEMENTS_LIMIT)
        self.most = _SIDE_BY_SIDE * self._batch
        self._calls = Calls(settings)

    async def token(self, client_id: str, client_secret: str) -> Token | Closed:
        """Fetch an access token."""
        return await self._calls.token(client_id, client_secret)

    async def report(self, token: str, reports: Sequence[Report]) -> Sequence[Verdict]:
        """Report one by create, several by batch_create, batches side by side."""
        parts = [reports[first : first + self._batch] for first in range(0, len(reports), self._batch)]
        told = await asyncio.gather(*(self._part(token, part) for part in parts))
        return [verdict for verdicts in told for verdict in verdicts]

    async def _part(self, token: str, reports: Sequence[Report]) -> Sequence[Verdict]:
        """One call, and more if it fails as a whole: what spoils a batch is found by halves, the larger parts first.

        None is begun once the way is closed, nor when as much time is over as one answer may take.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + self.settings.timeout.total_seconds()
        verdicts: list[Verdict] = [UNBEGUN] * len(reports)
        parts, failed = deque([(0, len(reports))]), 0
        while parts and clock() <= until:
            first, last = parts.popleft()
            came = await self._call(token, reports[first:last])
            if isinstance(came, list):
                verdicts[first:last], failed = came, 0
                continue
            if isinstance(came, Closed):
                verdicts[first:last], failed = [came] * (last - first), failed + 1
                if not came.alone or failed > _IN_A_ROW:
                    break
            if last - first > 1:
                half = (first + last) // 2
                parts += [(first, half), (half, last)]
        return verdicts

    async def _call(self, token: str, reports: Sequence[Report]) -> list[Verdict] | Verdict:
        """A verdict for each, or one for the whole call. 1,000 reports are a twentieth of the largest body."""
        if len(reports) == 1:
            verdict = await self._calls.create(token, reports[0])
            return verdict if isinstance(verdict, Closed) else [verdict]
        content = msgspec.json.encode({"elements": [body(report) for report in reports]})
        try:
            answer = await self._calls.call(
                token, "POST", self._calls.path, "X-RestLi-Method: batch_create\r\n", content
            )
        except NoAnswer as error:
            return lost(error)
        if not 200 <= answer.status < 300:
            return of_whole(answer)
        try:
            given = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            given = None
        elements = given.get("elements") if isinstance(given, dict) else None
        if not isinstance(elements, list) or len(elements) != len(reports):
            return Closed("the board's answer to a batch is not Rest.li's: see that base_url is right", unknown=True)
        return [of_element(one, answer, report) for one, report in zip(elements, reports, strict=True)]

    async def take_back(self, token: str, report_id: str) -> Verdict:
        """Take a report back: what the applicant has not been told is never told."""
        if not (report_id.isascii() and report_id.isdigit()):
            return GiveUp("UNKNOWN_REPORT", "the board gave no id for this report, so it cannot be taken back")
        try:
            return of_take_back(await self._calls.call(token, "DELETE", f"{self._calls.path}/{report_id}"))
        except NoAnswer as error:
            return lost(error)

    async def close(self) -> None:
        """Close its connections."""
        await self._calls.close()
