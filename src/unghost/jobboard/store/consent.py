"""Consent as it is stored: the box "Applicant notifications" of each customer and its ledger (spec R15, R26).

Every SQL statement about customer admins, integrations and consent stands here. Decides nothing about who may save.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, errors
from psycopg.rows import class_row

#: How many changes of a customer's box a page shows, the newest first.
LEDGER_SHOWN = 50


class UnknownCustomer(LookupError):
    """No customer has this organization number."""


@dataclass(frozen=True, slots=True)
class Integration:
    """A child application as its customer's admin sees it. `organization` is None until an admin has chosen."""

    id: int
    client_id: str
    name: str
    partner: str
    organization: int | None
    allowed_origins: list[str]
    revoked: bool


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with its box "Applicant notifications" and its own holds, as stored (action -> seconds)."""

    organization: int
    name: str
    applicant_notifications: bool
    holds: dict[str, object]


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who signed in. `id` is the row the session was made for; `email` may administer several customers."""

    id: int
    email: str


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the consent ledger. `changed_from` is the origin of the page, or the operator's tool."""

    ticked: bool
    changed_by: str
    changed_from: str
    wording_version: str
    changed_at: datetime
    integration: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger with whose it is, as the operator reads all of them."""

    id: int
    organization: int
    customer: str
    ticked: bool
    changed_by: str
    changed_from: str
    wording_version: str
    changed_at: datetime
    integration: str | None


async def set_consent(
    connection: AsyncConnection[Any],
    *,
    organization: int,
    ticked: bool,
    changed_by: str,
    changed_from: str,
    wording_version: str,
    oauth_application_id: int | None,
    now: datetime,
) -> bool:
    """Tick or untick a customer's box; a change, and only a change, is a row of the ledger (spec R15, R26).

    What is reported by then and not told yet is told no more, for a tick begins a new consent.
    Returns whether it changed. The row lock puts concurrent saves one after the other, each judged by the one
    before it. Raises `UnknownCustomer`.
    """
    cursor = await connection.execute(
        "SELECT applicant_notifications FROM jobboard.customer WHERE organization = %s FOR NO KEY UPDATE",
        (organization,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownCustomer(f"no customer urn:li:organization:{organization}: add the customer first")
    if row[0] == ticked:
        return False
    # Numbers are drawn in the order in which actions are stored, by transactions under way too.
    await connection.execute(
        "UPDATE jobboard.customer SET applicant_notifications = %(ticked)s, consent_after = CASE WHEN %(ticked)s"
        " THEN (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM jobboard.action_id_seq)"
        " ELSE consent_after END WHERE organization = %(organization)s",
        {"ticked": ticked, "organization": organization},
    )
    await connection.execute(
        "INSERT INTO jobboard.consent_ledger (organization, oauth_application_id, ticked, changed_by, changed_from,"
        " wording_version, changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (organization, oauth_application_id, ticked, changed_by, changed_from, wording_version, now),
    )
    return True


async def find_integration(connection: AsyncConnection[Any], client_id: str) -> Integration | None:
    """The child application with this client id; None if there is none or if it is a partner's own (spec R26).

    It counts as revoked when its partner is.
    """
    async with connection.cursor(row_factory=class_row(Integration)) as cursor:
        await cursor.execute(
            "SELECT child.id, child.client_id, coalesce(child.integration_name, child.name) AS name,"
            " parent.name AS partner, child.organization,"
            " child.allowed_origins, (child.revoked_at IS NOT NULL OR parent.revoked_at IS NOT NULL) AS revoked"
            " FROM jobboard.oauth_application child"
            " JOIN jobboard.oauth_application parent ON parent.id = child.parent_id"
            " WHERE child.client_id = %s",
            (client_id,),
        )
        return await cursor.fetchone()


async def integrations_of(connection: AsyncConnection[Any], organization: int) -> list[Integration]:
    """The child applications that report for a customer and are not revoked, by name."""
    async with connection.cursor(row_factory=class_row(Integration)) as cursor:
        await cursor.execute(
            "SELECT child.id, child.client_id, coalesce(child.integration_name, child.name) AS name,"
            " parent.name AS partner, child.organization,"
            " child.allowed_origins, false AS revoked"
            " FROM jobboard.oauth_application child"
            " JOIN jobboard.oauth_application parent ON parent.id = child.parent_id"
            " WHERE child.organization = %s AND child.revoked_at IS NULL AND parent.revoked_at IS NULL"
            " ORDER BY name, child.id",
            (organization,),
        )
        return await cursor.fetchall()


async def bind_integration(connection: AsyncConnection[Any], *, oauth_application_id: int, organization: int) -> bool:
    """Give a child application that has no customer yet its customer, once and for all (spec R26).

    Returns False if it has one already, was revoked, or its partner has another standing one for this customer.
    """
    try:
        async with connection.transaction():
            cursor = await connection.execute(
                "UPDATE jobboard.oauth_application SET organization = %s"
                " WHERE id = %s AND organization IS NULL AND parent_id IS NOT NULL AND revoked_at IS NULL",
                (organization, oauth_application_id),
            )
    except errors.UniqueViolation:
        return False
    if cursor.rowcount != 1:
        return False
    await connection.execute("SELECT pg_notify('jobboard_access', '')")
    return True


async def find_admin(connection: AsyncConnection[Any], email: str) -> Admin | None:
    """The admin with this address, in any spelling of upper and lower case; None if it administers no customer."""
    async with connection.cursor(row_factory=class_row(Admin)) as cursor:
        await cursor.execute(
            "SELECT id, email FROM jobboard.customer_admin WHERE email = lower(%s) ORDER BY id LIMIT 1", (email,)
        )
        return await cursor.fetchone()


async def read_admin(connection: AsyncConnection[Any], admin_id: int) -> Admin | None:
    """The admin of a session; None once the operator has taken the row away."""
    async with connection.cursor(row_factory=class_row(Admin)) as cursor:
        await cursor.execute("SELECT id, email FROM jobboard.customer_admin WHERE id = %s", (admin_id,))
        return await cursor.fetchone()


async def customers_of(connection: AsyncConnection[Any], email: str) -> list[Customer]:
    """The customers whom this address administers, by name (spec R24)."""
    async with connection.cursor(row_factory=class_row(Customer)) as cursor:
        await cursor.execute(
            "SELECT customer.organization, customer.name, customer.applicant_notifications, customer.holds"
            " FROM jobboard.customer JOIN jobboard.customer_admin USING (organization)"
            " WHERE customer_admin.email = lower(%s) ORDER BY customer.name, customer.organization",
            (email,),
        )
        return await cursor.fetchall()


async def customers_to_choose(
    connection: AsyncConnection[Any], email: str, *, oauth_application_id: int
) -> list[Customer]:
    """The customers of an admin to whom a child application can be given: no other of its partner's stands for them."""
    async with connection.cursor(row_factory=class_row(Customer)) as cursor:
        await cursor.execute(
            "SELECT customer.organization, customer.name, customer.applicant_notifications, customer.holds"
            " FROM jobboard.customer JOIN jobboard.customer_admin USING (organization)"
            " WHERE customer_admin.email = lower(%s) AND NOT EXISTS ("
            "  SELECT FROM jobboard.oauth_application this"
            "  JOIN jobboard.oauth_application sibling ON sibling.parent_id = this.parent_id"
            "  WHERE this.id = %s AND sibling.organization = customer.organization AND sibling.revoked_at IS NULL)"
            " ORDER BY customer.name, customer.organization",
            (email, oauth_application_id),
        )
        return await cursor.fetchall()


async def ledger(connection: AsyncConnection[Any], organization: int, *, limit: int = LEDGER_SHOWN) -> list[Change]:
    """The changes of a customer's box, the newest first (spec R26)."""
    async with connection.cursor(row_factory=class_row(Change)) as cursor:
        await cursor.execute(
            "SELECT l.ticked, l.changed_by, l.changed_from, l.wording_version, l.changed_at, a.name AS integration"
            " FROM jobboard.consent_ledger l"
            " LEFT JOIN jobboard.oauth_application a ON a.id = l.oauth_application_id"
            " WHERE l.organization = %s ORDER BY l.id DESC LIMIT %s",
            (organization, limit),
        )
        return await cursor.fetchall()


async def entries(
    connection: AsyncConnection[Any], *, organization: int | None, before: int | None, limit: int
) -> list[Entry]:
    """The ledger of one customer or of all, the newest first, from behind the row `before` on (spec R42)."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(
            "SELECT l.id, l.organization, c.name AS customer, l.ticked, l.changed_by, l.changed_from,"
            " l.wording_version, l.changed_at, a.name AS integration"
            " FROM jobboard.consent_ledger l"
            " JOIN jobboard.customer c ON c.organization = l.organization"
            " LEFT JOIN jobboard.oauth_application a ON a.id = l.oauth_application_id"
            " WHERE (%(organization)s::bigint IS NULL OR l.organization = %(organization)s)"
            " AND (%(before)s::bigint IS NULL OR l.id < %(before)s)"
            " ORDER BY l.id DESC LIMIT %(limit)s",
            {"organization": organization, "before": before, "limit": limit},
        )
        return await cursor.fetchall()


async def customer_named(connection: AsyncConnection[Any], organization: int) -> Customer | None:
    """The customer of this organization with its box as it is now."""
    async with connection.cursor(row_factory=class_row(Customer)) as cursor:
        await cursor.execute(
            "SELECT organization, name, applicant_notifications, holds FROM jobboard.customer WHERE organization = %s",
            (organization,),
        )
        return await cursor.fetchone()
