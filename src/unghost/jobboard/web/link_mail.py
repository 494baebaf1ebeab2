"""Sends the small mails that carry a sign-in link: plain text, at once, to one address (spec R24).

They are not notices: nothing waits and nothing is tried again, for whoever misses one asks for another.
"""

from __future__ import annotations

import logging
import secrets
from base64 import encodebytes
from datetime import datetime
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from unghost.jobboard.links import LINK_LIFE
from unghost.jobboard.mail_headers import UnusableAddress, envelope, header, mailbox, words
from unghost.jobboard.settings import Settings

log = logging.getLogger(__name__)

_PATIENCE = 20  # seconds for the whole conversation with the mail server


#: Links that are mailed to one person, by one process, while the first of them works.
MOST_LINKS = 5


class Few:
    """Lets a few links be mailed to one person while a link works, so that nobody floods a mailbox."""

    def __init__(self) -> None:
        self._mailed: dict[int, list[datetime]] = {}

    def may_mail(self, person: int, now: datetime) -> bool:
        """Whether one more may be mailed `now` to the person with this id; it is counted."""
        self._mailed = {
            one: [at for at in times if now - at < LINK_LIFE]
            for one, times in self._mailed.items()
            if now - times[-1] < LINK_LIFE
        }
        times = self._mailed.setdefault(person, [])
        if len(times) >= MOST_LINKS:
            return False
        times.append(now)
        return True


async def send(settings: Settings, recipient: str, language: str, subject: str, text: str, now: datetime) -> bool:
    """Send one mail, dated `now`. False: it could not be sent, which is logged without the address."""
    if settings.smtp_url is None:
        log.warning("a sign-in link was asked for and cannot be mailed: set UNGHOST_SMTP_URL")
        return False
    server = urlsplit(settings.smtp_url)
    try:
        address, smtputf8 = envelope(recipient)
        name, sender = parseaddr(settings.mail_from)
        sender, _ = envelope(sender)
        await aiosmtplib.send(
            _message(settings, name, sender, address, language, subject, text, now),
            sender=sender,
            recipients=[address],
            mail_options=["SMTPUTF8"] if smtputf8 else None,
            hostname=server.hostname,
            port=server.port,
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=server.scheme == "smtps",
            start_tls=server.scheme == "smtp+starttls",
            timeout=_PATIENCE,
        )
    except (UnusableAddress, aiosmtplib.SMTPException, OSError, ValueError) as error:
        log.warning("a sign-in link could not be mailed (%s): see UNGHOST_SMTP_URL", type(error).__name__)
        return False
    return True


def _message(
    settings: Settings, name: str, sender: str, address: str, language: str, subject: str, text: str, now: datetime
) -> bytes:
    head = (
        header("From", mailbox(name or settings.board_name, sender))
        + header("To", f"<{address}>")
        + header("Subject", words(subject))
        + header("Date", format_datetime(now))
        + header("Message-ID", f"<link-{secrets.token_hex(12)}@{sender.rpartition('@')[2]}>")
        + header("Auto-Submitted", "auto-generated")
        + header("Content-Language", language)
        + header("MIME-Version", "1.0")
        + header("Content-Type", "text/plain; charset=utf-8")
        # base64 keeps a long link whole.
        + header("Content-Transfer-Encoding", "base64")
        + "\r\n"
    )
    return head.encode() + encodebytes(text.replace("\n", "\r\n").encode()).replace(b"\n", b"\r\n")
