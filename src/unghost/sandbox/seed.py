"""The demo's story: two customers, one with consent, an ATS vendor, jobs, two applicants and their applications.

Seeding again changes nothing, so a demo can be started again on the same data directory. People and addresses are
invented; their domains are reserved for examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.rules.policy import Policy
from unghost.jobboard.store import access, administering, board, consent, erasing
from unghost.jobboard.store.registering import register_application
from unghost.jobboard.store.webhooks import register_webhook
from unghost.jobboard.tombstones import Tombstones

#: The seed document's own example: its body is accepted by the demo as it stands.
EXAMPLE_ORGANIZATION, EXAMPLE_APPLICATION = 12345, 12345678
EXAMPLE_SUBMITTED_AT = datetime(2020, 11, 5, 17, 0, tzinfo=UTC)

PARTNER = "Tern"


@dataclass(frozen=True, slots=True)
class _Customer:
    organization: int
    name: str
    admin: str
    consents: bool


@dataclass(frozen=True, slots=True)
class _Job:
    organization: int
    external_id: str
    title: str
    location: str
    description: str
    listed: timedelta


@dataclass(frozen=True, slots=True)
class _Person:
    external_id: str
    name: str
    email: str
    language: str
    time_zone: str
    #: (job's external id, how long ago)
    applied: Sequence[tuple[str, timedelta]]


EXAMPLE_CUSTOMER = "Harbour & Pine"
#: Who gives and takes back the first customer's consent.
EXAMPLE_ADMIN = "dana.reyes@harbourpine.example"
#: Runs the board.
EXAMPLE_OPERATOR = "operator@unghost.example"

_PINE = _Customer(EXAMPLE_ORGANIZATION, EXAMPLE_CUSTOMER, EXAMPLE_ADMIN, True)
_ALDER = _Customer(67890, "Alder Valley Clinics", "sam.whitlock@aldervalley.example", False)

_OLD = timedelta(0)  # the example's own job and application have dates of their own

_JOBS = (
    _Job(_PINE.organization, "HP-101", "Workshop Lead, Joinery", "Aarhus, Denmark",
         "Lead a workshop of nine who build chairs and tables to last three generations. You plan the week, keep the "
         "machines honest and teach two apprentices.", _OLD),
    _Job(_PINE.organization, "HP-214", "Product Designer, Small Furniture", "Lisbon, Portugal",
         "Draw, model and prototype pieces for rooms under twelve square metres, from first sketch to the assembly "
         "leaflet.", timedelta(days=21)),
    _Job(_PINE.organization, "HP-217", "Supply Planner", "Aarhus, Denmark",
         "Keep four sawmills, two ports and one warehouse in step. You own the plan and the numbers behind it.",
         timedelta(days=16)),
    _Job(_PINE.organization, "HP-221", "Customer Care Specialist, German", "Remote, Europe",
         "Answer people who assemble our furniture, in German and English, and tell the workshop what they say.",
         timedelta(days=12)),
    _Job(_PINE.organization, "HP-226", "Data Analyst, Returns", "Lisbon, Portugal",
         "Find out why furniture comes back and what would have kept it in its room.", timedelta(days=9)),
    _Job(_PINE.organization, "HP-230", "Apprentice Joiner", "Aarhus, Denmark",
         "Three years beside people who know wood. No certificate needed; bring something you have made.",
         timedelta(days=3)),
    _Job(_ALDER.organization, "AV-11", "Ward Coordinator", "Kassel, Germany",
         "Keep a ward of thirty beds running: rosters, admissions, and a calm word when it is needed.",
         timedelta(days=14)),
    _Job(_ALDER.organization, "AV-12", "Night Pharmacist", "Kassel, Germany",
         "Prepare and check medication for three clinics between ten at night and six in the morning.",
         timedelta(days=6)),
)  # fmt: skip

_MIRA = _Person(
    "demo-mira", "Mira Okafor", "mira.okafor@example.org", "en", "Europe/London",
    (("HP-214", timedelta(days=6, hours=3)), ("HP-217", timedelta(days=4, hours=9)),
     ("HP-221", timedelta(days=1, hours=20)), ("HP-226", timedelta(hours=5))),
)  # fmt: skip
_JONAS = _Person(
    "demo-jonas", "Jonas Lindner", "jonas.lindner@example.net", "de", "Europe/Berlin",
    (("AV-11", timedelta(days=2, hours=4)), ("HP-221", timedelta(hours=26))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Integration:
    """A child application of the demo's partner. `client_secret` is None if it was made on an earlier start."""

    organization: int
    client_id: str
    client_secret: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """What is there after seeding. `applications`: the first applicant's at the first customer, the example first.

    `applicants`: both, or none; None in the place of one who has been erased since.
    """

    integrations: Sequence[Integration]
    applications: Sequence[int]
    applicants: Sequence[int | None]
    admins: Sequence[int]


async def seed(
    connection: AsyncConnection[Any],
    *,
    secrets: ClientSecrets,
    tombstones: Tombstones,
    origins: Sequence[str],
    policy: Policy,
    now: datetime,
    webhook: str | None = None,
    people: bool = True,
) -> Story:
    """Put the story into the database, in the caller's transaction. `origins`: where the consent widget is embedded.

    `webhook`: where the first customer's ATS takes applications; None: it has none. Without `people` there are
    customers and integrations, and no job, applicant or application.
    """
    admins = [await _customer(connection, customer, now) for customer in (_PINE, _ALDER)]
    integrations = await _integrations(connection, secrets, origins, now)
    if not people:
        return Story(integrations, [], [], admins)
    jobs = {job.external_id: await _job(connection, job, now) for job in _JOBS}
    if webhook is not None:
        child = await access.by_client_id(connection, integrations[0].client_id)
        assert child is not None
        for job in _JOBS:
            if job.organization == _PINE.organization:
                await register_webhook(
                    connection, job_id=jobs[job.external_id], oauth_application=child.id, url=webhook, now=now
                )
    applications: list[int] = []
    mira = await _applicant(connection, _MIRA, tombstones, now)
    if mira is not None:
        example = await register_application(
            connection,
            number=EXAMPLE_APPLICATION,
            job_id=jobs["HP-101"],
            applicant_id=mira,
            submitted_at=EXAMPLE_SUBMITTED_AT,
            now=now,
            policy=policy,
            tombstones=tombstones,
        )
        others = await _applications(connection, _MIRA, mira, jobs, policy, tombstones, now)
        applications = [example.number, *others]
    jonas = await _applicant(connection, _JONAS, tombstones, now)
    if jonas is not None:
        await _applications(connection, _JONAS, jonas, jobs, policy, tombstones, now)
    return Story(integrations, applications, [mira, jonas], admins)


async def has_people(connection: AsyncConnection[Any]) -> bool:
    """Whether the story's people are there: a sandbox that was emptied has none."""
    return await board.applicant(connection, _MIRA.external_id) is not None


async def _customer(connection: AsyncConnection[Any], customer: _Customer, now: datetime) -> int:
    new = await administering.add_customer(connection, organization=customer.organization, name=customer.name, now=now)
    if new and customer.consents:
        await consent.set_consent(
            connection,
            organization=customer.organization,
            ticked=True,
            changed_by=customer.admin,
            changed_from="unghost demo",
            wording_version="demo",
            oauth_application_id=None,
            now=now,
        )
    return await administering.add_admin(connection, customer.organization, customer.admin, now)


async def _job(connection: AsyncConnection[Any], job: _Job, now: datetime) -> int:
    stored = await board.job(connection, job.organization, job.external_id)
    if stored is None:
        listed_at = now - job.listed if job.listed else EXAMPLE_SUBMITTED_AT - timedelta(days=16)
        await board.put_job(
            connection,
            organization=job.organization,
            external_id=job.external_id,
            title=job.title,
            location=job.location,
            description=job.description,
            listed_at=listed_at,
            closed=False,
            now=now,
        )
        stored = await board.job(connection, job.organization, job.external_id)
    assert stored is not None
    return stored.id


async def _integrations(
    connection: AsyncConnection[Any], secrets: ClientSecrets, origins: Sequence[str], now: datetime
) -> list[Integration]:
    partner = await administering.partner_named(connection, PARTNER)
    if partner is None:
        partner, _, _ = await access.add_application(
            connection, secrets=secrets, name=PARTNER, parent_id=None, organization=None, now=now
        )
    integrations = []
    for customer in (_PINE, _ALDER):
        secret = None
        client_id = await administering.child_of(connection, partner, customer.organization)
        if client_id is None:
            _, client_id, secret = await access.add_application(
                connection,
                secrets=secrets,
                name=f"{PARTNER} - {customer.name}",
                parent_id=partner,
                organization=customer.organization,
                now=now,
            )
        await administering.allow_origins(connection, client_id, origins)
        integrations.append(Integration(customer.organization, client_id, secret))
    return integrations


async def _applicant(
    connection: AsyncConnection[Any], person: _Person, tombstones: Tombstones, now: datetime
) -> int | None:
    """The id of somebody in the story; None: they were erased, and the story goes on without them (spec R20)."""
    if await erasing.erased_at(connection, tombstones.of_applicant(person.external_id)) is not None:
        return None
    await board.put_applicant(
        connection,
        external_id=person.external_id,
        email=person.email,
        name=person.name,
        language=person.language,
        time_zone=person.time_zone,
        tombstones=tombstones,
        now=now,
    )
    stored = await board.applicant(connection, person.external_id)
    assert stored is not None
    return stored.id


async def _applications(
    connection: AsyncConnection[Any],
    person: _Person,
    applicant: int,
    jobs: dict[str, int],
    policy: Policy,
    tombstones: Tombstones,
    now: datetime,
) -> list[int]:
    registered = [
        await register_application(
            connection,
            job_id=jobs[external_id],
            applicant_id=applicant,
            submitted_at=now - ago,
            now=now,
            policy=policy,
            tombstones=tombstones,
        )
        for external_id, ago in person.applied
    ]
    return [one.number for one in registered]
