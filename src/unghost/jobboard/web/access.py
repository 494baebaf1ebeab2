"""Whose token is this? Remembered for a few seconds, forgotten at once when access changes (spec R6, R11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg_pool import AsyncConnectionPool

from unghost.jobboard.accept import Reporter
from unghost.jobboard.store import access
from unghost.wire.refusals import Refusal, Refused

#: How long a token is trusted without asking the database again, should a notification get lost.
_TRUST = timedelta(seconds=5)
_MOST = 10_000


@dataclass(slots=True)
class Access:
    """The tokens that one process has seen lately."""

    pool: AsyncConnectionPool
    _seen: dict[bytes, tuple[access.Token, datetime]] = field(default_factory=dict)
    _changes: int = 0

    async def reporter(self, token: str, now: datetime) -> Reporter | Refused:
        """Who reports with this token, or why nobody may."""
        holder = await self.holder(token, now)
        return holder if isinstance(holder, Refused) else as_reporter(holder)

    async def holder(self, token: str, now: datetime) -> access.Token | Refused:
        """Whose token this is, a partner's or a child application's, or why nobody may use it."""
        hash = access.hashed(token)
        found, asked_at = self._seen.get(hash, (None, now))
        if found is None or now - asked_at > _TRUST:
            changes = self._changes
            async with self.pool.connection() as connection:
                found = await access.find_token(connection, hash)
            if found is None:
                return Refused(Refusal.INVALID_TOKEN, "Invalid access token: fetch one at /oauth/v2/accessToken")
            if len(self._seen) >= _MOST:
                self._seen.clear()
            if changes == self._changes:  # else it may be what was true before the change
                self._seen[hash] = (found, now)
        return _judged(found, now)

    def forget(self) -> None:
        """Ask the database again for every token: something about access has changed."""
        self._changes += 1
        self._seen.clear()


def _judged(token: access.Token, now: datetime) -> access.Token | Refused:
    if token.revoked:
        return Refused(Refusal.REVOKED_TOKEN, "The access token was revoked; ask the job board for access")
    if now >= token.expires_at:
        at = token.expires_at.isoformat(timespec="seconds")
        return Refused(
            Refusal.EXPIRED_TOKEN, f"The access token expired at {at}; fetch a new one at /oauth/v2/accessToken"
        )
    return token


def as_reporter(token: access.Token) -> Reporter | Refused:
    """The child application that holds a good token, with its customer; else why it may not report."""
    if token.parent_id is None:
        return Refused(
            Refusal.NOT_A_CHILD_APPLICATION,
            "The access token is the partner's own; report with a token of the customer's child application",
        )
    if token.organization is None:
        return Refused(
            Refusal.NOT_A_CHILD_APPLICATION,
            "The child application has no customer yet; the customer's admin chooses it in the onboarding widget",
        )
    return Reporter(token.oauth_application, token.organization)
