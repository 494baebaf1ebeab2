"""An unghost job board: reports in batches, and taken back by DELETE (spec R7, R10, R34)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from unghost.ats.destinations.http import NoAnswer
from unghost.ats.destinations.lifecycle import Calls, body, lost
from unghost.ats.destinations.verdict import (
    Answer,
    Closed,
    Report,
    Token,
    Verdict,
    of_element,
    of_refusal,
    of_take_back,
)
from unghost.ats.settings import DestinationSettings
from unghost.outbox import GiveUp
from unghost.wire import restli

#: Batches under way at once: the board reads one while its database stores the other.
_SIDE_BY_SIDE = 2


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
        """One call. 1,000 reports are a twentieth of the largest body."""
        if len(reports) == 1:
            return [await self._calls.create(token, reports[0])]
        content = msgspec.json.encode({"elements": [body(report) for report in reports]})
        try:
            answer = await self._calls.call(
                token, "POST", self._calls.path, "X-RestLi-Method: batch_create\r\n", content
            )
        except NoAnswer as error:
            return [lost(error)] * len(reports)
        return await self._verdicts(token, answer, reports)

    async def _verdicts(self, token: str, answer: Answer, reports: Sequence[Report]) -> Sequence[Verdict]:
        try:
            given = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            given = None
        elements = given.get("elements") if isinstance(given, dict) else None
        if 200 <= answer.status < 300:
            if not isinstance(elements, list) or len(elements) != len(reports):
                wrong = Closed(
                    "the board's answer to a batch is not Rest.li's: see that base_url is right", unknown=True
                )
                return [wrong] * len(reports)
            return [of_element(one, answer, report) for one, report in zip(elements, reports, strict=True)]
        verdict = of_refusal(answer.status, given if isinstance(given, dict) else {}, answer, None)
        if not isinstance(verdict, GiveUp):
            return [verdict] * len(reports)
        half = len(reports) // 2  # one of them spoils the batch: it is found by halves
        return [*await self._part(token, reports[:half]), *await self._part(token, reports[half:])]

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
