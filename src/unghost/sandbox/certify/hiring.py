"""The customer's side at the sandbox's board: a child application, a job with the ATS's webhook, people who apply.

Only by the board's own calls; a control call stands for the admin who chooses the child application in the widget.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode

from unghost.sandbox.session import Sandbox
from unghost.sandbox.talk import Answer, SandboxError, send

_LOOK_SECONDS = 0.1
#: Application numbers of this size collide with nobody's: neither the sandbox's own nor those of an earlier run.
_NUMBERS_FROM, _NUMBERS = 4_000_000_000, 5_000_000_000
#: First names of those who apply; a run's mark is the last name.
_NAMES = ("Ada", "Ben", "Chidi", "Dora", "Emil", "Fatou", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena")


class NotPosted(Exception):
    """The job is not open. The message is one sentence."""


@dataclass(frozen=True)
class Credentials:
    """A client id and its secret."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Person:
    """Somebody who applied; `number` is None of somebody from elsewhere."""

    name: str
    email: str
    number: int | None

    @property
    def values(self) -> dict[str, str]:
        """What stands in an act's places."""
        return {"name": self.name, "email": self.email, "number": "" if self.number is None else str(self.number)}


@dataclass
class Hiring:
    """One run's. `child`: whose token the ATS must use; `parent`: the partner's own, None if the ATS was set up."""

    sandbox: Sandbox
    child: Credentials
    parent: Credentials | None
    mark: str = field(default_factory=lambda: "".join(secrets.choice("BCDFGHKLMNPRSTVWZ") for _ in range(5)).title())
    _posted: int = 0
    _counts: Iterator[int] = field(default_factory=count)

    @property
    def organization(self) -> str:
        """The customer's URN."""
        return str(self.sandbox.story["organization"])

    @property
    def job(self) -> str:
        """The job's id at the ATS."""
        return f"CERTIFY-{self.mark.upper()}"

    def post(self, webhook_url: str, seconds: float) -> None:
        """Post the job and wait until its webhook has passed the challenge. Raises `NotPosted`."""
        element = {
            "externalJobPostingId": self.job,
            "jobPostingOperationType": "CREATE",
            "title": "Joiner (certification)",
            "description": "A job that nobody sees: it is posted to try an ATS.",
            "location": "Aarhus, Denmark",
            "integrationContext": self.organization,
            "onsiteApplyConfiguration": {"jobApplicationWebhookUrl": webhook_url},
        }
        headers = {"Authorization": f"Bearer {self._token(self.child)}", "X-RestLi-Method": "batch_create"}
        posted = self._json("POST", "/rest/simpleJobPostings", {"elements": [element]}, headers)["elements"][0]
        if posted.get("status") != 202:
            raise NotPosted(f"the board refuses the job: {posted.get('error', posted)}")
        deadline = time.monotonic() + seconds
        while True:
            path = "/rest/simpleJobPostingTasks?ids=" + quote(str(posted["id"]), safe="")
            read = self._json("GET", path, None, {"Authorization": headers["Authorization"]})["results"]
            task = next(iter(read.values()))
            status = task["status"]
            if status == "SUCCEEDED":
                self._posted = int(task["jobPosting"].rpartition(":")[2])
                return
            if status == "FAILED" or time.monotonic() > deadline:
                said = f"{webhook_url} has not passed the board's challenge within {seconds:.0f} seconds"
                raise NotPosted(f"{said}: the job's task is {status}")
            time.sleep(_LOOK_SECONDS)

    def person(self, *, number: bool = True) -> Person:
        """Somebody nobody has heard of."""
        n = next(self._counts)
        first = _NAMES[n % len(_NAMES)] + ("" if n < len(_NAMES) else str(n // len(_NAMES) + 1))
        mail = f"{first}.{self.mark}-{n}@applicant.example".lower()
        drawn = _NUMBERS_FROM + secrets.randbelow(_NUMBERS) if number else None
        return Person(f"{first} {self.mark}", mail, drawn)

    def apply(self) -> Person:
        """Somebody new applies on the board's page, with a résumé; the board sends it to the webhook."""
        person = self.person(number=False)
        external = person.email.partition("@")[0]
        key = {"Authorization": f"Bearer {self.sandbox.story['board_key']}"}
        given = {"email": person.email, "name": person.name, "language": "en", "timeZone": "UTC"}
        self._json("PUT", f"/board/v1/applicants/{external}", given, key)
        fields = {"name": person.name, "email": person.email, "language": "en", "time_zone": "UTC"}
        kind, content = _multipart(fields, f"{person.name} builds chairs.\n".encode())
        answer = _sent(self.sandbox, "POST", f"/jobs/{self._posted}/apply", content, {"Content-Type": kind})
        if answer.status != 303:
            raise SandboxError(f"the board's apply page answers {answer.status} instead of 303")
        read = self._json("GET", f"/board/v1/applicants/{external}/applications", None, key)["applications"]
        if not read:
            raise SandboxError("the board's apply page took no application: the job takes none any more")
        return replace(person, number=int(read[0]["jobApplicationId"].rpartition(":")[2]))

    def _token(self, whose: Credentials) -> str:
        return _token(self.sandbox, whose)

    def _json(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        return _json(self.sandbox, method, path, body, headers)


def prepared(sandbox: Sandbox) -> Hiring:
    """For an ATS that was given the story's own client id and secret before."""
    story = sandbox.story
    return Hiring(sandbox, Credentials(story["client_id"], story["client_secret"]), None)


def provisioned(sandbox: Sandbox, name: str) -> Hiring:
    """A partner of its own with a child application for the customer, for an ATS that is started with it (spec R25)."""
    own = sandbox.control.ask("POST", "partner", {"name": f"certify: {name}"[:50]})
    parent = Credentials(own["client_id"], own["client_secret"])
    wish = {
        "uniqueForeignId": f"certify-{secrets.token_hex(6)}",
        "name": f"certify: {name}"[:50],
        "description": "made by unghost certify",
    }
    headers = {"Authorization": f"Bearer {_token(sandbox, parent)}"}
    made = _json(sandbox, "POST", "/v2/provisionedApplications", wish, headers)["credentials"]
    child = Credentials(made["client_id"], made["client_secret"])
    sandbox.control.ask("POST", "choose", {"client_id": child.client_id})
    return Hiring(sandbox, child, parent)


def _token(sandbox: Sandbox, whose: Credentials) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": whose.client_id,
        "client_secret": whose.client_secret,
    }
    answer = _sent(sandbox, "POST", "/oauth/v2/accessToken", urlencode(form).encode(), {})
    if answer.status != 200:
        raise SandboxError(f"the board gives no token: it answers {answer.status} {answer.json()}")
    return str(answer.json()["access_token"])


def _json(sandbox: Sandbox, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
    content = None if body is None else json.dumps(body).encode()
    answer = _sent(sandbox, method, path, content, {"Content-Type": "application/json", **headers})
    read = answer.json()
    if answer.status >= 400 or not isinstance(read, dict):
        said = read.get("message", "") if isinstance(read, dict) else ""
        raise SandboxError(f"the board answers {method} {path.partition('?')[0]} with {answer.status} {said}")
    return read


def _sent(sandbox: Sandbox, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
    url = sandbox.story["base_url"] + path
    try:
        return send(method, url, content, headers)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise SandboxError(f"the board at {sandbox.story['base_url']} does not answer ({reason})") from None


def _multipart(fields: Mapping[str, str], resume: bytes) -> tuple[str, bytes]:
    """A form with a text file, and its content type."""
    line = secrets.token_hex(12)
    parts = [
        f'--{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in fields.items()
    ]
    head = 'Content-Disposition: form-data; name="resume"; filename="resume.txt"\r\nContent-Type: text/plain\r\n\r\n'
    content = "\r\n".join(parts).encode() + f"\r\n--{line}\r\n{head}".encode() + resume + f"\r\n--{line}--\r\n".encode()
    return f"multipart/form-data; boundary={line}", content
