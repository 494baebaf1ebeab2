"""What a case may do: have people apply, make the ATS act, break the line, and see what came. Each wait is bounded."""

from __future__ import annotations

import html
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

from unghost.sandbox.certify.acting import Actor, NotActed
from unghost.sandbox.certify.hiring import Hiring, NotPosted, Person
from unghost.sandbox.certify.plan import Plan, filled
from unghost.sandbox.certify.process import NotStarted, Process
from unghost.sandbox.certify.reports import Attempt, Noted, Seen, attempts
from unghost.sandbox.talk import Control, send
from unghost.wire import webhook

#: The developer application that challenges name; an ATS need not know it.
APPLICATION_ID = 1
_LOOK_SECONDS = 0.15
_MOST_ENTRIES = 5_000


class Failed(Exception):
    """The ATS did it wrong. The message is one sentence; `seen`: the evidence, entries of the journal or lines."""

    def __init__(self, said: str, seen: Sequence[Seen] = ()) -> None:
        super().__init__(said)
        self.seen = list(seen)


class NotTried(Exception):
    """The case could not be tried. The message is one sentence. `lacking`: the ATS has no such thing, says the file."""

    def __init__(self, said: str, seen: Sequence[Seen] = (), *, lacking: bool = False) -> None:
        super().__init__(said)
        self.seen, self.lacking = list(seen), lacking


@dataclass
class Day:
    """An ordinary day at the ATS, which several cases judge: who was there, and every attempt of it."""

    viewed_twice: Person
    displayed: Person | None
    downloaded: Person
    decided: Person
    seen: list[Attempt]

    @property
    def people(self) -> list[Person]:
        """Everybody."""
        return [each for each in (self.viewed_twice, self.displayed, self.downloaded, self.decided) if each]


@dataclass
class Stage:
    """One run. `own`: the sandbox is certify's own, its clock may be wound. `unready`: why nothing can be tried."""

    plan: Plan
    hiring: Hiring
    actor: Actor
    process: Process | None
    own: bool
    webhook_url: str
    unready: str = ""
    made: dict[str, Person] = field(default_factory=dict)
    _refusing: bool = False
    _since: int = 0
    _day: Day | NotTried | None = None

    @property
    def control(self) -> Control:
        """The sandbox's control server."""
        return self.hiring.sandbox.control

    def begin(self) -> None:
        """Wait for the ATS, and post the job; what goes wrong is kept in `unready`, for every case to say."""
        newest = self.control.ask("GET", "journal?limit=1")["entries"]
        self._since = newest[0]["number"] if newest else 0
        try:
            self._await_ats()
            self.hiring.post(self.webhook_url, self.plan.timeouts.arrive)
        except (NotPosted, NotStarted, NotActed) as error:
            self.unready = str(error)

    def need(self, *acts: str) -> None:
        """Raises `NotTried` if the ATS has no such act, or is not ready."""
        for act in acts:
            if not self.plan.has(act):
                raise NotTried(f"the file says that {self.plan.name} has no {act}", lacking=True)
        if self.unready:
            raise NotTried(self.unready)

    def applied(self) -> Person:
        """Somebody new applies, and the ATS has them. Raises `Failed` if they do not arrive."""
        if self.unready:
            raise NotTried(self.unready)
        person = self.hiring.apply()
        self.made[str(person.number)] = person
        if self.plan.lookup is not None:
            self._await_candidate(person)
        return person

    def act(self, act: str, *people: Person) -> None:
        """Make the ATS do it. Raises `NotTried` if it cannot be made to."""
        self.need(act)
        how = self.plan.acts[act]
        assert how is not None
        each = [dict(person.values) for person in people]
        if "{id" in " ".join(how.texts()):
            for one, person in zip(each, people, strict=True):
                one["id"] = self._await_candidate(person)
        values: dict[str, str | Sequence[str]] = dict(each[0]) if each else {}
        if act == "bulk_reject":
            of_many = {f"{name}s": [one[name] for one in each] for name in ("number", "email")}
            values = {**of_many, "ids": [one.get("id", "") for one in each]}
        deadline = time.monotonic() + self.plan.timeouts.arrive
        while True:
            try:
                self.actor.do(how, values)
                return
            except NotActed as error:
                # Without a lookup nobody knows when a candidate has arrived but by trying.
                if self.plan.lookup is not None or how.person or time.monotonic() > deadline:
                    raise NotTried(f"{act} could not be done: {error}") from None
                time.sleep(_LOOK_SECONDS)

    def restart(self) -> None:
        """End the ATS and start it again. Raises `NotTried`."""
        try:
            if self.process is None:
                self.act("restart")
            else:
                self.process.restart()
            self.actor.forget()
            self._await_ats()
        except (NotStarted, NotActed) as error:
            raise NotTried(f"the ATS could not be started again: {error}") from None

    def candidates(self, person: Person) -> list[str]:
        """The ATS's own ids of this person, each once. Raises `NotActed`."""
        how = self.plan.lookup
        assert how is not None and how.find is not None
        given = self.actor.do(how, person.values)
        values = {name: re.escape(value) for name, value in {**self.actor.run, **person.values}.items()}
        return list(dict.fromkeys(re.findall(filled(how.find, values), html.unescape(given))))

    def seen(self) -> list[Attempt]:
        """Every attempt of this run."""
        query = urlencode({"after": self._since, "method": "POST", "limit": _MOST_ENTRIES})
        return attempts(self.control.ask("GET", f"journal?{query}")["entries"])

    def of(self, *people: Person) -> list[Attempt]:
        """The attempts about these."""
        numbers = {str(person.number) for person in people}
        return [attempt for attempt in self.seen() if attempt.application in numbers]

    def wait(
        self, people: Sequence[Person], enough: Callable[[list[Attempt]], bool], *, more: float = 0
    ) -> list[Attempt]:
        """The attempts about these, as soon as they are enough, or when the time is over. `more`: seconds beyond it."""
        deadline = time.monotonic() + self.plan.timeouts.report + more
        while True:
            found = self.of(*people)
            if enough(found) or time.monotonic() > deadline:
                return found
            time.sleep(_LOOK_SECONDS)

    def quiet(self) -> None:
        """Wait for what should not come."""
        time.sleep(self.plan.timeouts.quiet)

    @contextmanager
    def fault(self, when: dict[str, Any], what: dict[str, Any], **often: Any) -> Iterator[None]:
        """A rule for the time of a block; afterwards there is none."""
        self.mend()
        self.control.ask("POST", "faults", {"when": when, "what": what, **often})
        try:
            yield
        finally:
            self.mend()

    def mend(self) -> None:
        """No faults any more."""
        mend(self.control)

    def hook(self, method: str, url: str, body: bytes | None, signature: str | None) -> tuple[int, bytes, float]:
        """Call the webhook as the board does: status (0: no answer), body, seconds."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if signature is not None:
            headers[webhook.SIGNATURE] = signature
        began = time.monotonic()
        try:
            answer = send(method, url, body, headers, patience=self.plan.timeouts.act)
        except (OSError, HTTPException):
            return 0, b"", time.monotonic() - began
        return answer.status, answer.content, time.monotonic() - began

    def day(self) -> Day:
        """The ordinary day; it is made once. Raises `NotTried` or `Failed`."""
        if isinstance(self._day, NotTried):
            raise self._day
        if self._day is None:
            try:
                self._day = self._made_day()
            except NotTried as error:
                self._day = error
                raise
        return self._day

    def _made_day(self) -> Day:
        self.need("view", "download", "reject")
        ada, cleo, dora = self.applied(), self.applied(), self.applied()
        ben = self.applied() if self.plan.has("display") else None
        self.act("view", ada)
        if ben:
            self.act("display", ben)
        self.act("download", cleo)
        for act in ("view", "download", "reject"):
            self.act(act, dora)
        time.sleep(1.1)  # so that it is another second: a time that is rounded tells the two apart
        self.act("view", ada)
        wanted = {str(ada.number): 2, str(cleo.number): 1, str(dora.number): 3}
        if ben:
            wanted[str(ben.number)] = 1
        people = [each for each in (ada, ben, cleo, dora) if each]
        self.wait(people, lambda found: all(_count(found, number) >= many for number, many in wanted.items()))
        self.quiet()
        return Day(ada, ben, cleo, dora, self.of(*people))

    def _await_candidate(self, person: Person) -> str:
        """The ATS's id of this person. Raises `NotTried`, at once if an application before was refused as this is."""
        deadline = time.monotonic() + self.plan.timeouts.arrive
        why = "the lookup finds nobody"
        while True:
            try:
                if found := self.candidates(person):
                    return found[0]
            except NotActed as error:
                why = f"the lookup failed: {error}"
            over = time.monotonic() > deadline
            refused = self._refused(person) if over or self._refusing else []
            if refused:
                self._refusing = True
                said = f"the webhook did not take application {person.number}"
                raise NotTried(f"{said}: {refused[-1].entry['reason']}", refused)
            if over:
                whom = "an application" if person.number else "a candidate from elsewhere"
                said = f"{whom} had not arrived at the ATS after {self.plan.timeouts.arrive:g} seconds"
                raise NotTried(f"{said} ({why})")
            time.sleep(_LOOK_SECONDS)

    def _refused(self, person: Person) -> list[Noted]:
        """The deliveries of this application, the oldest first, if none was taken."""
        if person.number is None:
            return []
        query = urlencode({"after": self._since, "webhook": "delivery", "application": person.number})
        entries = self.control.ask("GET", f"journal?{query}")["entries"]
        return [] if any(entry["status"] == 200 for entry in entries) else [Noted(entry) for entry in entries[::-1]]

    def _await_ats(self) -> None:
        """Wait until somebody answers at the webhook. Raises `NotActed` or `NotStarted`."""
        deadline = time.monotonic() + self.plan.timeouts.start
        while True:
            if self.process is not None:
                self.process.check()
            # A challenge, for that is all a webhook must answer; whether rightly is the case's to say.
            url = webhook.challenge_url(self.webhook_url, str(uuid.uuid4()), APPLICATION_ID)
            status, _, _ = self.hook("GET", url, None, None)
            if status:
                return
            if time.monotonic() > deadline:
                said = f"nobody answers at {self.webhook_url} after {self.plan.timeouts.start:g} seconds"
                raise NotActed(f"{said}: see that the ATS runs and ats.webhook_url is right")
            time.sleep(_LOOK_SECONDS)


def mend(control: Control) -> None:
    """No faults any more."""
    send("DELETE", control.url + "faults")


def _count(found: Sequence[Attempt], application: str) -> int:
    return len({attempt.occurrence for attempt in found if attempt.application == application})
