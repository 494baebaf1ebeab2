"""Turns what PostgreSQL's programs print when they fail into one sentence with the remedy."""

from __future__ import annotations

import re
from pathlib import Path

from unghost.postgres import unprivileged

REMEDIES = (
    ("No space left on device", "the disk of {home} is full: free some space and start again"),
    ("Disk quota exceeded", "the disk quota for {home} is used up: free some space and start again"),
    ("Read-only file system", "{home} is on a read-only file system: choose another data directory"),
    (
        'invalid binary|could not find own program|program "postgres" is needed',
        "PostgreSQL cannot reach its own programs as the user nobody: run unghost as a normal user",
    ),
    (
        "Permission denied",
        "{home} may not be read and written by this user: choose another data directory or its owner",
    ),
    ("Not a directory|File exists", "{home} is not a directory: choose another data directory"),
    ("wrong ownership", "{home} belongs to another user: start unghost as that user or choose another data directory"),
    (
        r"lock file .* already exists|pre-existing shared memory block",
        "another PostgreSQL server uses {home}: end it or choose another data directory",
    ),
    (
        r"valid checkpoint|invalid (\w+ )?checkpoint|invalid page|not a valid|could not (read|open) |required WAL",
        "the data in {home} is damaged: restore it from a backup or move it away to begin anew",
    ),
    (
        "could not map anonymous shared memory|Cannot allocate memory|out of memory",
        "there is not enough memory for PostgreSQL: give the machine or the container 512 MB more",
    ),
    (
        "could not create (shared memory|semaphores)|No file descriptors available|Too many open files",
        "this machine's limits leave no room for PostgreSQL: raise its limits of shared memory and open files",
    ),
)


def why(printed: str, home: Path) -> str:
    """The sentence for what was printed; `home` is the folder that the server keeps."""
    for line in printed.splitlines():
        if line.startswith(unprivileged.MARK):
            return line.removeprefix(unprivileged.MARK)
    for pattern, sentence in REMEDIES:
        if re.search(pattern, printed):
            return sentence.format(home=home)
    lines = [line.strip() for line in printed.splitlines() if re.search("FATAL|PANIC|error:|Error", line)]
    said = lines[-1] if lines else " ".join(printed.split())[-300:] or "it said nothing"
    return f"PostgreSQL did not start ({said}): see {home / 'log'} or give UNGHOST_DATABASE_URL"
