"""A small world to test in: customers, jobs, applicants and applications, put straight into the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg import AsyncConnection

from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.store import access
from unghost.jobboard.store.consent import set_consent
from unghost.jobboard.tombstones import Tombstones

ORGANIZATION, OTHER_ORGANIZATION = 12345, 67890
KEY = "a secret key for tests, long enough"
SECRETS, TOMBSTONES = ClientSecrets(KEY), Tombstones(KEY)


@dataclass
class World:
    """What there is. `applications` belong to ORGANIZATION and to `applicant`, in jobs of their own."""

    applicant: int
    jobs: list[int]
    applications: list[int]
    child: int
    client_id: str
    client_secret: str
    other_child: int
    other_client_id: str
    other_client_secret: str
    other_application: int
    parent_client_id: str
    parent_client_secret: str
    other_applicant: int
    extra: dict[str, object] = field(default_factory=dict)


async def make_world(
    connection: AsyncConnection,
    now: datetime,
    *,
    consent: bool = True,
    applications: int = 3,
    secrets: ClientSecrets = SECRETS,
) -> World:
    """One partner with a child application for each of two customers; the first consents if `consent`."""
    for organization, name, ticked in (
        (ORGANIZATION, "Harbour & Pine", consent),
        (OTHER_ORGANIZATION, "Quarry Labs", True),
    ):
        await connection.execute(
            """INSERT INTO jobboard.customer (organization, name, applicant_notifications, created_at)
               VALUES (%s, %s, %s, %s)""",
            (organization, name, ticked, now),
        )
    parent, parent_client_id, parent_secret = await access.add_application(
        connection, secrets=secrets, name="Test ATS", parent_id=None, organization=None, now=now
    )
    child, client_id, secret = await access.add_application(
        connection,
        secrets=secrets,
        name="Test ATS - Harbour & Pine",
        parent_id=parent,
        organization=ORGANIZATION,
        now=now,
    )
    other_child, other_client_id, other_secret = await access.add_application(
        connection,
        secrets=secrets,
        name="Test ATS - Quarry Labs",
        parent_id=parent,
        organization=OTHER_ORGANIZATION,
        now=now,
    )
    applicant = await add_applicant(connection, "Ada Applicant", "ada@applicant.example", now)
    other_applicant = await add_applicant(connection, "Ben Bystander", "ben@bystander.example", now)
    jobs = [await add_job(connection, ORGANIZATION, f"J-{n}", f"Job {n}", now) for n in range(1, applications + 1)]
    other_job = await add_job(connection, OTHER_ORGANIZATION, "Q-1", "Quarry job", now)
    submitted = now - timedelta(hours=2)
    return World(
        applicant=applicant,
        jobs=jobs,
        applications=[await add_application(connection, job, ORGANIZATION, applicant, submitted) for job in jobs],
        child=child,
        client_id=client_id,
        client_secret=secret,
        other_child=other_child,
        other_client_id=other_client_id,
        other_client_secret=other_secret,
        other_application=await add_application(connection, other_job, OTHER_ORGANIZATION, other_applicant, submitted),
        parent_client_id=parent_client_id,
        parent_client_secret=parent_secret,
        other_applicant=other_applicant,
    )


async def add_applicant(connection: AsyncConnection, name: str, email: str, now: datetime) -> int:
    """An applicant's id."""
    return await _id(
        connection,
        "INSERT INTO jobboard.applicant (name, email, created_at) VALUES (%s, %s, %s) RETURNING id",
        (name, email, now),
    )


async def add_job(connection: AsyncConnection, organization: int, external_id: str, title: str, now: datetime) -> int:
    """A job's id."""
    return await _id(
        connection,
        """INSERT INTO jobboard.job (organization, external_id, title, location, listed_at)
           VALUES (%s, %s, %s, 'Lisbon', %s) RETURNING id""",
        (organization, external_id, title, now),
    )


async def add_application(
    connection: AsyncConnection, job: int, organization: int, applicant: int, submitted_at: datetime
) -> int:
    """An application's number. Bare: without its APPLICATION_SUBMITTED."""
    return await _id(
        connection,
        """INSERT INTO jobboard.application (job_id, organization, applicant_id, submitted_at)
           VALUES (%s, %s, %s, %s) RETURNING number""",
        (job, organization, applicant, submitted_at),
    )


async def consent(connection: AsyncConnection, organization: int, ticked: bool) -> None:
    """Set the box without a ledger row."""
    await connection.execute(
        "UPDATE jobboard.customer SET applicant_notifications = %s WHERE organization = %s", (ticked, organization)
    )


async def tick(connection: AsyncConnection, organization: int, ticked: bool, now: datetime) -> None:
    """Set the box as an admin does, with its row of the ledger."""
    await set_consent(
        connection,
        organization=organization,
        ticked=ticked,
        changed_by="hanna@harbour.example",
        changed_from="https://ats.example",
        wording_version="en-1",
        oauth_application_id=None,
        now=now,
    )


async def notices(connection: AsyncConnection, application: int) -> list[tuple[str, str, str, str | None]]:
    """(action, place, state, reason) of every notice of an application, in the order of their actions."""
    cursor = await connection.execute(
        """SELECT action, place, state, reason FROM jobboard.notice WHERE application_number = %s
           ORDER BY action_id, place""",
        (application,),
    )
    return await cursor.fetchall()


async def _id(connection: AsyncConnection, statement: str, values: tuple[object, ...]) -> int:
    cursor = await connection.execute(statement, values)
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
