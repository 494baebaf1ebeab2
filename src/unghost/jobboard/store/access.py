"""OAuth applications and access tokens: secrets and tokens are kept as SHA-256 only (spec R11).

They are long and cannot be guessed, so a fast hash is enough: a slow one would only invite exhaustion.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex, token_urlsafe

from psycopg import AsyncConnection
from psycopg.rows import class_row

from unghost.jobboard.client_secrets import ClientSecrets, new_nonce
from unghost.jobboard.store.accepting import ACCESS, notify
from unghost.jobboard.store.webhooks import challenge_again


def hashed(secret: str) -> bytes:
    """What is stored of a token or client secret."""
    return sha256(secret.encode()).digest()


def new_token() -> str:
    """A fresh random token, 256 bits, safe in headers, forms and URLs."""
    return token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class OAuthApplication:
    """A partner (`parent_id` None) or one of its child applications."""

    id: int
    parent_id: int | None
    organization: int | None
    client_id: str
    secret_hash: bytes
    former_secret_hash: bytes | None
    former_secret_until: datetime | None
    revoked_at: datetime | None

    def knows(self, secret: str, now: datetime) -> bool:
        """Is this its client secret, or the former one while that still works?"""
        given = hashed(secret)
        if compare_digest(given, self.secret_hash):
            return True
        former, until = self.former_secret_hash, self.former_secret_until
        return former is not None and until is not None and now < until and compare_digest(given, former)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with the application it was given to. `revoked` counts the application's own revocation."""

    oauth_application: int
    parent_id: int | None
    organization: int | None
    client_id: str
    issued_at: datetime
    expires_at: datetime
    revoked: bool


async def by_client_id(connection: AsyncConnection, client_id: str) -> OAuthApplication | None:
    """The application of a client id, revoked ones too; None if there is none."""
    if "\0" in client_id:
        return None
    cursor = connection.cursor(row_factory=class_row(OAuthApplication))
    await cursor.execute(
        """SELECT a.id, a.parent_id, a.organization, a.client_id, a.secret_hash, a.former_secret_hash,
                  a.former_secret_until, least(a.revoked_at, p.revoked_at) AS revoked_at
           FROM jobboard.oauth_application a LEFT JOIN jobboard.oauth_application p ON p.id = a.parent_id
           WHERE a.client_id = %s""",
        (client_id,),
    )
    return await cursor.fetchone()


async def issue(connection: AsyncConnection, oauth_application: int, now: datetime, life: timedelta) -> str:
    """A new access token for an application. It is in nobody's hands but the caller's: only its hash is stored."""
    token = new_token()
    await connection.execute(
        """INSERT INTO jobboard.access_token (hash, oauth_application_id, issued_at, expires_at)
           VALUES (%s, %s, %s, %s)""",
        (hashed(token), oauth_application, now, now + life),
    )
    return token


async def find_token(connection: AsyncConnection, token_hash: bytes) -> Token | None:
    """The token with this hash, expired and revoked ones too; None if it was never given out."""
    cursor = connection.cursor(row_factory=class_row(Token))
    await cursor.execute(
        """SELECT a.id AS oauth_application, a.parent_id, a.organization, a.client_id, t.issued_at, t.expires_at,
                  coalesce(t.revoked_at, a.revoked_at, p.revoked_at) IS NOT NULL AS revoked
           FROM jobboard.access_token t
           JOIN jobboard.oauth_application a ON a.id = t.oauth_application_id
           LEFT JOIN jobboard.oauth_application p ON p.id = a.parent_id
           WHERE t.hash = %s""",
        (token_hash,),
    )
    return await cursor.fetchone()


async def revoke_token(connection: AsyncConnection, token_hash: bytes, oauth_application: int, now: datetime) -> None:
    """Revoke a token of this application; one of another's, or none at all, is left as it is (RFC 7009)."""
    await connection.execute(
        """UPDATE jobboard.access_token SET revoked_at = %s
           WHERE hash = %s AND oauth_application_id = %s AND revoked_at IS NULL""",
        (now, token_hash, oauth_application),
    )
    await notify(connection, ACCESS)


async def drop_old_tokens(connection: AsyncConnection, before: datetime) -> None:
    """Forget tokens that expired before a moment. Later they are answered as never given out."""
    await connection.execute("DELETE FROM jobboard.access_token WHERE expires_at < %s", (before,))


async def add_application(
    connection: AsyncConnection,
    *,
    secrets: ClientSecrets,
    name: str,
    parent_id: int | None,
    organization: int | None,
    now: datetime,
    allowed_origins: tuple[str, ...] = (),
    unique_foreign_id: str | None = None,
) -> tuple[int, str, str]:
    """A new partner or child application: its id, client id and client secret (shown this once)."""
    client_id, nonce = token_hex(8), new_nonce()
    secret = secrets.derive(client_id, nonce)
    cursor = await connection.execute(
        """INSERT INTO jobboard.oauth_application
               (parent_id, organization, unique_foreign_id, name, client_id, secret_hash, secret_nonce,
                allowed_origins, created_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
        (parent_id, organization, unique_foreign_id, name, client_id, hashed(secret), nonce, [*allowed_origins], now),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], client_id, secret


async def rotate_secret(
    connection: AsyncConnection, client_id: str, *, secrets: ClientSecrets, former_until: datetime, now: datetime
) -> str | None:
    """Give an application a new secret, the former one working on until a moment. None if there is no such one.

    Its webhooks are challenged at once: the answer tells by which of the two deliveries are to be signed (spec R28).
    """
    nonce = new_nonce()
    secret = secrets.derive(client_id, nonce)
    cursor = await connection.execute(
        """UPDATE jobboard.oauth_application
           SET former_secret_hash = secret_hash, former_secret_nonce = secret_nonce, former_secret_until = %s,
               secret_hash = %s, secret_nonce = %s
           WHERE client_id = %s AND revoked_at IS NULL RETURNING id""",
        (former_until, hashed(secret), nonce, client_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    await challenge_again(connection, row[0], now)
    return secret


async def revoke_application(connection: AsyncConnection, client_id: str, now: datetime) -> bool:
    """Shut an application out, and with a partner all its child applications. False if there is no such one."""
    cursor = await connection.execute(
        "UPDATE jobboard.oauth_application SET revoked_at = coalesce(revoked_at, %s) WHERE client_id = %s",
        (now, client_id),
    )
    await notify(connection, ACCESS)
    return bool(cursor.rowcount)
