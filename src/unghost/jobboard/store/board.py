"""What a job board's own back end keeps here: customers, jobs, applicants, suppressed addresses (spec R19, R28).

Each function runs in the caller's transaction. It judges no input: what it is given has been checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import ForeignKeyViolation, UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from unghost.jobboard.store.webhooks import OFF_SITE_SINCE
from unghost.jobboard.tombstones import Tombstones

#: How often a write that lost a race against another one of the same address is judged anew.
_TRIES = 3


class UnknownCustomer(Exception):
    """There is no customer of this organization."""


class AddressTaken(Exception):
    """Another applicant has this e-mail address."""


class ApplicantErased(Exception):
    """The applicant of this name was erased (spec R20)."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as stored; `holds`: action -> seconds."""

    organization: int
    name: str
    admins: Sequence[str]
    holds: Mapping[str, int]
    applicant_notifications: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A job as stored. `closed_at`: since when nobody can apply on its page; `off_site_since`: when since elsewhere.

    An application that was made before may be registered later all the same (spec R28).
    """

    id: int
    organization: int
    external_id: str
    title: str
    location: str
    description: str
    listed_at: datetime
    closed_at: datetime | None
    off_site_since: datetime | None
    company_apply_url: str | None


@dataclass(frozen=True, slots=True)
class Applicant:
    """An applicant as stored. `mail_suppressed`: why no mail goes to the address (spec R19)."""

    id: int
    external_id: str
    email: str
    name: str
    language: str
    time_zone: str
    viewed_mails: bool
    status_mails: bool
    mail_suppressed: str | None


async def put_customer(
    connection: AsyncConnection,
    *,
    organization: int,
    name: str,
    admins: Sequence[str] | None,
    holds: Mapping[str, int] | None,
    now: datetime,
) -> bool:
    """Create or change a customer; None keeps what is stored. True if it is new. Consent is never changed here."""
    cursor = await connection.execute(
        """
        INSERT INTO jobboard.customer AS c (organization, name, holds, created_at)
        VALUES (%(organization)s, %(name)s, coalesce(%(holds)s::jsonb, '{}'), %(now)s)
        ON CONFLICT (organization) DO UPDATE
            SET name = excluded.name, holds = coalesce(%(holds)s::jsonb, c.holds)
        RETURNING c.xmax = 0
        """,
        {
            "organization": organization,
            "name": name,
            "holds": None if holds is None else Jsonb(dict(holds)),
            "now": now,
        },
    )
    created = await _only(cursor)
    if admins is not None:
        await _set_admins(connection, organization, admins, now)
    return bool(created)


async def _set_admins(connection: AsyncConnection, organization: int, admins: Sequence[str], now: datetime) -> None:
    given = {"organization": organization, "admins": list(admins), "now": now}
    await connection.execute(
        """
        DELETE FROM jobboard.customer_admin
        WHERE organization = %(organization)s
            AND email <> ALL (SELECT lower(address) FROM unnest(%(admins)s::text[]) AS address)
        """,
        given,
    )
    await connection.execute(
        """
        INSERT INTO jobboard.customer_admin (organization, email, created_at)
        SELECT DISTINCT %(organization)s::bigint, lower(address), %(now)s::timestamptz
        FROM unnest(%(admins)s::text[]) AS address
        ON CONFLICT (organization, email) DO NOTHING
        """,
        given,
    )


async def customer(connection: AsyncConnection, organization: int) -> Customer | None:
    """A customer with its admins, or None."""
    async with connection.cursor(row_factory=class_row(Customer)) as cursor:
        await cursor.execute(
            """
            SELECT c.organization, c.name, c.holds, c.applicant_notifications,
                ARRAY(
                    SELECT a.email FROM jobboard.customer_admin AS a
                    WHERE a.organization = c.organization ORDER BY a.email
                ) AS admins
            FROM jobboard.customer AS c WHERE c.organization = %s
            """,
            (organization,),
        )
        return await cursor.fetchone()


async def put_job(
    connection: AsyncConnection,
    *,
    organization: int,
    external_id: str,
    title: str,
    location: str | None,
    description: str | None,
    listed_at: datetime | None,
    closed: bool | None,
    now: datetime,
) -> bool:
    """Create or change a job; None keeps what is stored. True if it is new. Raises `UnknownCustomer`.

    A job closed again keeps the moment when it was closed first; one that is opened again has none.
    """
    try:
        cursor = await connection.execute(
            """
            INSERT INTO jobboard.job AS j
                (organization, external_id, title, location, description, listed_at, closed_at)
            VALUES (
                %(organization)s, %(external_id)s, %(title)s, coalesce(%(location)s::text, ''),
                coalesce(%(description)s::text, ''), coalesce(%(listed_at)s::timestamptz, %(now)s),
                CASE WHEN %(closed)s::boolean THEN %(now)s::timestamptz END
            )
            ON CONFLICT (organization, external_id) DO UPDATE SET
                title = excluded.title,
                location = coalesce(%(location)s::text, j.location),
                description = coalesce(%(description)s::text, j.description),
                listed_at = coalesce(%(listed_at)s::timestamptz, j.listed_at),
                closed_at = CASE coalesce(%(closed)s::boolean, j.closed_at IS NOT NULL)
                    WHEN true THEN coalesce(j.closed_at, %(now)s::timestamptz) END
            RETURNING j.xmax = 0
            """,
            {
                "organization": organization,
                "external_id": external_id,
                "title": title,
                "location": location,
                "description": description,
                "listed_at": listed_at,
                "closed": closed,
                "now": now,
            },
        )
    except ForeignKeyViolation:
        raise UnknownCustomer(organization) from None
    return bool(await _only(cursor))


async def job(connection: AsyncConnection, organization: int, external_id: str) -> Job | None:
    """A job by the name it has in the board's own back end, or None."""
    async with connection.cursor(row_factory=class_row(Job)) as cursor:
        await cursor.execute(
            f"""
            SELECT j.id, j.organization, j.external_id, j.title, j.location, j.description, j.listed_at, j.closed_at,
                {OFF_SITE_SINCE}, j.company_apply_url
            FROM jobboard.job j LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
            WHERE j.organization = %s AND j.external_id = %s
            """,  # noqa: S608  (our own words)
            (organization, external_id),
        )
        return await cursor.fetchone()


async def put_applicant(
    connection: AsyncConnection,
    *,
    external_id: str,
    email: str,
    name: str,
    language: str | None,
    time_zone: str | None,
    tombstones: Tombstones,
    now: datetime,
) -> bool:
    """Create or change an applicant; None keeps what is stored. True if it is new.

    Raises `AddressTaken`, or `ApplicantErased`: whoever was erased is not brought back by their name (spec R20).

    Somebody who applied on the board's own page before has no `external_id` yet: their address finds them, and
    they get it. A changed address is a new mailbox, so a suppression of the former one ends (spec R19).
    """
    given = {
        "external_id": external_id,
        "email": email,
        "name": name,
        "language": language,
        "time_zone": time_zone,
        "tombstone": tombstones.of_applicant(external_id),
        "now": now,
    }
    for left in reversed(range(_TRIES)):
        try:
            async with connection.transaction():
                return await _put_applicant(connection, given)
        except UniqueViolation:
            if not left:
                raise AddressTaken(external_id) from None
    raise AssertionError("unreachable")


async def _put_applicant(connection: AsyncConnection, given: dict[str, Any]) -> bool:
    # The tombstone is looked for by each statement: an erasure may commit before either.
    cursor = await connection.execute(
        """
        UPDATE jobboard.applicant SET
            external_id = %(external_id)s, email = %(email)s, name = %(name)s,
            language = coalesce(%(language)s::text, language),
            time_zone = coalesce(%(time_zone)s::text, time_zone),
            mail_suppressed = CASE WHEN lower(email) = lower(%(email)s) THEN mail_suppressed END
        WHERE id = (
            SELECT id FROM jobboard.applicant
            WHERE external_id = %(external_id)s OR (lower(email) = lower(%(email)s) AND external_id IS NULL)
            ORDER BY external_id NULLS LAST LIMIT 1
        ) AND (external_id IS NULL OR external_id = %(external_id)s)
            AND NOT EXISTS (SELECT FROM jobboard.tombstone WHERE digest = %(tombstone)s)
        """,
        given,
    )
    if cursor.rowcount:
        return False
    cursor = await connection.execute(
        """
        INSERT INTO jobboard.applicant (external_id, email, name, language, time_zone, created_at)
        SELECT %(external_id)s, %(email)s, %(name)s, coalesce(%(language)s::text, 'en'),
            coalesce(%(time_zone)s::text, 'UTC'), %(now)s
        WHERE NOT EXISTS (SELECT FROM jobboard.tombstone WHERE digest = %(tombstone)s)
        """,
        given,
    )
    if not cursor.rowcount:
        raise ApplicantErased
    return True


async def applicant(connection: AsyncConnection, external_id: str) -> Applicant | None:
    """An applicant by the name they have in the board's own back end, or None."""
    async with connection.cursor(row_factory=class_row(Applicant)) as cursor:
        await cursor.execute(
            """
            SELECT id, external_id, email, name, language, time_zone, viewed_mails, status_mails, mail_suppressed
            FROM jobboard.applicant WHERE external_id = %s
            """,
            (external_id,),
        )
        return await cursor.fetchone()


async def suppress(connection: AsyncConnection, email: str, reason: str) -> None:
    """Send no more mail to an address (spec R19). A complaint is never weakened to a hard bounce."""
    await connection.execute(
        """
        UPDATE jobboard.applicant SET mail_suppressed = %s
        WHERE lower(email) = lower(%s) AND mail_suppressed IS DISTINCT FROM 'complaint'
        """,
        (reason, email),
    )


async def _only(cursor: Any) -> Any:
    row = await cursor.fetchone()
    return row[0]
