"""The board API's handlers for customers, jobs, applicants and suppressed addresses: JSON into rows and back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from msgspec import UNSET, UnsetType

from unghost.jobboard.store import board, erasing
from unghost.jobboard.web.board_answers import ApplicantShown, CustomerShown, JobShown
from unghost.jobboard.web.board_call import Answer, Call
from unghost.jobboard.web.board_refusals import BoardRefusal, BoardRefused
from unghost.jobboard.web.board_shapes import email
from unghost.wire import urn
from unghost.wire.lifecycle import milliseconds, moment

T = TypeVar("T")


async def put_customer(call: Call) -> Answer:
    """Create or change a customer (spec R28); its consent only its admins change (spec R15)."""
    organization: int = call.named["organization"]
    admins = _given(call.body.admins)
    async with call.services.pool.connection() as connection:
        created = await board.put_customer(
            connection,
            organization=organization,
            name=call.body.name,
            admins=None if admins is None else [email("admins", address) for address in admins],
            holds=_given(call.body.holds),
            now=call.now,
        )
        row = await board.customer(connection, organization)
    return _put(created), _customer(row, organization)


async def get_customer(call: Call) -> Answer:
    """A customer as it stands."""
    organization: int = call.named["organization"]
    async with call.services.pool.connection() as connection:
        row = await board.customer(connection, organization)
    return HTTPStatus.OK, _customer(row, organization)


async def put_job(call: Call) -> Answer:
    """Create, change, close or open a job (spec R28)."""
    listed_at = _given(call.body.listed_at)
    organization, external_id = call.named["organization"], call.named["externalId"]
    try:
        async with call.services.pool.connection() as connection:
            created = await board.put_job(
                connection,
                organization=organization,
                external_id=external_id,
                title=call.body.title,
                location=_given(call.body.location),
                description=_given(call.body.description),
                listed_at=None if listed_at is None else moment(listed_at),
                closed=_given(call.body.closed),
                now=call.now,
            )
            row = await board.job(connection, organization, external_id)
    except board.UnknownCustomer:
        raise _unknown_customer(organization) from None
    return _put(created), _job(call, row)


async def get_job(call: Call) -> Answer:
    """A job as it stands."""
    async with call.services.pool.connection() as connection:
        row = await board.job(connection, call.named["organization"], call.named["externalId"])
    return HTTPStatus.OK, _job(call, row)


async def put_applicant(call: Call) -> Answer:
    """Create or change an applicant (spec R28)."""
    external_id: str = call.named["externalId"]
    try:
        async with call.services.pool.connection() as connection:
            created = await board.put_applicant(
                connection,
                external_id=external_id,
                email=email("email", call.body.email),
                name=call.body.name,
                language=_given(call.body.language),
                time_zone=_given(call.body.time_zone),
                tombstones=call.services.tombstones,
                now=call.now,
            )
            row = await board.applicant(connection, external_id)
    except board.ApplicantErased:
        raise erased_applicant("externalId") from None
    except board.AddressTaken:
        raise BoardRefused(
            BoardRefusal.ADDRESS_TAKEN,
            "email belongs to an applicant with another externalId; want an address of their own, or that externalId",
            "email",
        ) from None
    return _put(created), _applicant(row)


async def get_applicant(call: Call) -> Answer:
    """An applicant as they stand."""
    async with call.services.pool.connection() as connection:
        row = await board.applicant(connection, call.named["externalId"])
    return HTTPStatus.OK, _applicant(row)


async def erase_applicant(call: Call) -> Answer:
    """Erase an applicant with all that belongs to them (spec R20); again: the same answer."""
    pool, external_id = call.services.pool, call.named["externalId"]
    async with pool.connection() as connection:
        row = await board.applicant(connection, external_id)
        if row is None:
            tombstone = call.services.tombstones.of_applicant(external_id)
            if await erasing.erased_at(connection, tombstone) is None:
                raise unknown_applicant("externalId")
    if row is not None:
        await call.services.eraser.erase(pool.connection, row.id)
    return HTTPStatus.NO_CONTENT, None


async def suppress(call: Call) -> Answer:
    """Take a complaint or a hard bounce; the answer does not tell whether the address is known (spec R19)."""
    async with call.services.pool.connection() as connection:
        await board.suppress(connection, email("email", call.body.email), call.body.reason)
    return HTTPStatus.NO_CONTENT, None


def unknown_applicant(field: str) -> BoardRefused:
    """The refusal of an applicant who is not there."""
    return BoardRefused(
        BoardRefusal.UNKNOWN_APPLICANT,
        f"{field} names no applicant; want one that was put at /board/v1/applicants/{{externalId}} before",
        field,
    )


def erased_applicant(field: str) -> BoardRefused:
    """The refusal of an applicant who was erased."""
    return BoardRefused(
        BoardRefusal.ERASED,
        f"{field} names an applicant who was erased; want another externalId, should they have come back themselves",
        field,
    )


def unknown_job(field: str) -> BoardRefused:
    """The refusal of a job that is not there."""
    return BoardRefused(
        BoardRefusal.UNKNOWN_JOB,
        f"{field} names no job; want one that was put at /board/v1/jobs/{{organization}}/{{externalId}} before",
        field,
    )


def _unknown_customer(organization: int) -> BoardRefused:
    return BoardRefused(
        BoardRefusal.UNKNOWN_CUSTOMER,
        f"organization is {organization}, which is no customer; want one that was put at "
        "/board/v1/customers/{organization} before",
        "organization",
    )


def _given(value: T | UnsetType) -> T | None:
    return None if value is UNSET else value


def _put(created: bool) -> HTTPStatus:
    return HTTPStatus.CREATED if created else HTTPStatus.OK


def _customer(row: board.Customer | None, organization: int) -> CustomerShown:
    if row is None:
        raise _unknown_customer(organization)
    return CustomerShown(
        organization=urn.write(urn.ORGANIZATION, row.organization),
        name=row.name,
        admins=list(row.admins),
        holds=dict(row.holds),
        applicant_notifications=row.applicant_notifications,
    )


def _job(call: Call, row: board.Job | None) -> JobShown:
    if row is None:
        raise unknown_job("externalId")
    return JobShown(
        organization=urn.write(urn.ORGANIZATION, row.organization),
        external_id=row.external_id,
        title=row.title,
        location=row.location,
        description=row.description,
        listed_at=milliseconds(row.listed_at),
        closed_at=None if row.closed_at is None else milliseconds(row.closed_at),
        off_site_since=None if row.off_site_since is None else milliseconds(row.off_site_since),
        company_apply_url=row.company_apply_url,
        url=f"{call.services.settings.base_url}/jobs/{row.id}",
    )


def _applicant(row: board.Applicant | None) -> ApplicantShown:
    if row is None:
        raise unknown_applicant("externalId")
    return ApplicantShown(
        external_id=row.external_id,
        email=row.email,
        name=row.name,
        language=row.language,
        time_zone=row.time_zone,
        viewed_mails=row.viewed_mails,
        status_mails=row.status_mails,
        mail_suppressed=row.mail_suppressed,
    )
