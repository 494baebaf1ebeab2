"""The board API's JSON that is sent in, with its checks. The OpenAPI document is made from here.

Unknown fields are refused, so that a typing error does not pass for a value left out. Must not touch a database.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from msgspec import UNSET, Meta, Struct, UnsetType

from unghost.jobboard.rules.naming import unfit
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.web.board_refusals import Unfit
from unghost.wire import urn
from unghost.wire.lifecycle import moment
from unghost.wire.refusals import shown

#: Times from 1973 to 2100: what lies below is seconds, what lies above micro- or nanoseconds.
_EARLIEST, _LATEST = 100_000_000_000, 4_102_444_800_000
_LONGEST_HOLD = 366 * 24 * 3600
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
SUPPRESSIONS = ("complaint", "hard_bounce")

_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_ONE_LINE = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"


def _line(description: str, longest: int = 200, example: str = "") -> Meta:
    return Meta(
        min_length=1,
        max_length=longest,
        description=description,
        examples=[example],
        extra_json_schema={"pattern": _ONE_LINE},
    )


def _time(description: str) -> Meta:
    return Meta(
        description=f"{description} Milliseconds since 1970.",
        examples=[1604600000017],
        extra_json_schema={"minimum": _EARLIEST, "maximum": _LATEST, "format": "int64"},
    )


ExternalId = Annotated[str, _line("The name it has in the job board's own back end.", example="job-7")]
Email = Annotated[
    str,
    Meta(max_length=254, description="An e-mail address.", examples=["mara@example.com"],
         extra_json_schema={"format": "email"}),
]  # fmt: skip
Language = Annotated[
    str,
    Meta(max_length=35, description="A language, BCP 47.", examples=["de", "pt-BR"],
         extra_json_schema={"pattern": f"^{_LANGUAGE.pattern}$"}),
]  # fmt: skip
TimeZone = Annotated[
    str,
    Meta(
        max_length=64,
        description="A time zone of the IANA database.",
        examples=["Europe/Berlin", "UTC"],
    ),
]
Seconds = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": _LONGEST_HOLD})]
Holds = Annotated[
    dict[str, Seconds],
    Meta(
        description="The customer's own holds in whole seconds, by action; an action left out has the policy's hold.",
        examples=[{"APPLICATION_REJECTED": 259200}],
        extra_json_schema={"propertyNames": {"enum": list(DEFAULT)}},
    ),
]
OrganizationUrn = Annotated[
    str,
    Meta(max_length=64, description="The customer: urn:li:organization:N, or N alone.",
         examples=["urn:li:organization:12345"],
         extra_json_schema={"pattern": "^(urn:li:organization:)?[1-9][0-9]{0,17}$"}),
]  # fmt: skip
ApplicationUrn = Annotated[
    str,
    Meta(max_length=64, description="The application's number: urn:li:jobApplication:N, or N alone.",
         examples=["urn:li:jobApplication:12345678"],
         extra_json_schema={"pattern": "^(urn:li:jobApplication:)?[1-9][0-9]{0,17}$"}),
]  # fmt: skip
_Name = Annotated[str, _line("The name people know it by.", example="Nordlicht Bau")]
_Admins = Annotated[list[Email], Meta(max_length=200, description="Who may give or take back consent.")]
_Description = Annotated[
    str,
    Meta(max_length=100_000, description="Plain text; blank lines part paragraphs."),
]
_Location = Annotated[str, Meta(max_length=200, description="Where the job is.", examples=["Kiel"])]


class Sent(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A body that is sent in: camelCase, nothing unknown."""


class CustomerBody(Sent):
    """A customer. An optional field that is left out keeps its value."""

    name: _Name
    admins: _Admins | UnsetType = UNSET
    holds: Holds | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_line("name", self.name)
        for address in self.admins or ():
            email("admins", address)
        for action, seconds in (self.holds or {}).items():
            if action not in DEFAULT:
                raise Unfit(
                    "holds",
                    f"has the action {shown(action)}; want one of {', '.join(DEFAULT)}",
                )
            if not 0 <= seconds <= _LONGEST_HOLD:
                raise Unfit(
                    "holds",
                    f"has {shown(seconds)} for {action}; want 0 to {_LONGEST_HOLD} seconds",
                )


class JobBody(Sent):
    """A job. An optional field that is left out keeps its value."""

    title: Annotated[str, _line("The job's title.", example="Carpenter")]
    location: _Location | UnsetType = UNSET
    description: _Description | UnsetType = UNSET
    listed_at: Annotated[int, _time("Since when the job is listed; at first: now.")] | UnsetType = UNSET
    closed: Annotated[bool, Meta(description="true: nobody can apply any more.")] | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_line("title", self.title)
        if self.location:
            _check_line("location", self.location)
        if self.description and "\0" in self.description:
            raise Unfit("description", "has a NUL character; want text without it")
        if self.listed_at is not UNSET:
            check_time("listedAt", self.listed_at)


class ApplicantBody(Sent):
    """An applicant. An optional field that is left out keeps its value."""

    email: Email
    name: _Name
    language: Language | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET

    def __post_init__(self) -> None:
        email("email", self.email)
        _check_line("name", self.name)
        if wrong := unfit(self.name):
            raise Unfit("name", wrong)
        if self.language is not UNSET and not _LANGUAGE.fullmatch(self.language):
            raise Unfit(
                "language",
                f"is {shown(self.language)}; want a BCP 47 tag such as de or pt-BR",
            )
        if self.time_zone is not UNSET and self.time_zone not in _time_zones():
            raise Unfit(
                "timeZone",
                f"is {shown(self.time_zone)}; want an IANA name such as Europe/Berlin",
            )


class JobName(Sent):
    """A job by the name it has in the job board's own back end."""

    organization: OrganizationUrn
    external_id: ExternalId

    def __post_init__(self) -> None:
        read_urn("organization", urn.ORGANIZATION, self.organization)
        check_external_id("externalId", self.external_id)


class ApplicationBody(Sent):
    """An application that the job board has received (spec R28)."""

    job: JobName
    applicant: Annotated[str, _line("The applicant's externalId.", example="member-4711")]
    submitted_at: Annotated[int, _time("When it was submitted; left out: now.")] | UnsetType = UNSET
    job_application_id: ApplicationUrn | UnsetType = UNSET

    def __post_init__(self) -> None:
        check_external_id("applicant", self.applicant)
        if self.submitted_at is not UNSET:
            check_time("submittedAt", self.submitted_at)
        if self.job_application_id is not UNSET:
            read_urn("jobApplicationId", urn.JOB_APPLICATION, self.job_application_id)


class SuppressionBody(Sent):
    """An address that wants or can get no more mail (spec R19)."""

    email: Email
    reason: Annotated[
        str,
        Meta(
            description="Why.",
            examples=list(SUPPRESSIONS),
            extra_json_schema={"enum": list(SUPPRESSIONS)},
        ),
    ]

    def __post_init__(self) -> None:
        email("email", self.email)
        if self.reason not in SUPPRESSIONS:
            raise Unfit("reason", f"is {shown(self.reason)}; want {' or '.join(SUPPRESSIONS)}")


def email(field: str, given: str) -> str:
    """An address as it is kept. Raises `Unfit`, which does not repeat it."""
    try:
        return validate_email(given, check_deliverability=False, globally_deliverable=False).normalized
    except (EmailNotValidError, UnicodeError):
        raise Unfit(field, "is not an e-mail address; want one such as name@example.com") from None


def check_time(field: str, given: int) -> datetime:
    """Milliseconds as a moment. Raises `Unfit`."""
    if 0 < given < _EARLIEST:
        raise Unfit(field, f"is {given}: this looks like seconds; want milliseconds since 1970")
    if not _EARLIEST <= given <= _LATEST:
        raise Unfit(
            field,
            f"is {shown(given)}; want milliseconds since 1970, {_EARLIEST} to {_LATEST}",
        )
    return moment(given)


def check_external_id(field: str, given: str) -> str:
    """A name from the job board's own back end. Raises `Unfit`."""
    if len(given) > 200:
        raise Unfit(field, f"has {len(given)} characters; want at most 200")
    _check_line(field, given)
    return given


def read_urn(field: str, kind: str, given: str) -> int:
    """The number of a URN, or of its number alone. Raises `Unfit`."""
    try:
        if given.startswith("urn:"):
            return urn.read(kind, given)
        return urn.number(given, f"urn:li:{kind}:N or N alone,")
    except ValueError as error:
        raise Unfit(field, f"is {shown(given)}; {error}") from None


def _check_line(field: str, given: str) -> None:
    if not given.strip():
        raise Unfit(field, "is empty; want at least one visible character")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in given):
        raise Unfit(field, "has a control character or a line break; want one line of text")


@cache
def _time_zones() -> frozenset[str]:
    """All zones, but for the two that mean something else on every machine."""
    return frozenset(available_timezones() - {"localtime", "Factory"})
