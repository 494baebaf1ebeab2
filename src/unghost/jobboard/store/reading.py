"""Reading what applicants see: their applications, jobs, and who they are. One statement per page.

A notice whose hold has not ended does not leave the database here (spec R16): no row, no count, no order shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from unghost.jobboard.rules.plan import State
from unghost.jobboard.rules.policy import Place, Policy
from unghost.jobboard.rules.timeline import Noticed, Stop, timeline
from unghost.jobboard.store.webhooks import OFF_SITE_SINCE


@dataclass(frozen=True, slots=True)
class Applicant:
    """An applicant who reads a page."""

    id: int
    name: str
    email: str
    language: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its page shows it; `closed_at`: since when it takes no applications.

    `off_site_since`: since when it takes them elsewhere only, at `company_apply_url` if that is known: its first could
    not be delivered, or its webhook is blocked (spec R28).
    """

    id: int
    title: str
    company: str
    location: str
    description: str
    listed_at: datetime
    closed_at: datetime | None
    off_site_since: datetime | None
    company_apply_url: str | None


@dataclass(frozen=True, slots=True)
class Application:
    """An application with the stops its applicant may see at one place, oldest first."""

    number: int
    job: Job
    submitted_at: datetime
    stops: tuple[Stop, ...]

    @property
    def status(self) -> Stop | None:
        """The latest stop: what has become of the application, as far as its applicant may know."""
        return self.stops[-1] if self.stops else None

    @property
    def news_at(self) -> datetime:
        """When the latest thing happened that its applicant may know."""
        return self.stops[-1].performed_at if self.stops else self.submitted_at


@dataclass(frozen=True, slots=True)
class MyJobs:
    """An applicant and all their applications, the one with the newest activity first."""

    applicant: Applicant
    applications: tuple[Application, ...]


@dataclass(frozen=True, slots=True)
class JobPage:
    """A job, the applicant who looks at it if one is signed in, and their own application to it if there is one."""

    job: Job
    applicant: Applicant | None
    application: Application | None


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """Open jobs, newest first. `applied`: ids of those the applicant applied to. `more`: there are older ones."""

    jobs: tuple[Job, ...]
    applicant: Applicant | None
    applied: frozenset[int]
    more: bool


async def applicant(connection: AsyncConnection, id: int) -> Applicant | None:
    """The applicant of that id, or None: nobody, or erased."""
    return next((_applicant(row) for row in await _rows(connection, _APPLICANT, {"applicant": id})), None)


async def applicant_at(connection: AsyncConnection, email: str) -> Applicant | None:
    """The applicant with that address, or None."""
    rows = await _rows(connection, _APPLICANT_AT, {"email": email})
    return next((_applicant(row) for row in rows), None)


async def applicant_named(connection: AsyncConnection, external_id: str) -> Applicant | None:
    """The applicant whom the job board's own back end calls `external_id`, or None."""
    rows = await _rows(connection, _APPLICANT_NAMED, {"external_id": external_id})
    return next((_applicant(row) for row in rows), None)


async def my_jobs(connection: AsyncConnection, applicant: int, now: datetime, policy: Policy) -> MyJobs | None:
    """All applications of an applicant as My Jobs shows them, or None: nobody, or erased."""
    values = _values(applicant, Place.MY_JOBS, now, policy)
    rows = await _rows(connection, _MY_JOBS, values)
    if not rows:
        return None
    found = _applications(rows, Place.MY_JOBS, now, policy)
    found.sort(key=lambda application: (application.news_at, application.number), reverse=True)
    return MyJobs(_applicant(rows[0]), tuple(found))


async def job_page(
    connection: AsyncConnection, job: int, applicant: int | None, now: datetime, policy: Policy
) -> JobPage | None:
    """A job with the applicant's own application to it, or None: no such job."""
    values = _values(applicant, Place.JOB_POSTING, now, policy) | {"job": job}
    rows = await _rows(connection, _JOB_PAGE, values)
    if not rows:
        return None
    found = _applications(rows, Place.JOB_POSTING, now, policy)
    who = _applicant(rows[0]) if rows[0]["applicant_id"] is not None else None
    return JobPage(_job(rows[0]), who, found[0] if found else None)


async def open_jobs(
    connection: AsyncConnection, applicant: int | None, *, below: int | None = None, limit: int = 50
) -> OpenJobs:
    """Open jobs, the newest first, at most `limit`; `below`: only those after the job of this id (the next page)."""
    values = {"applicant": applicant, "below": below, "limit": limit + 1}
    rows = await _rows(connection, _OPEN_JOBS, values)
    who = next((_applicant(row) for row in rows if row["applicant_id"] is not None), None)
    listed = [row for row in rows if row["job_id"] is not None]
    return OpenJobs(
        jobs=tuple(_job(row) for row in listed[:limit]),
        applicant=who,
        applied=frozenset(row["job_id"] for row in listed if row["applied"]),
        more=len(listed) > limit,
    )


async def _rows(connection: AsyncConnection, statement: str, values: dict[str, Any]) -> Sequence[DictRow]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


def _values(applicant: int | None, place: Place, now: datetime, policy: Policy) -> dict[str, Any]:
    deciders = [action for action, rule in policy.items() if rule.decides]
    return {"applicant": applicant, "place": place, "now": now, "deciders": deciders}


def _applicant(row: DictRow) -> Applicant:
    return Applicant(row["applicant_id"], row["name"], row["email"], row["language"], row["time_zone"])


def _job(row: DictRow) -> Job:
    return Job(
        row["job_id"],
        row["title"],
        row["company"],
        row["location"],
        row["description"],
        row["listed_at"],
        row["closed_at"],
        row["off_site_since"],
        row["company_apply_url"],
    )


def _applications(rows: Iterable[DictRow], place: Place, now: datetime, policy: Policy) -> list[Application]:
    grouped: dict[int, list[DictRow]] = {}
    for row in rows:
        if row["number"] is not None:
            grouped.setdefault(row["number"], []).append(row)
    return [_application(number, own, place, now, policy) for number, own in grouped.items()]


def _application(number: int, rows: list[DictRow], place: Place, now: datetime, policy: Policy) -> Application:
    noticed = (
        Noticed(row["action"], place, State(row["state"]), row["due_at"], row["performed_at"], row["consent"])
        for row in rows
        if row["action"] is not None
    )
    first = rows[0]
    stops = timeline(noticed, decided_at=first["decided_at"], now=now, policy=policy)
    return Application(number, _job(first), first["submitted_at"], stops)


_PARTS = {
    "applicant_columns": "p.id AS applicant_id, p.name, p.email, p.language, p.time_zone",
    "job_columns": f"""j.id AS job_id, j.title, c.name AS company, j.location, j.description, j.listed_at, j.closed_at,
       {OFF_SITE_SINCE}, j.company_apply_url""",
    "seen_columns": """a.number, a.submitted_at, decided.decided_at, n.action, n.state, n.due_at,
       x.performed_at, c.applicant_notifications AND n.action_id > c.consent_after AS consent""",
    # What may be seen at one place, and when a decision was performed that has been told. Held rows stay behind.
    "seen": """
LEFT JOIN LATERAL (
    SELECT min(d.performed_at) AS decided_at
    FROM jobboard.notice s JOIN jobboard.action d ON d.id = s.action_id
    WHERE s.application_number = a.number AND s.state = 'told' AND s.action = ANY (%(deciders)s::text[])
) decided ON true
LEFT JOIN (
    jobboard.notice n JOIN jobboard.action x ON x.id = n.action_id
) ON n.application_number = a.number AND n.place = %(place)s AND n.state <> 'withheld'
     AND (n.state = 'told' OR n.due_at <= %(now)s)""",
}


def _whole(statement: str) -> str:
    return statement.format(**_PARTS)


_APPLICANT = _whole("SELECT {applicant_columns} FROM jobboard.applicant p WHERE p.id = %(applicant)s")
_APPLICANT_AT = _whole("SELECT {applicant_columns} FROM jobboard.applicant p WHERE lower(p.email) = lower(%(email)s)")
_APPLICANT_NAMED = _whole("SELECT {applicant_columns} FROM jobboard.applicant p WHERE p.external_id = %(external_id)s")

_MY_JOBS = _whole("""
SELECT {applicant_columns}, {job_columns}, {seen_columns}
FROM jobboard.applicant p
LEFT JOIN (
    jobboard.application a
    JOIN jobboard.job j ON j.id = a.job_id
    JOIN jobboard.customer c ON c.organization = a.organization
    LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
) ON a.applicant_id = p.id
{seen}
WHERE p.id = %(applicant)s
""")

_JOB_PAGE = _whole("""
SELECT {applicant_columns}, {job_columns}, {seen_columns}
FROM jobboard.job j
JOIN jobboard.customer c ON c.organization = j.organization
LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
LEFT JOIN jobboard.applicant p ON p.id = %(applicant)s
LEFT JOIN jobboard.application a ON a.job_id = j.id AND a.applicant_id = p.id
{seen}
WHERE j.id = %(job)s
""")

_OPEN_JOBS = _whole("""
SELECT {applicant_columns}, listed.*, a.number IS NOT NULL AS applied
FROM (VALUES (1)) one
LEFT JOIN jobboard.applicant p ON p.id = %(applicant)s
LEFT JOIN LATERAL (
    SELECT {job_columns}
    FROM jobboard.job j JOIN jobboard.customer c ON c.organization = j.organization
    LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
    WHERE j.closed_at IS NULL AND (j.listed_at, j.id) < (
        coalesce((SELECT b.listed_at FROM jobboard.job b WHERE b.id = %(below)s), 'infinity'), %(below)s::bigint)
    ORDER BY j.listed_at DESC, j.id DESC LIMIT %(limit)s
) listed ON true
LEFT JOIN jobboard.application a ON a.job_id = listed.job_id AND a.applicant_id = p.id
ORDER BY listed.listed_at DESC, listed.job_id DESC
""")
