"""An application as a board delivers it to the ATS's webhook, read from its JSON (spec R32). Pure.

Everything but the application's number may be missing: a board sends what the applicant filled in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from unghost.wire import urn
from unghost.wire.webhook import EXPORT

#: What the ATS names as the candidate's source; the wire's documents ask for these words.
SOURCE = "LinkedIn apply"
#: The last moment that a datetime can hold, in milliseconds.
_LAST = 253_402_300_799_999


class ApplicationError(ValueError):
    """The JSON is no application. The message is one sentence that names the field."""


@dataclass(frozen=True, slots=True, repr=False)
class ReceivedApplication:
    """An application with what the applicant gave. `payload` is the whole JSON, with the answers to every question."""

    number: int
    destination: str
    organization: int
    external_job_id: str | None
    applied_at: datetime | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    resume_url: str | None
    source: str
    payload: Mapping[str, Any]

    @property
    def urn(self) -> str:
        """`urn:li:jobApplication:N`."""
        return urn.write(urn.JOB_APPLICATION, self.number)

    @property
    def name(self) -> str:
        """First and last name as far as they are known; a person of one name has no last one."""
        return " ".join(filter(None, (self.first_name, self.last_name)))

    def __repr__(self) -> str:
        # What is logged by accident names nobody.
        return f"ReceivedApplication({self.urn})"


def read(body: bytes, destination: str, organization: int) -> ReceivedApplication:
    """The application in a delivery's body. Raises `ApplicationError`."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise ApplicationError("the body is no JSON: send one application as a JSON object in UTF-8") from None
    if not isinstance(payload, dict):
        raise ApplicationError("the body is no JSON object: send one application")
    if payload.get("type") != EXPORT:
        raise ApplicationError(f"type is not {EXPORT}: this address takes nothing else")
    given = payload.get("jobApplicationId")
    try:
        number = urn.read(urn.JOB_APPLICATION, given if isinstance(given, str) else "")
    except ValueError as error:
        raise ApplicationError(f"jobApplicationId cannot be read: {error}") from None
    contact = _inner(payload, "questionResponses", "contactInformationQuestionResponses")
    resume = _inner(payload, "questionResponses", "resumeQuestionResponses", "resumeQuestionAnswer")
    return ReceivedApplication(
        number=number,
        destination=destination,
        organization=organization,
        external_job_id=_text(payload.get("externalJobId")),
        applied_at=_moment(payload.get("appliedAt")),
        first_name=_text(_inner(contact, "firstNameAnswer").get("value")),
        last_name=_text(_inner(contact, "lastNameAnswer").get("value")),
        email=_text(_inner(contact, "emailAnswer").get("value")),
        phone=_phone(_inner(contact, "cellphoneNumberQuestionAnswer")),
        resume_url=_text(resume.get("mediaUrl")),
        source=SOURCE,
        payload=payload,
    )


def _inner(payload: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        inner = payload.get(name)
        payload = inner if isinstance(inner, dict) else {}
    return payload


def _text(given: object) -> str | None:
    """A text that a database keeps: without NUL characters and halves of surrogate pairs. None: empty or no text."""
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given) if abs(given) < 1 << 64 else None
    if not isinstance(given, str):
        return None
    return given.replace("\0", "").encode(errors="replace").decode().strip() or None


def _moment(given: object) -> datetime | None:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given <= _LAST:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=given)


def _phone(given: Mapping[str, Any]) -> str | None:
    """As one would dial it; what it is made of stands in the payload."""
    if "value" in given:  # older payloads hold the number in a box of its own
        inner = given["value"]
        given = inner if isinstance(inner, dict) else {"nationalNumber": inner}
    number, extension = _text(given.get("nationalNumber")), _text(given.get("extension"))
    country = _text(given.get("countryCode"))
    if number is None:
        return None
    # A country code is a calling code (49) or a country's letters (de), which nobody dials.
    digits = country.removeprefix("+") if country else ""
    calling = f"+{digits} " if digits.isascii() and digits.isdigit() else ""
    return f"{calling}{number}" + (f" ext. {extension}" if extension else "")
