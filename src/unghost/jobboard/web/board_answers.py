"""The board API's JSON that is shown. The OpenAPI document is made from here, as is the answer: they cannot drift."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Organization = Annotated[str, Meta(description="The customer.", examples=["urn:li:organization:12345"])]
ApplicationId = Annotated[
    str,
    Meta(
        description="The application's id, as the wire has it.",
        examples=["urn:li:jobApplication:12345678"],
    ),
]
Milliseconds = Annotated[
    int,
    Meta(
        description="Milliseconds since 1970.",
        examples=[1604600000017],
        extra_json_schema={"format": "int64"},
    ),
]


class Shown(Struct, rename="camel", kw_only=True):
    """An answer: camelCase."""


class CustomerShown(Shown):
    """A customer as it stands. `applicantNotifications`: its consent, which only its admins change."""

    organization: Organization
    name: str
    admins: list[str]
    holds: dict[str, int]
    applicant_notifications: bool


class JobShown(Shown):
    """A job as it stands. `url`: its page. `offSiteSince`: since when it takes applications elsewhere only, at
    `companyApplyUrl` if that is known: its webhook is blocked, or did not get the first application.
    """

    organization: Organization
    external_id: str
    title: str
    location: str
    description: str
    listed_at: Milliseconds
    closed_at: Milliseconds | None
    off_site_since: Milliseconds | None
    company_apply_url: str | None
    url: str


class ApplicantShown(Shown):
    """An applicant as they stand, with their preferences and why no mail goes to their address, if so."""

    external_id: str
    email: str
    name: str
    language: str
    time_zone: str
    viewed_mails: bool
    status_mails: bool
    mail_suppressed: str | None


class StatusShown(Shown):
    """One thing that the applicant has been told, in the words that the pages use."""

    action: str
    performed_at: Milliseconds
    label: str
    explanation: str


class JobNameShown(Shown):
    """A job by the name it has in the job board's own back end."""

    organization: Organization
    external_id: str


class ApplicationShown(Shown):
    """An application as its applicant sees it: nothing that is held or withheld is in it (spec R16, R23)."""

    job_application_id: ApplicationId
    job: JobNameShown
    applicant: str | None
    submitted_at: Milliseconds
    status: StatusShown | None
    timeline: list[StatusShown]


class ApplicationsShown(Shown):
    """All applications of one applicant, the newest first."""

    applications: list[ApplicationShown]


class RefusalShown(Shown):
    """Why a request is refused. `field`: the path of the field at fault."""

    status: int
    code: str
    message: str
    field: str | None
