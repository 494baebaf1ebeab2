"""What the pytest fixtures give: the job board of one test, its clock and its inbox (spec R38).

Every applicant, application and report goes through the board's own APIs over HTTP. Imports the standard library
only, besides the policy's names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode

from unghost.jobboard.rules.policy import DEFAULT
from unghost.sandbox import told
from unghost.sandbox.duration import duration, written
from unghost.sandbox.session import Sandbox
from unghost.sandbox.talk import Answer, Control, SandboxError, send
from unghost.sandbox.told import Mail, Seen

__all__ = ["Application", "Board", "Clock", "Inbox", "Mail", "Reported", "SandboxError"]

_REPORTS = "/v2/jobApplicationLifecycleActions"
_A_SECOND = timedelta(seconds=1)
#: How many refused requests a failure lists.
_REFUSED_SHOWN = 5
_numbers = count(1)


@dataclass(frozen=True)
class Application:
    """An application of somebody new for a job of their own."""

    urn: str
    email: str
    name: str
    applicant: str
    job: str
    organization: str

    def __str__(self) -> str:
        """The URN, as a report has it."""
        return self.urn


@dataclass(frozen=True)
class Reported:
    """The board's answer to a report. `id` is None when it was refused; `message` then says why."""

    status: int
    id: str | None
    message: str


@dataclass(frozen=True)
class Clock:
    """The sandbox's clock: everything obeys it. It goes forward only, and each test begins at the real time.

    A moment without an offset is this machine's local time, as everywhere in Python.
    """

    _control: Control

    def now(self) -> datetime:
        """The present moment there."""
        __tracebackhide__ = True
        return datetime.fromisoformat(self._control.ask("GET", "clock")["now"])

    def advance(self, to: str | timedelta | datetime) -> datetime:
        """Wind it on, by a time (`"72h"`) or to a moment: all that falls due is done, in order, when this returns."""
        __tracebackhide__ = True
        return self._wound("clock/advance", to)

    def freeze(self, to: str | timedelta | datetime | None = None) -> datetime:
        """Stop it, now or after winding it on."""
        __tracebackhide__ = True
        return self._wound("clock/freeze", to)

    def run(self) -> datetime:
        """Let it go on from where it stands."""
        __tracebackhide__ = True
        return datetime.fromisoformat(self._control.ask("POST", "clock/run")["now"])

    def settle(self) -> datetime:
        """Wait until all that is due by now is told."""
        __tracebackhide__ = True
        return datetime.fromisoformat(self._control.ask("POST", "settle")["now"])

    def _wound(self, path: str, to: str | timedelta | datetime | None) -> datetime:
        __tracebackhide__ = True
        body: dict[str, object] = {}
        if not isinstance(to, str | timedelta | datetime | None):
            raise TypeError(f'{to!r} is no time: give a text such as "72h", a timedelta or a datetime')
        if isinstance(to, datetime):
            body["to"] = _aware(to).isoformat()
        elif to is not None:
            body["by"] = to if isinstance(to, str) else written(to)
        return datetime.fromisoformat(self._control.ask("POST", path, body)["now"])


@dataclass(frozen=True)
class Inbox:
    """Every mail of this test."""

    url: str | None
    _clock: Clock

    def mails(self, to: str | None = None) -> list[Mail]:
        """The mails, the oldest first; of one recipient if `to` is given. Those that are due by now are there."""
        __tracebackhide__ = True
        self._clock.settle()
        return self.received(to)

    def received(self, to: str | None = None) -> list[Mail]:
        """The same, without waiting for what is due."""
        __tracebackhide__ = True
        if self.url is None:
            raise SandboxError("the sandbox sends its mails to another server (--smtp): read them there")
        query = "?" + urlencode({"to": to}) if to else ""
        read = send("GET", self.url + query, headers={"Accept": "application/json"}).json()
        return [Mail(**mail | {"received_at": datetime.fromisoformat(mail["received_at"])}) for mail in reversed(read)]


class Board:
    """A job board as an ATS meets it. `client_id` and `client_secret` are the ATS's at the customer `organization`."""

    def __init__(self, sandbox: Sandbox) -> None:
        story = sandbox.story
        self.base_url: str = story["base_url"]
        self.client_id: str = story["client_id"]
        self.client_secret: str = story["client_secret"]
        self.organization: str = story["organization"]
        self.control_url = sandbox.control.url
        self.clock = Clock(sandbox.control)
        self.inbox = Inbox(story["inbox_url"], self.clock)
        self._control = sandbox.control
        self._key: str = story["board_key"]

    def reset(self, to: str = "empty") -> None:
        """Begin anew: nobody there, or `"story"`, or a snapshot; the clock at the real time; no token is valid."""
        __tracebackhide__ = True
        self._control.ask("POST", "reset", {"to": to})

    def token(self) -> str:
        """A new access token of the ATS, by OAuth 2.0 client credentials."""
        __tracebackhide__ = True
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        answer = self._send("POST", "/oauth/v2/accessToken", urlencode(form).encode())
        if answer.status != 200:
            raise SandboxError(f"the board gives no token: it answers {answer.status} {answer.json()}")
        return str(answer.json()["access_token"])

    def applied(
        self,
        *,
        email: str | None = None,
        name: str | None = None,
        language: str = "en",
        time_zone: str = "UTC",
        number: int | None = None,
    ) -> Application:
        """Somebody new who has just applied, for a job of their own. The board has told them so.

        `number` and `email` may be magic values, which mean a fault (docs/howto/test-your-ats-with-pytest.md).
        """
        __tracebackhide__ = True
        one = next(_numbers)
        job, applicant = f"job-{one}", f"applicant-{one}"
        email, name = email or f"{applicant}@example.org", name or f"Kim Applicant {one}"
        organization = quote(self.organization, safe="")
        self._board("PUT", f"jobs/{organization}/{job}", {"title": f"Joiner {one}"})
        person = {"email": email, "name": name, "language": language, "timeZone": time_zone}
        self._board("PUT", f"applicants/{applicant}", person)
        sent = {"job": {"organization": self.organization, "externalId": job}, "applicant": applicant}
        sent |= {"jobApplicationId": f"urn:li:jobApplication:{number}"} if number is not None else {}
        application = self._board("POST", "applications", sent)
        return Application(application["jobApplicationId"], email, name, applicant, job, self.organization)

    def consent(self, on: bool) -> None:
        """Tick or untick the customer's box "Applicant notifications". It is ticked when a test begins."""
        __tracebackhide__ = True
        self._control.ask("POST", "consent", {"ticked": on, "organization": self.organization})

    def report(
        self,
        application: Application | str,
        action: str,
        *,
        performed_at: datetime | None = None,
        token: str | None = None,
    ) -> Reported:
        """Report an action as an ATS does, performed now if no moment is given; for what is not the ATS under test.

        A moment without an offset is this machine's local time, as everywhere in Python.
        """
        __tracebackhide__ = True
        at = _aware(performed_at) if performed_at else self.clock.now()
        body = {
            "jobApplicationId": str(application),
            "action": action,
            "performedAt": (at - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(milliseconds=1),
            "integrationContext": self.organization,
        }
        headers = {"Authorization": f"Bearer {token or self.token()}", "x-restli-method": "create"}
        answer = self._send("POST", _REPORTS, json.dumps(body).encode(), headers)
        return Reported(answer.status, answer.headers["X-RestLi-Id"], str((answer.json() or {}).get("message", "")))

    def explain(self, application: Application | str) -> dict[str, Any]:
        """All that the board knows of an application, as `unghost explain --json` gives it."""
        __tracebackhide__ = True
        return self._control.ask("GET", f"explain/{quote(str(application), safe=':')}")

    def told_once(self, application: Application | str, action: str) -> None:
        """Assert that the applicant was told of this action once, in each of its places, however often it came."""
        __tracebackhide__ = True
        seen = self._seen(application, action)
        self._claim(seen, f"have been told of {action} once", told.told_once(seen, action))

    def not_told(self, application: Application | str, action: str | None = None, reason: str | None = None) -> None:
        """Assert that the applicant was not told of this action, or of anything that an ATS reported.

        With a reason, such as `"no_consent"`: it was reported, and that is why all of it was withheld.
        """
        __tracebackhide__ = True
        seen = self._seen(application, action)
        because = f" for {reason!r}" if reason else ""
        wanted = f"not have been told of {action or 'anything'}{because}"
        self._claim(seen, wanted, told.not_told(seen, action, reason))

    def told_after(self, hold: str | timedelta, application: Application | str, action: str) -> None:
        """Wind the clock and assert: nothing is told a second before this time has passed, and once when it has.

        The time begins at the later of the report's receipt and `performedAt`. The clock goes on from there.
        """
        __tracebackhide__ = True
        after = duration(hold) if isinstance(hold, str) else hold
        wanted = f"have been told of {action} once, after {hold if isinstance(hold, str) else written(hold)}"
        seen = self._seen(application, action)
        begun, why = told.held(seen, action)
        self._claim(seen, wanted, why or told.told_at(seen, action, begun, after))
        stood = self._control.ask("GET", "clock")["stopped"]
        if self.clock.now() < begun + after - _A_SECOND:
            self.clock.freeze(begun + after - _A_SECOND)
            seen = self._seen(application, action)
            self._claim(seen, wanted, told.told_at(seen, action, begun, after) or told.not_told(seen, action, None))
        if self.clock.now() < begun + after:
            self.clock.freeze(begun + after)
        if not stood:
            self.clock.run()
        seen = self._seen(application, action)
        self._claim(seen, wanted, told.told_once(seen, action) or told.told_at(seen, action, begun, after))

    def _seen(self, application: Application | str, action: str | None) -> Seen:
        __tracebackhide__ = True
        if action is not None and action not in DEFAULT:
            raise ValueError(f"there is no action {action!r}: give one of {', '.join(DEFAULT)}")
        now = self.clock.settle()
        mails = None if self.inbox.url is None else self.inbox.received()
        return Seen(self.explain(application), mails, now)

    def _claim(self, seen: Seen, wanted: str, why: str | None) -> None:
        __tracebackhide__ = True
        if why is not None:
            newest = self._control.ask("GET", "journal?limit=100")["entries"]
            refused = [each for each in newest if not 200 <= each["status"] < 400][:_REFUSED_SHOWN]
            raise AssertionError(told.failure(seen, wanted, why, refused[::-1]))

    def _board(self, method: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        __tracebackhide__ = True
        headers = {"Authorization": f"Bearer {self._key}"}
        answer = self._send(method, f"/board/v1/{path}", json.dumps(body).encode(), headers)
        read = answer.json() or {}
        if answer.status >= 400:
            raise SandboxError(f"the board refuses it: {read.get('message', answer.status)}")
        return dict(read)

    def _send(self, method: str, path: str, content: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        __tracebackhide__ = True
        try:
            return send(method, self.base_url + path, content, headers)
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise SandboxError(f"the board at {self.base_url} does not answer ({reason})") from None


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
