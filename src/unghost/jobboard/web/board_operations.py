"""THE TABLE of the board API's operations. The API answers by it and the OpenAPI document is made from it.

An operation is added by a row here, a shape in `board_shapes` or `board_answers`, and its handler.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec

from unghost.jobboard.web import board_applications, board_records
from unghost.jobboard.web.board_answers import (
    ApplicantShown,
    ApplicationShown,
    ApplicationsShown,
    CustomerShown,
    JobShown,
)
from unghost.jobboard.web.board_call import Answer, Call
from unghost.jobboard.web.board_refusals import BoardRefusal
from unghost.jobboard.web.board_shapes import (
    ApplicantBody,
    ApplicationBody,
    CustomerBody,
    JobBody,
    SuppressionBody,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: a row of the table below. `refusals`: those beyond the ones that every operation has."""

    name: str
    summary: str
    method: str
    path: str
    handler: Callable[[Call], Awaitable[Answer]]
    answers: dict[HTTPStatus, str]
    answer: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    refusals: tuple[BoardRefusal, ...] = ()
    parts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.path.removeprefix("/").split("/")))


_PUT_ANSWERS = {HTTPStatus.CREATED: "It is new.", HTTPStatus.OK: "It was there and is as sent now."}
_READ = {HTTPStatus.OK: "As it stands."}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="putCustomer",
        summary="Create or change a customer",
        method="PUT",
        path="/v1/customers/{organization}",
        handler=board_records.put_customer,
        body=CustomerBody,
        answer=CustomerShown,
        answers=_PUT_ANSWERS,
    ),
    Operation(
        name="getCustomer",
        summary="Read a customer",
        method="GET",
        path="/v1/customers/{organization}",
        handler=board_records.get_customer,
        answer=CustomerShown,
        answers=_READ,
        refusals=(BoardRefusal.UNKNOWN_CUSTOMER,),
    ),
    Operation(
        name="putJob",
        summary="Create or change a job",
        method="PUT",
        path="/v1/jobs/{organization}/{externalId}",
        handler=board_records.put_job,
        body=JobBody,
        answer=JobShown,
        answers=_PUT_ANSWERS,
        refusals=(BoardRefusal.UNKNOWN_CUSTOMER,),
    ),
    Operation(
        name="getJob",
        summary="Read a job",
        method="GET",
        path="/v1/jobs/{organization}/{externalId}",
        handler=board_records.get_job,
        answer=JobShown,
        answers=_READ,
        refusals=(BoardRefusal.UNKNOWN_JOB,),
    ),
    Operation(
        name="putApplicant",
        summary="Create or change an applicant",
        method="PUT",
        path="/v1/applicants/{externalId}",
        handler=board_records.put_applicant,
        body=ApplicantBody,
        answer=ApplicantShown,
        answers=_PUT_ANSWERS,
        refusals=(BoardRefusal.ADDRESS_TAKEN, BoardRefusal.ERASED),
    ),
    Operation(
        name="getApplicant",
        summary="Read an applicant",
        method="GET",
        path="/v1/applicants/{externalId}",
        handler=board_records.get_applicant,
        answer=ApplicantShown,
        answers=_READ,
        refusals=(BoardRefusal.UNKNOWN_APPLICANT,),
    ),
    Operation(
        name="eraseApplicant",
        summary="Erase an applicant with their applications and all that belongs to them",
        method="DELETE",
        path="/v1/applicants/{externalId}",
        handler=board_records.erase_applicant,
        answers={HTTPStatus.NO_CONTENT: "They are erased, now or before."},
        refusals=(BoardRefusal.UNKNOWN_APPLICANT,),
    ),
    Operation(
        name="registerApplication",
        summary="Register an application: the applicant is told that it was submitted",
        method="POST",
        path="/v1/applications",
        handler=board_applications.register,
        body=ApplicationBody,
        answer=ApplicationShown,
        answers={
            HTTPStatus.CREATED: "It is registered.",
            HTTPStatus.OK: "This applicant's application for this job was registered before; nothing is told again.",
        },
        refusals=(
            BoardRefusal.UNKNOWN_JOB,
            BoardRefusal.UNKNOWN_APPLICANT,
            BoardRefusal.NUMBER_TAKEN,
            BoardRefusal.ERASED,
        ),
    ),
    Operation(
        name="getApplication",
        summary="Read an application's status and timeline, as its applicant sees them",
        method="GET",
        path="/v1/applications/{jobApplicationId}",
        handler=board_applications.get_application,
        answer=ApplicationShown,
        answers=_READ,
        refusals=(BoardRefusal.UNKNOWN_APPLICATION,),
    ),
    Operation(
        name="getApplicationsOfApplicant",
        summary="Read all applications of an applicant, as they see them",
        method="GET",
        path="/v1/applicants/{externalId}/applications",
        handler=board_applications.get_applications,
        answer=ApplicationsShown,
        answers=_READ,
        refusals=(BoardRefusal.UNKNOWN_APPLICANT,),
    ),
    Operation(
        name="suppress",
        summary="Send no more mail to an address that complained or bounced",
        method="POST",
        path="/v1/suppressions",
        handler=board_records.suppress,
        body=SuppressionBody,
        answers={HTTPStatus.NO_CONTENT: "Done, whether the address is known or not."},
    ),
)
