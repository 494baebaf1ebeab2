"""The mails that the demo's inbox has received: in memory and in one file, so that a restart keeps them.

As mailbox providers do, a mail whose Message-ID its recipient already has is kept once; the copies are counted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import IO

import msgspec

#: Beyond this many mails the oldest are forgotten.
MOST_MAILS = 20_000


@dataclass(kw_only=True)
class Mail:
    """One mail in one recipient's mailbox. `copies` is how often it came; `number` counts from 1 by arrival."""

    number: int
    to: str
    received_at: datetime
    raw: bytes
    copies: int = 1

    @cached_property
    def message(self) -> EmailMessage:
        """The mail as Python's own parser reads it."""
        return message_from_bytes(self.raw, policy=policy.default)

    @cached_property
    def headers(self) -> dict[str, str]:
        """Name -> value, decoded; one that stands there several times has a line for each."""
        found: dict[str, str] = {}
        for name, value in self.message.items():
            found[name] = f"{found[name]}\n{value}" if name in found else str(value)
        return found

    @cached_property
    def subject(self) -> str:
        """The decoded subject, or nothing."""
        return str(self.message.get("subject", ""))

    @cached_property
    def sender(self) -> str:
        """The decoded From header, or nothing."""
        return str(self.message.get("from", ""))

    @cached_property
    def text(self) -> str:
        """The plain text part, or nothing."""
        return self._part("plain")

    @cached_property
    def html(self) -> str:
        """The HTML part, or nothing."""
        return self._part("html")

    @cached_property
    def glimpse(self) -> str:
        """The beginning of the text, on one line."""
        return " ".join(self.text.split())[:160]

    def as_json(self) -> dict[str, object]:
        """What the inbox answers to `Accept: application/json`."""
        return {
            "to": self.to,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": self.headers,
            "received_at": self.received_at.isoformat(),
            "copies": self.copies,
        }

    def _part(self, subtype: str) -> str:
        try:
            part = self.message.get_body(preferencelist=(subtype,))
            return "" if part is None else str(part.get_content()).replace("\r\n", "\n")
        except (LookupError, ValueError):
            return ""


@dataclass
class Mailbox:
    """All mails received. `path` names the file that keeps them; only this user can read it."""

    path: Path
    _mails: dict[tuple[str, str], Mail] = field(default_factory=dict)
    _count: int = 0
    _file: IO[bytes] | None = None

    def open(self) -> None:
        """Read what the file keeps and go on writing there. A last line cut off by a crash is passed over."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "a+b")
        self._file.seek(0)
        line = b"\n"
        for line in self._file:
            try:
                kept = json.loads(line)
                received_at = datetime.fromisoformat(kept["received_at"]).astimezone(UTC)
                self._keep(kept["to"], kept["raw"].encode("latin-1"), received_at)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        if not line.endswith(b"\n"):
            self._file.write(b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def receive(self, to: str, raw: bytes, now: datetime) -> Mail:
        """Keep a mail for one recipient; gives the mail that is there now, which may be an earlier copy."""
        if self._file is not None:
            line = {"received_at": now, "to": to, "raw": raw.decode("latin-1")}
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
        return self._keep(to, raw, now)

    def empty(self) -> None:
        """Forget every mail, in the file too; numbers go on."""
        self._mails.clear()
        if self._file is not None:
            self._file.truncate(0)

    def newest_first(self, to: str | None = None) -> Iterator[Mail]:
        """The mails, of one recipient if `to` is given."""
        return (mail for mail in reversed(self._mails.values()) if to is None or mail.to == to)

    def recipients(self) -> list[str]:
        """Everyone who has mail, in the order of their first."""
        return list(dict.fromkeys(mail.to for mail in self._mails.values()))

    def mail(self, number: int) -> Mail | None:
        """One mail by its number."""
        return next((mail for mail in self._mails.values() if mail.number == number), None)

    def _keep(self, to: str, raw: bytes, received_at: datetime) -> Mail:
        self._count += 1
        key = (to, _message_id(raw) or f"none {self._count}")
        if key in self._mails:
            self._mails[key].copies += 1
            return self._mails[key]
        mail = self._mails[key] = Mail(number=self._count, to=to, received_at=received_at, raw=raw)
        if len(self._mails) > MOST_MAILS:
            del self._mails[next(iter(self._mails))]
        return mail


def _message_id(raw: bytes) -> str:
    """The Message-ID, found without parsing the mail: thousands may come in a second."""
    end = raw.find(b"\r\n\r\n")
    head = b"\r\n" + (raw if end < 0 else raw[:end]) + b"\r\n"
    start = head.lower().find(b"\r\nmessage-id:")
    if start < 0:
        return ""
    start += len(b"\r\nmessage-id:")
    end = start
    while True:  # a folded header goes on where the next line begins with a blank
        end = head.find(b"\r\n", end)
        if head[end + 2 : end + 3] not in (b" ", b"\t"):
            return head[start:end].strip().decode("latin-1")
        end += 2
