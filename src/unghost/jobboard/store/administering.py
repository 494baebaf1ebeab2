"""What the operator's commands change and list: partners, customers, admins, holds, jobs (spec R13, R24, R25).

Each function runs in the caller's transaction. Consent is set by store/consent, secrets are made by store/access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from unghost.jobboard.store.webhooks import OFF_SITE_SINCE


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as the operator sees it. `holds`: action -> seconds."""

    organization: int
    name: str
    applicant_notifications: bool
    holds: Mapping[str, Any]
    admins: Sequence[str]
    jobs: int
    applications: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Application:
    """A partner (`partner` is None) or one of its child applications, by which a customer's actions are reported."""

    client_id: str
    name: str
    partner: str | None
    organization: int | None
    allowed_origins: Sequence[str]
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job with how many applications it has."""

    id: int
    organization: int
    external_id: str
    title: str
    location: str
    listed_at: datetime
    closed_at: datetime | None
    off_site_since: datetime | None
    applications: int


_CUSTOMERS = """
SELECT c.organization, c.name, c.applicant_notifications, c.holds, c.created_at,
       ARRAY(SELECT a.email FROM jobboard.customer_admin a WHERE a.organization = c.organization ORDER BY a.email)
           AS admins,
       (SELECT count(*) FROM jobboard.job j WHERE j.organization = c.organization) AS jobs,
       (SELECT count(*) FROM jobboard.application p WHERE p.organization = c.organization) AS applications
FROM jobboard.customer c
WHERE %(organization)s::bigint IS NULL OR c.organization = %(organization)s
ORDER BY c.organization
"""


async def add_customer(connection: AsyncConnection[Any], *, organization: int, name: str, now: datetime) -> bool:
    """Add a customer without consent. False if this organization is there already: it is left as it is."""
    cursor = await connection.execute(
        "INSERT INTO jobboard.customer (organization, name, created_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (organization, name, now),
    )
    return bool(cursor.rowcount)


async def customers(connection: AsyncConnection[Any], organization: int | None = None) -> list[Customer]:
    """All customers, or the one of this organization."""
    async with connection.cursor(row_factory=class_row(Customer)) as cursor:
        await cursor.execute(_CUSTOMERS, {"organization": organization})
        return await cursor.fetchall()


async def applications(connection: AsyncConnection[Any], organization: int | None = None) -> list[Application]:
    """All partners with their child applications, or the child applications of one customer; revoked ones too."""
    async with connection.cursor(row_factory=class_row(Application)) as cursor:
        await cursor.execute(
            """SELECT a.client_id, a.name, p.name AS partner, a.organization, a.allowed_origins,
                      least(a.revoked_at, p.revoked_at) AS revoked_at
               FROM jobboard.oauth_application a LEFT JOIN jobboard.oauth_application p ON p.id = a.parent_id
               WHERE %(organization)s::bigint IS NULL OR a.organization = %(organization)s
               ORDER BY coalesce(a.parent_id, a.id), a.parent_id IS NOT NULL, a.id""",
            {"organization": organization},
        )
        return await cursor.fetchall()


async def set_hold(connection: AsyncConnection[Any], organization: int, action: str, seconds: int | None) -> bool:
    """Give a customer its own hold of an action, or with None the policy's again (spec R13).

    What waits already keeps the hold it was planned with. False if there is no such customer.
    """
    cursor = await connection.execute(
        """UPDATE jobboard.customer
           SET holds = CASE WHEN %(seconds)s::bigint IS NULL THEN holds - %(action)s::text
                            ELSE holds || jsonb_build_object(%(action)s::text, %(seconds)s::bigint) END
           WHERE organization = %(organization)s""",
        {"organization": organization, "action": action, "seconds": seconds},
    )
    return bool(cursor.rowcount)


async def add_admin(connection: AsyncConnection[Any], organization: int, email: str, now: datetime) -> int:
    """Let a person give and take back consent for a customer; gives the admin's id, also of one that was there."""
    await connection.execute(
        """INSERT INTO jobboard.customer_admin (organization, email, created_at) VALUES (%s, lower(%s), %s)
           ON CONFLICT (organization, email) DO NOTHING""",
        (organization, email, now),
    )
    cursor = await connection.execute(
        "SELECT id FROM jobboard.customer_admin WHERE organization = %s AND email = lower(%s)", (organization, email)
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def remove_admin(connection: AsyncConnection[Any], organization: int, email: str) -> bool:
    """Take a person's right to a customer's consent away. False if nobody with this address had it."""
    cursor = await connection.execute(
        "DELETE FROM jobboard.customer_admin WHERE organization = %s AND email = lower(%s)", (organization, email)
    )
    return bool(cursor.rowcount)


async def jobs(connection: AsyncConnection[Any], organization: int | None = None) -> list[Job]:
    """The jobs of a customer, or of all, newest first."""
    async with connection.cursor(row_factory=class_row(Job)) as cursor:
        await cursor.execute(
            f"""SELECT j.id, j.organization, j.external_id, j.title, j.location, j.listed_at, j.closed_at,
                      {OFF_SITE_SINCE},
                      (SELECT count(*) FROM jobboard.application p WHERE p.job_id = j.id) AS applications
               FROM jobboard.job j LEFT JOIN jobboard.webhook w ON w.id = j.webhook_id
               WHERE %(organization)s::bigint IS NULL OR j.organization = %(organization)s
               ORDER BY j.listed_at DESC, j.id DESC""",  # noqa: S608  (our own words)
            {"organization": organization},
        )
        return await cursor.fetchall()


async def close_job(connection: AsyncConnection[Any], job_id: int, now: datetime) -> bool:
    """Close a job to further applications; one that is closed stays as it is. False if there is no such job."""
    cursor = await connection.execute(
        "UPDATE jobboard.job SET closed_at = coalesce(closed_at, %s) WHERE id = %s", (now, job_id)
    )
    return bool(cursor.rowcount)


async def allow_origins(connection: AsyncConnection[Any], client_id: str, origins: Sequence[str]) -> bool:
    """Set where the consent widget of a child application may be embedded (spec R26). False if there is none."""
    cursor = await connection.execute(
        "UPDATE jobboard.oauth_application SET allowed_origins = %s WHERE client_id = %s AND parent_id IS NOT NULL",
        (list(origins), client_id),
    )
    return bool(cursor.rowcount)


async def partner_named(connection: AsyncConnection[Any], name: str) -> int | None:
    """The id of the partner with this name that is not revoked."""
    cursor = await connection.execute(
        """SELECT id FROM jobboard.oauth_application
           WHERE parent_id IS NULL AND name = %s AND revoked_at IS NULL ORDER BY id LIMIT 1""",
        (name,),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def child_of(connection: AsyncConnection[Any], partner_id: int, organization: int) -> str | None:
    """The client id of a partner's child application for a customer, unless it is revoked."""
    cursor = await connection.execute(
        "SELECT client_id FROM jobboard.oauth_application"
        " WHERE parent_id = %s AND organization = %s AND revoked_at IS NULL",
        (partner_id, organization),
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def clock_and_version(connection: AsyncConnection[Any]) -> tuple[datetime, int]:
    """The database's own time, and its version as 150004 for 15.4."""
    cursor = await connection.execute("SELECT clock_timestamp(), current_setting('server_version_num')::int")
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]
