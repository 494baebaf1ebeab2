"""A dispatcher's calls to partners, with the faults of the sandbox's rules, and in its journal (spec R28, R37).

The call itself is the production code's. Which rule's turn it is, and the journal, are the board process's to say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog

from unghost.clock import Clock
from unghost.jobboard.rules.reach import Forbidden
from unghost.jobboard.webhooks.outward import Answer, NoAnswer, Outward
from unghost.sandbox import rules
from unghost.sandbox.outward_calls import BEGUN, ENDED, Begun, Ended, Fault
from unghost.wire import urn

log = structlog.get_logger()
_WITHIN = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class WatchedOutward(Outward):
    """`control`: the URL of the control server, which is on this machine."""

    control: str
    clock: Clock

    async def ask(
        self, method: str, url: str, *, within: timedelta, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Ask as production does, unless a rule has something else happen; and have it written down."""
        begun = _begun(method, url, body)
        at, began = self.clock.now(), time.monotonic()
        fault = await self._fault(begun)
        answer, said = None, ""
        try:
            answer = await self._by_rule(fault, method, url, within, headers, body)
        except (Forbidden, NoAnswer) as error:
            said = str(error)
            raise
        finally:
            ended = Ended(
                begun=begun,
                fault=fault,
                at=at,
                took_ms=round((time.monotonic() - began) * 1000, 1),
                method=method,
                url=url,
                headers=list((headers or {}).items()),
                body=body,
                status=0 if answer is None else answer.status,
                answer=b"" if answer is None else answer.body,
                said=said,
            )
            await self._tell(ENDED, msgspec.json.encode(ended))
        return answer

    async def _by_rule(
        self,
        fault: Fault,
        method: str,
        url: str,
        within: timedelta,
        headers: Mapping[str, str] | None,
        body: bytes,
    ) -> Answer:
        host, what = urlsplit(url).hostname, fault.what
        if what is not None and what.latency is not None:
            wait = timedelta(seconds=rules.seconds(what.latency))
            await asyncio.sleep(min(wait, within).total_seconds())
            if wait >= within:
                raise NoAnswer(f"{host} did not answer within {within.total_seconds():g} s")
            within -= wait
        if what is not None and what.status is not None:
            content = what.body if isinstance(what.body, str) else msgspec.json.encode(what.body).decode()
            return Answer(what.status, content.encode() if what.body is not None else b"")
        if what is not None and what.down:
            raise NoAnswer(f"no connection to {host}: Connection refused")
        if what is not None and what.cut == "before":
            raise NoAnswer(f"{host} does not speak HTTP, or stopped in the middle")
        answer = await super().ask(method, url, within=within, headers=headers, body=body)
        if what is not None and what.cut == "after":
            raise NoAnswer(f"{host} does not speak HTTP, or stopped in the middle")
        return answer

    async def _fault(self, begun: Begun) -> Fault:
        answer = await self._tell(BEGUN, msgspec.json.encode(begun))
        return msgspec.json.decode(answer.body, type=Fault) if answer and answer.status == 200 else Fault()

    async def _tell(self, path: str, body: bytes) -> Answer | None:
        """Ask the control server. It may be down, as the board may: then nothing is broken and nothing noted."""
        here = Outward(networks=[ip_network("127.0.0.0/8")], tls=self.tls)
        try:
            return await here.ask("POST", self.control.rstrip("/") + path, within=_WITHIN, body=body)
        except NoAnswer as error:
            log.warning("call_not_noted", why=str(error))
            return None


def _begun(method: str, url: str, body: bytes) -> Begun:
    """What the rules look at: a challenge has nothing but its URL, a delivery names its application."""
    if method == "GET":
        asked = parse_qs(urlsplit(url).query).get("applicationId", ["0"])[-1]
        return Begun(kind="challenge", oauth_application=int(asked) if asked.isascii() and asked.isdigit() else 0)
    given = msgspec.json.decode(body)["jobApplicationId"]
    return Begun(kind="delivery", application=urn.read(urn.JOB_APPLICATION, given))
