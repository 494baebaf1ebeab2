"""Writing applicants, their applications and résumés: what stands before the first report (spec R28).

SUBMITTED with its notices and the delivery to the job's webhook are stored in the caller's transaction, with the
application or not at all. Must not decide who is told what: rules/plan does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.rules.plan import Facts, Planned, plan
from unghost.jobboard.rules.policy import SUBMITTED, Policy
from unghost.jobboard.store import accepting, delivering, erasing
from unghost.jobboard.tombstones import Tombstones


class CannotRegister(Exception):
    """The application or applicant cannot be stored. The message is one sentence with the remedy."""


class UnknownJob(CannotRegister):
    """There is no such job."""


class UnknownApplicant(CannotRegister):
    """There is no such applicant."""


class NumberTaken(CannotRegister):
    """The application number belongs to another application."""


class NumberErased(CannotRegister):
    """The application number belonged to an application that was erased (spec R20)."""


@dataclass(frozen=True, slots=True)
class Registered:
    """An application's number, whether it is new (`created`) or was there already, and its notices if it is new."""

    number: int
    created: bool
    notices: tuple[Planned, ...] = ()


async def register_application(
    connection: AsyncConnection,
    *,
    job_id: int,
    applicant_id: int,
    submitted_at: datetime,
    now: datetime,
    policy: Policy,
    tombstones: Tombstones,
    number: int | None = None,
) -> Registered:
    """Store an application with its SUBMITTED action and notices, in the caller's transaction (spec R28).

    If its job has a webhook, its delivery is written with it. Whether the job still takes applications is not asked:
    one that is registered has happened already, and must not be lost because the job was closed meanwhile.

    A second one of the same job and applicant gives the first one back, also when both come at once.
    Raises `UnknownJob`, `UnknownApplicant`, `NumberTaken` or `NumberErased`, and leaves the transaction usable.
    """
    given = {"number": number, "job": job_id, "applicant": applicant_id, "submitted_at": submitted_at}
    if (row := await _insert(connection, given, tombstones)) is None:
        try:
            return Registered(await _standing(connection, job_id, applicant_id, number), created=False)
        except NumberTaken:
            if number is not None:
                raise
        # Numbers that the board's own back end chose stand where ours go on: go on behind them.
        await connection.execute(_PAST_CHOSEN)
        return await register_application(
            connection,
            job_id=job_id,
            applicant_id=applicant_id,
            submitted_at=submitted_at,
            now=now,
            policy=policy,
            tombstones=tombstones,
        )
    new, consent, holds, has_webhook = row
    facts = Facts(consent=consent, holds=holds)
    notices = plan(SUBMITTED, submitted_at, now, facts, policy)
    action = accepting.NewAction(new, SUBMITTED, submitted_at, None, notices)
    await accepting.store(connection, [action], now, [applicant_id])
    if has_webhook:
        await delivering.put(connection, new, now)
    return Registered(new, created=True, notices=notices)


async def _insert(connection: AsyncConnection, given: dict[str, Any], tombstones: Tombstones) -> tuple[Any, ...] | None:
    """The row of a new application; None: none was inserted. Raises `NumberErased`.

    Whether its number was erased is asked afterwards: by then whoever was erasing it has committed.
    """
    numbered = given["number"] is not None
    while True:
        row = await (await connection.execute(_INSERT_NUMBERED if numbered else _INSERT, given)).fetchone()
        if row is None or await erasing.erased_at(connection, tombstones.of_application(row[0])) is None:
            return row
        await connection.execute(_TAKE_BACK, row[:1])
        if numbered:
            raise NumberErased(f"number {row[0]} was erased with its applicant and is not given again: give another")


async def _standing(connection: AsyncConnection, job_id: int, applicant_id: int, number: int | None) -> int:
    cursor = await connection.execute(_STANDING, {"job": job_id, "applicant": applicant_id})
    row = await cursor.fetchone()
    standing, job_there, applicant_there = row or (None, False, False)
    if standing is not None:
        return int(standing)
    if not job_there:
        raise UnknownJob(f"there is no job {job_id}: register the job first")
    if not applicant_there:
        raise UnknownApplicant(f"there is no applicant {applicant_id}: register the applicant first")
    raise NumberTaken(f"number {number} belongs to another application: leave it out or give a free one")


async def store_resume(
    connection: AsyncConnection,
    *,
    application_number: int,
    file_name: str,
    media_type: str,
    content: bytes,
    now: datetime,
) -> None:
    """Store the résumé that came with an application; the first one stays."""
    await connection.execute(_RESUME, (application_number, file_name, media_type, content, now))


async def applicant_of_address(
    connection: AsyncConnection, *, email: str, name: str, language: str, time_zone: str, now: datetime
) -> int:
    """The id of the applicant with this address, made from what is given if there is none.

    For what anyone may send: somebody who is known already keeps their own name, language and time zone.
    """
    values = {"email": email, "name": name, "language": language, "time_zone": time_zone, "now": now}
    inserted = await (await connection.execute(_ADD_APPLICANT, values)).fetchone()
    found = inserted or await (await connection.execute(_APPLICANT_OF_ADDRESS, (email,))).fetchone()
    if found is None:  # erased between the two statements
        return await applicant_of_address(
            connection, email=email, name=name, language=language, time_zone=time_zone, now=now
        )
    return int(found[0])


# The applicant's row is locked as the foreign key will have it, so that an erasure is waited for and then seen.
_INTO = """
INSERT INTO jobboard.application ({columns}job_id, organization, applicant_id, submitted_at)
SELECT {values}j.id, j.organization, p.id, %(submitted_at)s
FROM jobboard.job j CROSS JOIN jobboard.applicant p
WHERE j.id = %(job)s AND p.id = %(applicant)s
FOR KEY SHARE OF p
ON CONFLICT DO NOTHING
RETURNING number,
    (SELECT c.applicant_notifications FROM jobboard.customer c WHERE c.organization = application.organization),
    (SELECT c.holds FROM jobboard.customer c WHERE c.organization = application.organization),
    (SELECT j.webhook_id IS NOT NULL FROM jobboard.job j WHERE j.id = application.job_id)
"""
_INSERT = _INTO.format(columns="", values="")
_INSERT_NUMBERED = _INTO.format(columns="number, ", values="%(number)s::bigint, ")
_TAKE_BACK = "DELETE FROM jobboard.application WHERE number = %s"

_PAST_CHOSEN = """
WITH RECURSIVE chosen (number) AS (
    SELECT last_value FROM jobboard.application_number_seq
    UNION ALL
    SELECT a.number FROM chosen JOIN jobboard.application a ON a.number = chosen.number + 1
)
SELECT setval('jobboard.application_number_seq', max(number)) FROM chosen
"""

_STANDING = """
SELECT (SELECT number FROM jobboard.application WHERE job_id = %(job)s AND applicant_id = %(applicant)s),
       EXISTS (SELECT FROM jobboard.job WHERE id = %(job)s),
       EXISTS (SELECT FROM jobboard.applicant WHERE id = %(applicant)s)
"""

_RESUME = """
INSERT INTO jobboard.resume (application_number, file_name, media_type, content, received_at)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (application_number) DO NOTHING
"""

_ADD_APPLICANT = """
INSERT INTO jobboard.applicant (email, name, language, time_zone, created_at)
VALUES (%(email)s, %(name)s, %(language)s, %(time_zone)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING id
"""

# Locked, so that whoever is given the id finds the row for as long as their transaction lasts.
_APPLICANT_OF_ADDRESS = "SELECT id FROM jobboard.applicant WHERE lower(email) = lower(%s) FOR KEY SHARE"
