"""The journal: every request that came to the sandbox's board or went out to a webhook, its answer, and why, in words.

In memory and in one file, so that a restart keeps it; beyond a number the oldest are forgotten. Secrets never get here:
the recorder takes them out.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

import msgspec

#: How many entries are kept.
MOST = 5_000
#: How a token is shown: a shell puts its variable there.
TOKEN_SHOWN = "Bearer $TOKEN"  # noqa: S105


class Entry(msgspec.Struct, kw_only=True):
    """One request and its answer. `number` counts from 1; `took_ms` is by the machine's clock, `at` by the sandbox's.

    `application` is the first of all `applications` that the call is about; `actions` are the ids that the answer
    names, or that of the report that is taken back; `fault` says what a rule did to it; `warnings` what worked here and
    is doubtful at LinkedIn. `webhook`: it is a call of the board's to an ATS, whose whole URL is `path`.
    """

    number: int
    at: datetime
    method: str
    path: str
    status: int
    reason: str
    took_ms: float
    headers: list[tuple[str, str]] = []
    body: str = ""
    answer_headers: list[tuple[str, str]] = []
    answer: str = ""
    application: str | None = None
    applications: list[str] = []
    customer: str | None = None
    actions: list[int] = []
    fault: str | None = None
    warnings: list[str] = []
    webhook: Literal["delivery", "challenge"] | None = None

    def curl(self, base_url: str) -> str:
        """The same request as a command for a shell; the token is taken from the variable TOKEN."""
        # -g: brackets in an address are no pattern. A HEAD by -X would wait for a body that never comes.
        how = ["-I"] if self.method == "HEAD" else ["-i", "-X", self.method]
        words = ["curl", "-g", *how, self.path if self.webhook else base_url.rstrip("/") + self.path]
        for name, value in self.headers:
            if name not in ("host", "content-length", "connection", "accept-encoding", "user-agent", "cookie"):
                words += ["-H", f"{name}: {value}"]
        if self.body:
            words += ["--data-raw", self.body]
        return " ".join(f'"{word}"' if word.endswith(TOKEN_SHOWN) else shlex.quote(word) for word in words)


class Wanted(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which entries: each that is given must fit. `path` is a beginning, `text` stands anywhere."""

    method: str | None = None
    path: str | None = None
    status: str | None = None
    application: str | None = None
    text: str | None = None
    warned: bool = False
    webhook: Literal["delivery", "challenge", "any"] | None = None
    after: int = 0

    def fits(self, entry: Entry) -> bool:
        """Whether it is one of them."""
        return (
            entry.number > self.after
            and (self.method is None or entry.method == self.method.upper())
            and (self.path is None or entry.path.startswith(self.path))
            and (self.status is None or str(entry.status).startswith(self.status.rstrip("x")))
            and (self.application is None or self.application.rpartition(":")[2] in entry.applications)
            and (not self.warned or bool(entry.warnings))
            and (self.webhook is None or self.webhook == (entry.webhook and "any") or self.webhook == entry.webhook)
            and (self.text is None or self.text.lower() in _everything(entry))
        )


@dataclass
class Journal:
    """The entries of one sandbox, oldest first."""

    path: Path
    _entries: dict[int, Entry] = field(default_factory=dict)
    _last: int = 0
    _file: IO[bytes] | None = None
    _lines: int = 0
    _watchers: set[asyncio.Event] = field(default_factory=set)

    def open(self) -> None:
        """Read what the file keeps and go on writing there. A line cut off by a crash is passed over."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "rb") as kept:
            for line in kept:
                with suppress(msgspec.DecodeError):
                    self._keep(msgspec.json.decode(line, type=Entry))
        self._write_anew()

    def next_number(self) -> int:
        """The number of the next entry."""
        self._last += 1
        return self._last

    def add(self, entry: Entry) -> None:
        """Keep an entry, and tell those who watch."""
        self._keep(entry)
        if self._file is not None:
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()
            self._lines += 1
            if self._lines > 2 * MOST:
                self._write_anew()
        self.ring()

    def reset(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()
        self._write_anew()
        self.ring()

    def entry(self, number: int) -> Entry | None:
        """One entry."""
        return self._entries.get(number)

    def newest_first(self, wanted: Wanted) -> Iterator[Entry]:
        """The entries that are wanted."""
        return (entry for entry in reversed(self._entries.values()) if wanted.fits(entry))

    def watch(self) -> tuple[asyncio.Event, Callable[[], None]]:
        """An event that is set at each change, and how to end watching."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        return changed, lambda: self._watchers.discard(changed)

    def ring(self) -> None:
        """Tell those who watch that something has changed, if not here then about it."""
        for watcher in self._watchers:
            watcher.set()

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.number] = entry
        self._last = max(self._last, entry.number)
        if len(self._entries) > MOST:
            del self._entries[next(iter(self._entries))]

    def _write_anew(self) -> None:
        if self._file is not None:
            self._file.close()
        unfinished = self.path.with_name(f".{self.path.name}.unfinished")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._file.writelines(msgspec.json.encode(entry) + b"\n" for entry in self._entries.values())
        self._file.flush()
        unfinished.replace(self.path)
        self._lines = len(self._entries)


def _everything(entry: Entry) -> str:
    return "\n".join((entry.path, entry.reason, entry.body, entry.answer, *entry.warnings)).lower()
