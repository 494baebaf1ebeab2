"""Signed words for links and cookies: who may come in, until when (spec R19, R24).

A word carries numbers only, never a name or an address, so it may stand in a URL. The time is an argument.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer

#: Where a key that was made lies, in the data directory.
KEY_FILE = "secret.key"
#: How long a mailed sign-in link works. It may be opened more than once: mail scanners open links too.
LINK_LIFE = timedelta(minutes=15)
#: How long the link to a résumé works that an ATS was sent.
RESUME_LIFE = timedelta(days=30)
#: How long a browser stays signed in.
SESSION_LIFE = timedelta(days=30)


class For(StrEnum):
    """What a signed word is good for; one made for one purpose is refused for another."""

    APPLICANT_LINK = "applicant-link"
    APPLICANT_SESSION = "applicant-session"
    ADMIN_LINK = "admin-link"
    ADMIN_SESSION = "admin-session"
    OPERATOR_LINK = "operator-link"
    OPERATOR_SESSION = "operator-session"
    PREFERENCES = "preferences"
    #: One-click words: each turns one kind of mail off (spec R19).
    VIEWED_MAILS = "viewed-mails"
    STATUS_MAILS = "status-mails"
    #: The résumé of an application, for the ATS that it was delivered to (spec R28).
    RESUME = "resume"


class BadLink(Exception):
    """The word is not ours, is for something else, or has expired (`expired` says which)."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads signed words with one secret key."""

    secret_key: str

    def make(self, purpose: For, subject: int, expires: datetime | None) -> str:
        """A URL-safe word that names `subject` until `expires` (None: for ever).

        The subject is an applicant's, admin's or operator's id, or an application's number.
        """
        until = 0 if expires is None else int(expires.timestamp())
        return str(_serializer(self.secret_key, purpose).dumps([subject, until]))

    def read(self, purpose: For, word: str, now: datetime) -> int:
        """The subject of a word. Raises `BadLink` if it is forged, made for another purpose, or out of date."""
        try:
            subject, until = _serializer(self.secret_key, purpose).loads(word)
        except (BadData, ValueError, TypeError):
            raise BadLink("this link is not one of ours, or is incomplete") from None
        if until and now >= datetime.fromtimestamp(until, UTC):
            raise BadLink("this link has expired", expired=True)
        return int(subject)

    def token(self, form: str, *shown: str) -> str:
        """The token of a form that showed exactly this: nobody else can make one, so no other site can send the form.

        What was shown begins with the word of the session, and with that nobody else's session can send it either.
        """
        key = hashlib.sha256(f"unghost.{form}:{self.secret_key}".encode()).digest()
        return hmac.new(key, json.dumps(shown).encode(), hashlib.sha256).hexdigest()

    def is_token(self, given: str, form: str, *shown: str) -> bool:
        """Whether this is that token."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token(form, *shown).encode())


@cache
def _serializer(secret_key: str, purpose: For) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt=f"unghost.{purpose}")


def secret_key(given: str | None, data_dir: Path) -> str:
    """The key that links are signed with: the one given, or one made once and kept in the data directory (0600).

    Processes on several machines must be given the same one, or they refuse each other's links.
    """
    if given is not None:
        return given
    path = data_dir / KEY_FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = data_dir / f".{KEY_FILE}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
        with suppress(FileExistsError):  # another process was first: its key stands
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii")
