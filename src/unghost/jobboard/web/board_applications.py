"""The board API's handlers for applications: registering one, and reading what its applicant may see (spec R23, R28).

Statuses are My Jobs' own rows, so that a job board's site and the pages cannot drift apart.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from msgspec import UNSET
from psycopg import AsyncConnection

from unghost.jobboard import metrics
from unghost.jobboard.rules.policy import SUBMITTED
from unghost.jobboard.rules.timeline import Stop
from unghost.jobboard.store import board, board_names, erasing, reading, registering
from unghost.jobboard.store.board_names import Names
from unghost.jobboard.web.board_answers import ApplicationShown, ApplicationsShown, JobNameShown, StatusShown
from unghost.jobboard.web.board_call import Answer, Call
from unghost.jobboard.web.board_records import erased_applicant, unknown_applicant, unknown_job
from unghost.jobboard.web.board_refusals import BoardRefusal, BoardRefused
from unghost.jobboard.web.board_shapes import read_urn
from unghost.wire import urn
from unghost.wire.lifecycle import AHEAD, milliseconds, moment


async def register(call: Call) -> Answer:
    """Register an application, once for a job and applicant; SUBMITTED is stored with it (spec R28)."""
    given = call.body
    submitted_at = _submitted_at(call)
    number = None
    if given.job_application_id is not UNSET:
        number = read_urn("jobApplicationId", urn.JOB_APPLICATION, given.job_application_id)
    organization = read_urn("job.organization", urn.ORGANIZATION, given.job.organization)
    async with call.services.pool.connection() as connection:
        job = await board.job(connection, organization, given.job.external_id)
        if job is None:
            raise unknown_job("job")
        applicant = await board.applicant(connection, given.applicant)
        if applicant is None:
            tombstone = call.services.tombstones.of_applicant(given.applicant)
            if await erasing.erased_at(connection, tombstone) is not None:
                raise erased_applicant("applicant")
            raise unknown_applicant("applicant")
        registered = await _register(call, connection, job, applicant, submitted_at, number)
        if number not in (None, registered.number):
            standing = urn.write(urn.JOB_APPLICATION, registered.number)
            raise _number_taken(f"differs from {standing}, which this application has; want that, or none")
        shown = await _shown(call, connection, applicant.id)
    metrics.stored((SUBMITTED, notice) for notice in registered.notices)
    status = HTTPStatus.CREATED if registered.created else HTTPStatus.OK
    return status, shown[registered.number]


async def get_application(call: Call) -> Answer:
    """One application as its applicant sees it."""
    number: int = call.named["jobApplicationId"]
    async with call.services.pool.connection() as connection:
        names = (await board_names.of_applications(connection, [number])).get(number)
        shown = await _shown(call, connection, names.applicant_id) if names else {}
    if number not in shown:
        raise BoardRefused(
            BoardRefusal.UNKNOWN_APPLICATION,
            f"jobApplicationId is {number}, which no application has; want one that /board/v1/applications gave",
            "jobApplicationId",
        )
    return HTTPStatus.OK, shown[number]


async def get_applications(call: Call) -> Answer:
    """All applications of an applicant as they see them, the one with the newest activity first."""
    async with call.services.pool.connection() as connection:
        applicant = await board.applicant(connection, call.named["externalId"])
        if applicant is None:
            raise unknown_applicant("externalId")
        shown = await _shown(call, connection, applicant.id)
    return HTTPStatus.OK, ApplicationsShown(applications=list(shown.values()))


def _submitted_at(call: Call) -> datetime:
    given = call.body.submitted_at
    if given is UNSET:
        return call.now
    at = moment(given)
    if at > call.now + AHEAD:
        raise BoardRefused(
            BoardRefusal.BAD_FIELD,
            f"submittedAt is {given}, more than 5 minutes ahead of the job board's clock ({milliseconds(call.now)}); "
            "want when it was submitted, in milliseconds since 1970",
            "submittedAt",
        )
    return at


async def _register(
    call: Call,
    connection: AsyncConnection,
    job: board.Job,
    applicant: board.Applicant,
    submitted_at: datetime,
    number: int | None,
) -> registering.Registered:
    try:
        return await registering.register_application(
            connection,
            job_id=job.id,
            applicant_id=applicant.id,
            submitted_at=submitted_at,
            now=call.now,
            policy=call.services.policy,
            tombstones=call.services.tombstones,
            number=number,
        )
    except registering.UnknownJob:  # taken away between reading and writing, as the next one
        raise unknown_job("job") from None
    except registering.UnknownApplicant:  # nothing but an erasure takes applicants away
        raise erased_applicant("applicant") from None
    except registering.NumberErased:
        raise BoardRefused(
            BoardRefusal.ERASED,
            "jobApplicationId belonged to an application that was erased with its applicant; want another one, or none",
            "jobApplicationId",
        ) from None
    except registering.NumberTaken:
        raise _number_taken("belongs to another application; want a free one, or none") from None


def _number_taken(message: str) -> BoardRefused:
    return BoardRefused(BoardRefusal.NUMBER_TAKEN, f"jobApplicationId {message}", "jobApplicationId")


async def _shown(call: Call, connection: AsyncConnection, applicant_id: int) -> dict[int, ApplicationShown]:
    """The applications of an applicant by number, in the order of My Jobs."""
    mine = await reading.my_jobs(connection, applicant_id, call.now, call.services.policy)
    if mine is None:
        return {}
    names = await board_names.of_applications(connection, [application.number for application in mine.applications])
    return {
        application.number: _application(call, application, names[application.number], mine.applicant.language)
        for application in mine.applications
        if application.number in names
    }


def _application(call: Call, application: reading.Application, names: Names, language: str) -> ApplicationShown:
    timeline = [_status(call, stop, language) for stop in application.stops]
    return ApplicationShown(
        job_application_id=urn.write(urn.JOB_APPLICATION, application.number),
        job=JobNameShown(organization=urn.write(urn.ORGANIZATION, names.organization), external_id=names.job),
        applicant=names.applicant,
        submitted_at=milliseconds(application.submitted_at),
        status=timeline[-1] if timeline else None,
        timeline=timeline,
    )


def _status(call: Call, stop: Stop, language: str) -> StatusShown:
    say = call.services.wording.say
    folder = stop.action.lower()
    return StatusShown(
        action=stop.action,
        performed_at=milliseconds(stop.performed_at),
        label=say(language, f"{folder}.status"),
        explanation=say(language, f"{folder}.explanation"),
    )
