"""The job board's own signed tokens: who of its members is there, said by its back end (spec R24).

HS256 with the key of UNGHOST_BOARD_TOKEN_KEY. Each token is for one purpose, its audience: one that signs in to the
pages is refused where statuses are read, and the other way round. Must not know what is done with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Audience(StrEnum):
    """What a token is good for: the claim `aud`."""

    #: Opens a session on the board's pages; travels in a URL.
    SIGN_IN = "unghost"
    #: Reads the applicant's own statuses from another site's page; is kept in that page.
    STATUS = "unghost-status"


class BadToken(Exception):
    """The token is not the board's, is for something else, or has expired (`expired` says which)."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Member:
    """Whom a token names, as the board's own back end calls them, and until when."""

    external_id: str
    expires_at: datetime


def read(token: str, key: str | None, audience: Audience, now: datetime) -> Member:
    """The member whom the board's token names. Raises `BadToken`; without a key no token is the board's."""
    claims = _claims(token, key, audience)
    if claims is None:
        raise BadToken(f"the token is not one that this board signed by HS256 for {audience}, with sub and exp")
    if now.timestamp() >= claims["exp"] or now.timestamp() < claims.get("nbf", 0):
        raise BadToken("the token has expired, or its nbf is still to come", expired=True)
    try:
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, OverflowError, OSError):  # a year that there is not
        expires_at = datetime.max.replace(tzinfo=UTC)
    return Member(claims["sub"], expires_at)


def _claims(token: str, key: str | None, audience: Audience) -> dict[str, Any] | None:
    if key is None:
        return None
    import jwt  # it costs 0.2 s to load, and few boards take tokens

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=audience.value,
            # Times are checked against the service's own clock.
            options={"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    times = (claims["exp"], claims.get("nbf", 0))
    if not all(isinstance(at, int | float) and not isinstance(at, bool) for at in times) or "\0" in claims["sub"]:
        return None
    return claims
