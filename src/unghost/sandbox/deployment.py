"""Settings made whole: where no database is set, the data directory's own embedded server is started (spec R40).

Used by every command that works on a board of this machine. Must not change what was set.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from unghost.jobboard.settings import Settings
from unghost.postgres import Embedded, PostgresError

_LOOK_SECONDS = 0.5


@contextmanager
def deployed(settings: Settings, options: Mapping[str, str] | None = None) -> Iterator[Settings]:
    """The settings with a database URL; an embedded server that was started here is stopped at the end.

    `options` are PostgreSQL's own, for an embedded server.
    Raises `PostgresError` if the embedded server cannot run.
    """
    if settings.database_url is not None:
        yield settings
        return
    server = Embedded(settings.data_dir, options=options)
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(server, ended), name="unghost-keeper", daemon=True)
    try:
        yield replace(settings, database_url=_started(server, keeper))
    finally:
        ended.set()
        if keeper.is_alive():
            keeper.join()
        server.stop()


def _started(server: Embedded, keeper: threading.Thread) -> str:
    url = server.start()
    if server.process_id is not None:  # else it is another program's, which keeps it
        keeper.start()
    return url


def _keep(server: Embedded, ended: threading.Event) -> None:
    """Start the server again when it was killed: it recovers what was committed, and its address stays the same."""
    while not ended.wait(_LOOK_SECONDS):
        if server.process_id is None:
            try:
                server.start()
                said = "PostgreSQL ended and was started again"
            except PostgresError as error:
                said = f"PostgreSQL ended: {error}"
            print(f"unghost: {said}", file=sys.stderr, flush=True)


class InUse(Exception):
    """Another program works in this data directory. The message is one sentence with the remedy."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Work in this data directory as the only demo or sandbox; whoever is killed gives it free. Raises `InUse`."""
    descriptor = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(
                f"a demo or sandbox runs in {folder} already (process {file.read().strip()}): end it, or give another "
                "--data-dir"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextmanager
def measured(settings: Settings) -> Iterator[tuple[Path, dict[str, str]]]:
    """Where the processes of one command count together (spec R41), and the variable that tells them so."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="metrics-", dir=settings.data_dir) as folder:
        yield Path(folder), {"PROMETHEUS_MULTIPROC_DIR": folder}


def kept_secret(path: Path) -> str:
    """The secret in this file, which only this user can read; made the first time."""
    if not path.exists():
        keep_private(path, secrets.token_urlsafe(32) + "\n")
    return path.read_text(encoding="utf-8").strip()


def keep_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
