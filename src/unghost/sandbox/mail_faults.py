"""Faults of mails: what the rules say the inbox answers in each phase of SMTP, or does to the line (spec R37).

The rules lie in the file that the control server writes; they are read again when it has changed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from unghost.sandbox import rules, turns
from unghost.sandbox.rules import Rule
from unghost.sandbox.turns import Turns

if TYPE_CHECKING:
    from unghost.sandbox.inbox import Inbox

_CUT = "421 4.4.2 the line is cut"
_COUNTS = "mails-counted.json"


@dataclass
class MailFaults:
    """The rules about mails; magic addresses come after those that somebody gave."""

    path: Path
    _read_at: tuple[int, int] | None = None
    _turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self._turns = Turns(self.path.with_name(_COUNTS), lambda rule: rule.of_mails)
        self._turns.follow(turns.read(self.path))

    def rule(self, phase: str, address: str) -> Rule | None:
        """What is to happen to a mail to (in the phase `mail`: from) this address."""
        self._refresh()
        return self._turns.come(
            turn
            for turn in self._turns
            if (turn.rule.when.smtp or "data") == phase and _fits(turn.rule.when.to, address)
        )

    def _refresh(self) -> None:
        if not self.path.exists():
            return
        found = self.path.stat()
        at = (found.st_mtime_ns, found.st_ino)
        if at != self._read_at:
            self._turns.follow(turns.read(self.path))
            self._read_at = at


@dataclass
class FaultyInbox:
    """aiosmtpd's handler in front of the inbox."""

    inbox: Inbox
    faults: MailFaults

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """MAIL FROM."""
        said = await self._said(server, self.faults.rule("mail", address))
        if said is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said or "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """RCPT TO."""
        said = await self._said(server, self.faults.rule("rcpt", address))
        if said is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The mail itself."""
        rule = next(filter(None, (self.faults.rule("data", address) for address in envelope.rcpt_tos)), None)
        if rule is not None and rule.what.cut == "after":
            await self.inbox.handle_DATA(server, session, envelope)
        return await self._said(server, rule) or await self.inbox.handle_DATA(server, session, envelope)

    async def _said(self, server: SMTP, rule: Rule | None) -> str | None:
        if rule is None:
            return None
        if rule.what.latency is not None:
            await asyncio.sleep(rules.seconds(rule.what.latency))
        if rule.what.cut is not None and server.transport is not None:
            cast(asyncio.Transport, server.transport).abort()
            return _CUT
        return rule.what.answer


def _fits(to: str | None, address: str) -> bool:
    """`to` is an address, or what stands before or after its @."""
    small, wanted = address.lower(), (to or "").lower()
    if wanted.endswith("@"):
        return small.startswith(wanted)
    return not wanted or small == wanted or (wanted.startswith("@") and small.endswith(wanted))
