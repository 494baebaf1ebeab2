"""LinkedIn's wire as every destination of that kind speaks it: the token, one create, the body (spec R1, R11, R35).

Written as LinkedIn's own clients write it. Tries once; must not wait or repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import msgspec

from unghost import traces
from unghost.ats.destinations.http import NoAnswer, open_way
from unghost.ats.destinations.verdict import Answer, Closed, Report, Token, Verdict, of_create, of_token
from unghost.ats.settings import DestinationSettings
from unghost.wire import restli, urn

_JSON = "Content-Type: application/json\r\nAccept: application/json\r\nX-RestLi-Protocol-Version: 2.0.0\r\n"
_FORM = "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n"
#: What becomes of reports that were not begun: the way turned out to be closed, or the board is slow.
UNBEGUN = Closed("there was no time to begin it", timedelta(0), begun=False)


@dataclass
class Calls:
    """Calls to one board. Connections are opened when they are needed."""

    settings: DestinationSettings

    def __post_init__(self) -> None:
        given = self.settings
        self._way = open_way(given.base_url, given.connections, given.timeout)
        self._tokens = open_way(given.token_url, 4, given.timeout)
        self.path = urlsplit(given.base_url).path + restli.PATHS[0]
        self._token_path = urlsplit(given.token_url).path or "/"

    async def token(self, client_id: str, client_secret: str) -> Token | Closed:
        """Fetch a token by client credentials, in the form's body (RFC 6749 4.4, as LinkedIn demands)."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        try:
            return of_token(await self._tokens.call("POST", self._token_path, _FORM, urlencode(form).encode()))
        except NoAnswer as error:
            return Closed(f"no access token: {error}")

    async def create(self, token: str, report: Report) -> Verdict:
        """Report one by create, exactly as the seed has it."""
        content = msgspec.json.encode(body(report))
        try:
            answer = await self.call(token, "POST", self.path, "X-RestLi-Method: create\r\n", content)
        except NoAnswer as error:
            return lost(error)
        return of_create(answer, report)

    async def creates(self, token: str, reports: Sequence[Report]) -> Sequence[Verdict]:
        """Report each by a create of its own, side by side. No further one is begun once the way is closed, nor when
        as much time is over as one answer may take. One that may fail alone ends one of those side by side only."""
        clock = asyncio.get_running_loop().time
        until = clock() + self.settings.timeout.total_seconds()
        verdicts: list[Verdict] = [UNBEGUN] * len(reports)
        waiting = iter(range(len(reports)))
        closed = False

        async def work() -> None:
            nonlocal closed
            for nth in waiting:
                if closed or clock() > until:
                    return
                verdicts[nth] = verdict = await self.create(token, reports[nth])
                if isinstance(verdict, Closed):
                    if not verdict.alone:
                        closed = True
                    return

        await asyncio.gather(*(work() for _ in range(min(self.settings.connections, len(reports)))))
        return verdicts

    async def call(self, token: str, method: str, path: str, headers: str = "", content: bytes = b"") -> Answer:
        """One call to the board. Raises `NoAnswer`."""
        with traces.span(f"{method} {restli.PATHS[0]}", traces.Kind.CLIENT) as span:
            answer = await self._way.call(method, path, head(token) + headers + span.header, content)
            span.note("http.response.status_code", answer.status)
            return answer

    async def close(self) -> None:
        """Close its connections."""
        await self._way.close()
        await self._tokens.close()


def head(token: str) -> str:
    """The header lines of every call."""
    return f"Authorization: Bearer {token}\r\n{_JSON}"


def body(report: Report) -> dict[str, object]:
    """A report as it stands on the wire: the application's id as a string, the time in milliseconds."""
    return {
        "jobApplicationId": urn.write(urn.JOB_APPLICATION, report.application),
        "action": report.action,
        "performedAt": report.performed_at,
        "integrationContext": urn.write(urn.ORGANIZATION, report.organization),
    }


def lost(error: NoAnswer) -> Closed:
    """What a call without an answer comes to: it is sent again, and the board takes the same report once."""
    return Closed(f"the board gives no answer: {error}", unknown=error.sent, alone=error.sent)
