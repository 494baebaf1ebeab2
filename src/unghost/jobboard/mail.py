"""Builds the mail about one notice as bytes: headers, parts, signature (spec R21).

Must not decide whether a mail is sent, nor send it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from unghost.jobboard.letter import IN_SUBJECT, Forms, Letter, Rendered, escaped, filling, forms, render
from unghost.jobboard.links import For, Links
from unghost.jobboard.mail_headers import UnusableAddress, clean, envelope, header, mailbox, part, words
from unghost.jobboard.rules.policy import VIEWED
from unghost.jobboard.settings import Settings, SettingsError
from unghost.jobboard.wording import Wording, load

if TYPE_CHECKING:
    from unghost.jobboard.mail_signature import Signer

__all__ = ["Letter", "Mails", "Message", "Rendered", "render_sample"]


@dataclass(frozen=True, slots=True)
class Message:
    """A mail ready for SMTP. `smtputf8`: the recipient's address needs that extension (RFC 6531)."""

    sender: str
    recipient: str
    content: bytes
    smtputf8: bool


def render_sample(action: str, language: str, settings: Settings | None = None) -> Rendered:
    """A mail with invented facts, to look at. Raises `KeyError` for an action that has no row in the policy."""
    at = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    letter = Letter(
        action_id=1,
        action=action,
        applicant_id=1,
        name="Amina Okafor",
        email="amina@example.org",
        language=language,
        time_zone="Europe/Berlin",
        company="Hollis & Marr",
        job="Data Engineer (m/f/d)",
        submitted_at=at,
        performed_at=at + timedelta(days=3, hours=5, minutes=12),
    )
    settings = settings or Settings()
    return render(
        letter,
        load(),
        board=settings.board_name,
        my_jobs_url=f"{settings.base_url}/my-jobs",
        preferences_url=f"{settings.base_url}/preferences?word=sample",
    )


class Mails:
    """Composes mails for one deployment. Raises `SettingsError` for a sender or a DKIM key that cannot be used."""

    def __init__(self, settings: Settings, links: Links, wording: Wording) -> None:
        self._wording, self._links = wording, links
        self._forms: dict[tuple[str, str], Forms] = {}
        self._base_url, self._board = settings.base_url, clean(settings.board_name, IN_SUBJECT)
        name, address = parseaddr(settings.mail_from)
        try:
            self._sender, utf8 = envelope(address)
        except UnusableAddress:
            raise SettingsError("UNGHOST_MAIL_FROM holds no usable address: give Name <jobs@example.org>") from None
        if utf8:
            raise SettingsError("UNGHOST_MAIL_FROM has an address beyond ASCII: give one that every server takes")
        self._domain = self._sender.rpartition("@")[2]
        self._from = header("From", mailbox(name or settings.board_name, self._sender))
        host = (urlsplit(settings.base_url).hostname or "localhost").encode("idna").decode()
        self._list_id = f"List-Id: <applications.{host}>\r\n"
        self._signer = _signer(settings, self._domain) if settings.dkim_key else None

    def compose(self, letter: Letter, now: datetime) -> Message:
        """The message of a letter, dated `now`; the same letter always has the same Message-ID.

        Raises `UnusableAddress`, and `KeyError` if its action has no wording.
        """
        recipient, smtputf8 = envelope(letter.email)
        language = self._wording.resolve(letter.language)
        turned_off = For.VIEWED_MAILS if letter.action == VIEWED else For.STATUS_MAILS
        word = self._links.make(turned_off, letter.applicant_id, None)
        form = self._forms.get((letter.action, language))
        if form is None:
            form = forms(self._wording, language, letter.action, self._board)
            self._forms[letter.action, language] = form
        values = filling(letter, language, self._wording.direction(language))
        values["my_jobs_url"] = f"{self._base_url}/my-jobs"
        values["preferences_url"] = f"{self._base_url}/preferences?word={word}"
        mark = hmac.digest(self._links.secret_key.encode(), f"mail {letter.action_id}".encode(), hashlib.sha256).hex()
        head = (
            self._from
            + header("To", mailbox(letter.name, recipient))
            + header("Subject", words(form.subject.fill(values)))
            + f"Date: {format_datetime(now)}\r\n"
            f"Message-ID: <notice-{letter.action_id}-email.{mark[:12]}@{self._domain}>\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "X-Auto-Response-Suppress: All\r\n"
            + self._list_id
            # One line, however long: a folded or encoded address is not one-click (RFC 8058).
            + f"List-Unsubscribe: <{self._base_url}/preferences/one-click?word={word}>\r\n"
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            f"Content-Language: {language}\r\n"
            "MIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative; boundary="=_{mark[12:44]}"\r\n\r\n'
        )
        text, html = form.text.fill_quoted(values), form.html.fill_quoted(escaped(values))
        parts = part("plain", text, mark[12:44]) + part("html", html, mark[12:44])
        content = head.encode() + parts + f"--=_{mark[12:44]}--\r\n".encode()
        if self._signer is not None:
            content = self._signer.sign(content) + content
        return Message(self._sender, recipient, content, smtputf8)


def _signer(settings: Settings, domain: str) -> Signer:
    from unghost.jobboard.mail_signature import Signer

    try:
        return Signer(settings.dkim_domain or domain, settings.dkim_selector, settings.dkim_key or "")
    except ValueError:
        raise SettingsError("UNGHOST_DKIM_KEY cannot sign: give an RSA private key as PEM") from None
