"""Tells by e-mail: one attempt over SMTP, on connections that are kept open, and what its answers mean (spec R19, R21).

Must not try again by itself what may have been sent: the outbox does, with the same Message-ID.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from datetime import datetime
from typing import cast
from urllib.parse import unquote, urlsplit

import aiosmtplib

from unghost.jobboard.letter import Letter
from unghost.jobboard.mail import Mails, Message
from unghost.jobboard.mail_headers import UnusableAddress, clean
from unghost.jobboard.rules.plan import Reason
from unghost.jobboard.settings import Settings
from unghost.outbox import Done, GiveUp, Outcome, TryLater

#: Enhanced status codes that say of the recipient's address that it does not exist (RFC 3463): a hard bounce.
_NO_SUCH_ADDRESS = re.compile(r"5\.1\.(1|2|3|6|10)\b")
#: Answers about us rather than about one mail: closing, and that we must log in first or better.
_ABOUT_US = frozenset({421, 530, 534, 535, 538})
_ADDRESS = re.compile(r"\S*(@|＠|%40)\S*")
#: What is kept of a server's answer, in characters.
_DETAIL = 200
#: A connection that was idle for longer, in seconds, may have been dropped without a word.
_LONGEST_IDLE = 20.0

HARD_BOUNCE = "hard_bounce"


class Email:
    """The channel of EMAIL."""

    def __init__(self, settings: Settings, mails: Mails) -> None:
        assert settings.smtp_url is not None
        url = urlsplit(settings.smtp_url)
        self.slots = settings.mail_connections
        self._mails = mails
        self._url = url
        self._ehlo = _ehlo(settings.base_url)
        self._timeout = min(30.0, settings.lease.total_seconds())
        self._tls = None if url.scheme == "smtp" else ssl.create_default_context()
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    async def tell(self, letter: Letter, now: datetime) -> Outcome:
        """Send one mail, once."""
        try:
            message = self._mails.compose(letter, now)
        except UnusableAddress as error:
            return GiveUp(Reason.UNDELIVERABLE, str(error))
        while self._idle:
            client, since = self._idle.pop()
            if asyncio.get_running_loop().time() - since > _LONGEST_IDLE:
                _hang_up(client)
            elif client.is_connected:
                try:
                    return await self._on(client, message)
                except _Stale:
                    continue  # the server had closed it while it was idle; nothing was sent
        try:
            client = await self._connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            return TryLater(None, f"no connection to the mail server: {_said(error, message)}", way_closed=True)
        try:
            return await self._on(client, message)
        except _Stale as error:
            return TryLater(None, f"the mail server does not talk: {_said(error.error, message)}", way_closed=True)

    async def close(self) -> None:
        """Say goodbye on every connection."""
        while self._idle:
            client, _ = self._idle.pop()
            try:
                await client.quit(timeout=2)
            except (aiosmtplib.SMTPException, OSError):
                client.close()

    async def _connect(self) -> aiosmtplib.SMTP:
        url = self._url
        client = aiosmtplib.SMTP(
            hostname=url.hostname,
            port=url.port or {"smtp": 25, "smtps": 465}.get(url.scheme, 587),
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            use_tls=url.scheme == "smtps",
            start_tls=url.scheme == "smtp+starttls",
            tls_context=self._tls,
            local_hostname=self._ehlo,
            timeout=self._timeout,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except BaseException:
            _hang_up(client)
            raise
        return client

    async def _on(self, client: aiosmtplib.SMTP, message: Message) -> Outcome:
        """One mail on one connection, which is kept if it is still good. Raises `_Stale`."""
        try:
            outcome = await _send(client, message)
            good = isinstance(outcome, Done) or await _reset(client, outcome)
        except BaseException:  # cancelled too: what the server got is not known, and nothing more may reach it
            _hang_up(client)
            raise
        if good:
            self._idle.append((client, asyncio.get_running_loop().time()))
        else:
            _hang_up(client)
        return outcome


class _Stale(Exception):
    """The connection broke before the server had taken anything."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Cut the line: `close` alone would still send what is in its buffer, the end of a mail perhaps."""
    if client.transport is not None:
        cast("asyncio.WriteTransport", client.transport).abort()
    client.close()


async def _reset(client: aiosmtplib.SMTP, outcome: Outcome) -> bool:
    """Make the connection ready for another mail after a refusal; whether it is."""
    if not client.is_connected or (isinstance(outcome, TryLater) and outcome.way_closed):
        return False
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True


async def _send(client: aiosmtplib.SMTP, message: Message) -> Outcome:
    mail_options, encoding = b"", "ascii"
    if message.smtputf8:
        if not client.supports_extension("smtputf8"):
            return GiveUp(Reason.UNDELIVERABLE, "the mail server takes no addresses beyond ASCII (SMTPUTF8)")
        mail_options, encoding = b" SMTPUTF8", "utf-8"
    try:
        answer = await client.execute_command(b"MAIL FROM:<" + message.sender.encode() + b">" + mail_options)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _Stale(error) from None
    if answer.code == 421:
        raise _Stale(_answered(answer))
    if answer.code != 250:
        if message.smtputf8 and answer.code >= 500:
            return GiveUp(Reason.UNDELIVERABLE, f"at MAIL: {_said(_answered(answer), message)}")
        return TryLater(
            None, f"the mail server refuses our sender: {_said(_answered(answer), message)}", way_closed=True
        )
    try:
        answer = await client.execute_command(b"RCPT TO:<" + message.recipient.encode(encoding) + b">")
        if answer.code not in (250, 251):
            return _refused(_answered(answer), "RCPT", message)
        answer = await client.execute_command(b"DATA")
        if answer.code != 354:
            return _refused(_answered(answer), "DATA", message)
        answer = await _content(client, message.content)
    except (aiosmtplib.SMTPException, OSError) as error:
        _hang_up(client)
        return TryLater(None, f"the connection broke while sending: {_said(error, message)}")
    if answer.code != 250:
        return _refused(_answered(answer), "the end of DATA", message)
    return Done(_said(_answered(answer), message))


async def _content(client: aiosmtplib.SMTP, content: bytes) -> aiosmtplib.SMTPResponse:
    """Send the message and its final dot. Not by `client.data`: that rewrites line ends which are right already."""
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    protocol.write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    return await protocol.read_response(timeout=client.timeout)


def _answered(answer: aiosmtplib.SMTPResponse) -> aiosmtplib.SMTPResponseException:
    return aiosmtplib.SMTPResponseException(answer.code, answer.message)


def _refused(error: aiosmtplib.SMTPResponseException, phase: str, message: Message) -> Outcome:
    detail = f"at {phase}: {_said(error, message)}"
    if error.code in _ABOUT_US:
        return TryLater(None, detail, way_closed=True)
    if error.code < 500:
        return TryLater(None, detail)
    no_such_address = phase == "RCPT" and _NO_SUCH_ADDRESS.match(error.message.lstrip())
    return GiveUp(Reason.UNDELIVERABLE, detail, HARD_BOUNCE if no_such_address else None)


def _said(error: Exception, message: Message) -> str:
    """What went wrong in the server's words, without any address."""
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return type(error).__name__
    said = error.message.encode("utf-8", "replace").decode()
    local_part = message.recipient.rpartition("@")[0].lower()
    if local_part in said.lower():  # looked for first: compiling a pattern for each mail costs more than the rest
        said = re.sub(re.escape(local_part), "…", said, flags=re.IGNORECASE)
    said = _ADDRESS.sub("…", said)
    return clean(f"{error.code} {said}", _DETAIL)


def _ehlo(base_url: str) -> str:
    host = urlsplit(base_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.encode("idna").decode()
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
