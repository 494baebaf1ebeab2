"""A partner's child applications and what it calls its integrations, as partners make and read them (spec R25).

Each function runs in the caller's transaction. Secrets are made by store/access and never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.store import access


class AlreadyProvisioned(Exception):
    """The partner has a child application of this uniqueForeignId that is not revoked: its number."""

    def __init__(self, id: int) -> None:
        super().__init__(f"it is the child application {id}")
        self.id = id


@dataclass(frozen=True, slots=True)
class Child:
    """A child application as its partner sees it."""

    id: int
    unique_foreign_id: str
    name: str
    description: str
    callback_urls: Sequence[str]
    allowed_origins: Sequence[str]
    client_id: str
    secret_hash: bytes
    secret_nonce: bytes | None

    def secret(self, secrets: ClientSecrets) -> str | None:
        """Its client secret, or None if the board's key does not give it (any more): see store/access."""
        if self.secret_nonce is None:
            return None
        derived = secrets.derive(self.client_id, self.secret_nonce)
        return derived if compare_digest(access.hashed(derived), self.secret_hash) else None


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration with a customer, and whether it has ticked "Applicant notifications"."""

    organization: int
    name: str
    applicant_notifications: bool


async def provision(
    connection: AsyncConnection,
    *,
    secrets: ClientSecrets,
    partner: int,
    unique_foreign_id: str,
    name: str,
    description: str,
    callback_urls: Sequence[str],
    origins: Sequence[str],
    now: datetime,
) -> tuple[int, str, str]:
    """A new child application without a customer: its id, client id and secret. Raises `AlreadyProvisioned`.

    One that was revoked does not stand in the way: the new one may replace it, under the same `unique_foreign_id`.
    """
    try:
        async with connection.transaction():
            id, client_id, secret = await access.add_application(
                connection,
                secrets=secrets,
                name=name,
                parent_id=partner,
                organization=None,
                now=now,
                allowed_origins=tuple(origins),
                unique_foreign_id=unique_foreign_id,
            )
    except UniqueViolation:
        standing = await by_foreign_id(connection, partner, unique_foreign_id)
        if standing is None:  # it was revoked between the two statements
            return await provision(
                connection,
                secrets=secrets,
                partner=partner,
                unique_foreign_id=unique_foreign_id,
                name=name,
                description=description,
                callback_urls=callback_urls,
                origins=origins,
                now=now,
            )
        raise AlreadyProvisioned(standing.id) from None
    await connection.execute(
        "UPDATE jobboard.oauth_application SET description = %s, callback_urls = %s WHERE id = %s",
        (description, list(callback_urls), id),
    )
    return id, client_id, secret


async def by_foreign_id(connection: AsyncConnection, partner: int, unique_foreign_id: str) -> Child | None:
    """The partner's child application of this uniqueForeignId; None if there is none or if it was revoked."""
    async with connection.cursor(row_factory=class_row(Child)) as cursor:
        await cursor.execute(
            """SELECT id, unique_foreign_id, name, description, callback_urls, allowed_origins, client_id, secret_hash,
                      secret_nonce
               FROM jobboard.oauth_application
               WHERE parent_id = %s AND unique_foreign_id = %s AND revoked_at IS NULL""",
            (partner, unique_foreign_id),
        )
        return await cursor.fetchone()


async def change(
    connection: AsyncConnection,
    *,
    partner: int,
    child: int,
    name: str | None,
    description: str | None,
    callback_urls: Sequence[str] | None,
    origins: Sequence[str] | None,
) -> bool:
    """Set anew what is not None. False if the partner has no such child application, or it was revoked."""
    cursor = await connection.execute(
        """UPDATE jobboard.oauth_application
           SET name = coalesce(%(name)s::text, name), description = coalesce(%(description)s::text, description),
               callback_urls = coalesce(%(callback_urls)s::text[], callback_urls),
               allowed_origins = coalesce(%(origins)s::text[], allowed_origins)
           WHERE id = %(child)s AND parent_id = %(partner)s AND revoked_at IS NULL""",
        {
            "name": name,
            "description": description,
            "callback_urls": None if callback_urls is None else list(callback_urls),
            "origins": None if origins is None else list(origins),
            "child": child,
            "partner": partner,
        },
    )
    return bool(cursor.rowcount)


async def name_integration(connection: AsyncConnection, partner: int, organization: int, name: str) -> bool:
    """Call a partner's integration with a customer so. False if there is none: the customer has not chosen yet."""
    cursor = await connection.execute(
        """UPDATE jobboard.oauth_application SET integration_name = %s
           WHERE parent_id = %s AND organization = %s AND revoked_at IS NULL""",
        (name, partner, organization),
    )
    return bool(cursor.rowcount)


async def integrations(connection: AsyncConnection, partner: int, organizations: Sequence[int]) -> list[Integration]:
    """A partner's integrations with these customers; those that there are."""
    async with connection.cursor(row_factory=class_row(Integration)) as cursor:
        await cursor.execute(
            """SELECT a.organization, coalesce(a.integration_name, a.name) AS name, c.applicant_notifications
               FROM jobboard.oauth_application a JOIN jobboard.customer c ON c.organization = a.organization
               WHERE a.parent_id = %s AND a.organization = ANY (%s::bigint[]) AND a.revoked_at IS NULL""",
            (partner, list(organizations)),
        )
        return await cursor.fetchall()
