"""The sandbox's states: what it was at its first start, that without anybody in it, and those put aside by name.

Going back to one takes the clock back with it. Must not know what lies in the tables.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.store.accepting import ACCESS, DUE, notify
from unghost.jobboard.store.webhooks import DELIVER
from unghost.postgres import connect
from unghost.postgres.snapshot import put_back, take, taken
from unghost.sandbox.clock_file import ClockFile
from unghost.sandbox.example_ats import DATABASE

#: The state after the first start, and the same without jobs, applicants and what was reported of them.
STORY, EMPTY = "story", "empty"
_PEOPLE = frozenset(
    {"job", "applicant", "application", "resume", "action", "notice", "webhook", "delivery", "job_posting_task"}
    | {"tombstone"}
)
_SCHEMA = "jobboard"
_CLOCK = "clock.json"
#: Seconds for which the example ATS may hold its database.
_PATIENCE = 10.0


class NoSuchSnapshot(ValueError):
    """The name is none, or may not be one. The message is one sentence with the remedy."""


@dataclass(frozen=True)
class Snapshots:
    """The states of one sandbox; they lie in its data directory."""

    database_url: str
    folder: Path
    clock: ClockFile

    def begin_ats(self) -> None:
        """At a first start: keep what the example ATS has made of its database too."""
        if not (self._of(STORY) / DATABASE).exists():
            _copied(self.folder / DATABASE, self._of(STORY) / DATABASE)

    @property
    def new(self) -> bool:
        """Whether this is a first start: nothing is kept yet."""
        return not taken(self._of(STORY))

    async def begin(self) -> None:
        """At a first start: keep what is there as the story."""
        async with await connect(self.database_url, autocommit=True) as connection:
            await take(connection, _SCHEMA, self._of(STORY))

    def names(self) -> list[str]:
        """What can be gone back to."""
        own = sorted(found.name for found in (self.folder / "snapshots").glob("*") if taken(found))
        return [STORY, EMPTY, *(name for name in own if name != STORY)]

    def check(self, name: str) -> None:
        """Raises `NoSuchSnapshot` if it is none."""
        if name not in self.names():
            raise NoSuchSnapshot(f"there is no snapshot {name[:80]!r}: there are {', '.join(self.names())}")

    async def take(self, name: str) -> None:
        """Put the present state aside under a name. Raises `NoSuchSnapshot` for one that cannot be used."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name) or name in (STORY, EMPTY):
            raise NoSuchSnapshot(
                f"{name[:80]!r} cannot be a snapshot's name: give small letters, digits, - and _, but no state's"
            )
        at = self.clock.now()
        clock = {
            "stopped_at": at.isoformat() if self.clock.stopped else None,
            "ahead": self.clock.ahead.total_seconds(),
        }
        async with await connect(self.database_url, autocommit=True) as connection:
            await take(connection, _SCHEMA, self._of(name))
        _write(self._of(name) / _CLOCK, clock)
        self._copy_ats(self.folder, self._of(name))

    async def put_back(self, name: str, may: Callable[[AsyncConnection[Any]], Awaitable[bool]] | None = None) -> bool:
        """Go back to a state, with its clock; one transaction. Raises `NoSuchSnapshot`.

        `may` is asked while nobody can write; if it says no, all stays as it is, and the answer is False.
        """
        self.check(name)
        folder = self._of(STORY if name == EMPTY else name)
        async with await connect(self.database_url, autocommit=True) as connection:
            if not await put_back(connection, _SCHEMA, folder, _PEOPLE if name == EMPTY else (), may):
                return False
            self._copy_ats(folder, self.folder)
            self._wind_back(folder / _CLOCK)
            for channel in (ACCESS, DUE, DELIVER):
                await notify(connection, channel)
        return True

    def _wind_back(self, path: Path) -> None:
        if not path.exists():
            self.clock.begin_again()
            return
        kept = json.loads(path.read_text(encoding="utf-8"))
        stopped_at = kept["stopped_at"] and datetime.fromisoformat(kept["stopped_at"])
        self.clock.put_back(stopped_at, timedelta(seconds=kept["ahead"]))

    def _copy_ats(self, there: Path, to: Path) -> None:
        if (there / DATABASE).exists():  # else there is no example ATS
            _copied(there / DATABASE, to / DATABASE)

    def _of(self, name: str) -> Path:
        return self.folder / "snapshots" / name


def _copied(database: Path, to: Path) -> None:
    """Copy a database of SQLite's, or put it in another's place under the feet of those who have it open."""
    with (
        closing(sqlite3.connect(database, timeout=_PATIENCE)) as source,
        closing(sqlite3.connect(to, timeout=_PATIENCE)) as target,
    ):
        source.backup(target)


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
