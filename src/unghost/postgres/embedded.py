"""A PostgreSQL of unghost's own: started with the program, reached by a Unix socket only, gone with the program.

Everything lies in `<data dir>/postgres`: `cluster` (the data), `socket`, `log` and two lock files.
It must touch nothing else, leave nothing running, and lose nothing that was committed (spec R40).
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

import psycopg

from unghost.postgres import binaries, process
from unghost.postgres.errors import PostgresError
from unghost.postgres.why import why

SOCKET_BYTES = 103
"""The longest address of a Unix socket on macOS; Linux takes 107."""
PORT = 5432
NAME = "unghost"
"""The database and the role that owns it: no superuser, so that no SQL can read a file or run a program."""
START_SECONDS = 600.0
LOG_BYTES = 8_000_000

OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Memory shared between processes lies in the data directory, not in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    # One machine, a few processes, many small commits; fsync and full_page_writes stay on.
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class Embedded:
    """The embedded server on one data directory, which several programs may share (spec R40).

    Whoever starts it stops it too; a later one finds it, uses it and leaves it running.
    """

    def __init__(self, data_dir: Path, *, options: Mapping[str, str] | None = None) -> None:
        """`options` go over unghost's own settings of the server (names as in postgresql.conf)."""
        self.home = data_dir.absolute() / "postgres"
        self.cluster = self.home / "cluster"
        self.log = self.home / "log"
        self._options = OPTIONS | dict(options or {})
        self._server: process.Server | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process_id(self) -> int | None:
        """The server's first process, if it was started here and runs."""
        return self._server.pid if self._server and self._server.running else None

    def start(self) -> str:
        """Start the server, or find the one that runs, and give the URL of its database. Raises `PostgresError`."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self.home.chmod(0o700)
            with self._opened("start.lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                return self._start()
        except OSError as error:
            raise PostgresError(why(str(error), self.home)) from error

    def stop(self) -> None:
        """Stop the server if it was started here; what is committed is safe whatever happens meanwhile."""
        atexit.unregister(self.stop)
        if self._server:
            self._server.stop()
            self._server = None
            if (folder := self._socket_folder()).parent != self.home:
                shutil.rmtree(folder, ignore_errors=True)

    def _start(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        with self._opened("alive.lock") as alive:
            # The server inherits this lock and holds it while any of its processes lives: never stale, never early.
            while not (url := self._running()) and not _taken(alive.fileno()):
                if time.monotonic() > deadline:
                    raise PostgresError(
                        f"a PostgreSQL server holds {self.home} and does not answer: end it or choose another "
                        "data directory"
                    )
                time.sleep(0.05)
            if url:
                return url
            programs = binaries.of_cluster(self._version())
            who = process.account(self.cluster)
            if not self.cluster.exists():
                self._create(programs, who)
            folder = self._prepared_socket_folder()
            self._clear_traces(folder)
            if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
                self.log.rename(self.log.with_suffix(".old"))
            options = self._options | {"unix_socket_directories": f'"{folder}"', "port": str(PORT)}
            command = [str(programs / "postgres"), "-D", str(self.cluster)]
            for name, value in options.items():
                command += ["-c", f"{name}={value}"]
            with self._opened("log") as log:
                told = log.tell()
            self._server = process.Server(command, who, log=self.log, held=alive.fileno())
        atexit.register(self.stop)
        try:
            self._wait(folder, told, deadline)
        except BaseException:
            self.stop()
            raise
        return _url(folder)

    def _running(self) -> str | None:
        """The URL of the server that already serves this cluster, if one answers."""
        try:
            folder = Path((self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()[4])
            _connect(folder).close()
        except (FileNotFoundError, IndexError, psycopg.OperationalError):
            return None
        return _url(folder)

    def _version(self) -> int | None:
        """The major version of the data; None where there is none yet."""
        if not self.cluster.exists():
            return None
        try:
            return int((self.cluster / "PG_VERSION").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            raise PostgresError(
                f"the data in {self.home} is damaged, PG_VERSION says nothing: restore it from a backup or move it "
                "away to begin anew"
            ) from None

    def _create(self, programs: Path, who: tuple[int, int]) -> None:
        """Make the cluster beside its place and move it there, so that a half-made one is never used."""
        unfinished = self.home / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(unfinished, *who)
        command = [str(programs / "initdb"), "-D", str(unfinished), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
        code, printed = process.finish(command, who)
        if code:
            raise PostgresError(why(printed, self.home))
        unfinished.rename(self.cluster)

    def _socket_folder(self) -> Path:
        """`socket` in the home; where that is too long for a socket's address, a private one of its own."""
        if _fits(folder := self.home / "socket"):
            return folder
        name = f"unghost-{os.geteuid()}-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]}"
        folder = Path(tempfile.gettempdir()) / name
        return folder if _fits(folder) else Path("/tmp") / name  # noqa: S108 (its owner is checked before use)

    def _prepared_socket_folder(self) -> Path:
        folder, owner = self._socket_folder(), self.home.stat().st_uid
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner) or found.st_mode & 0o077:
            raise PostgresError(f"{folder} is not private to this user: remove it and start again")
        self._give_to_owner(folder)
        return folder

    def _opened(self, name: str) -> IO[bytes]:
        file = (self.home / name).open("ab")
        self._give_to_owner(self.home / name)
        return file

    def _give_to_owner(self, path: Path) -> None:
        """What root makes in another user's home shall not lock that user out."""
        if os.geteuid() == 0:
            owner = self.home.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def _clear_traces(self, folder: Path) -> None:
        """Remove what a killed server left: its process number may belong to another program by now."""
        trace = self.cluster / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
            if process.is_postgres(int(trace.read_text(encoding="utf-8").splitlines()[0])):
                return  # PostgreSQL itself looks further whether that one is ours
        trace.unlink(missing_ok=True)
        for left in folder.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def _wait(self, folder: Path, told: int, deadline: float) -> None:
        """Wait until the server answers, through a recovery if there is one, and see to its role and database."""
        while True:
            try:
                with _connect(folder) as connection:
                    _own_database(connection)
                return
            except psycopg.OperationalError as error:
                if not self._server or not self._server.running:
                    printed = self.log.read_bytes()[told:].decode(errors="replace")
                    raise PostgresError(why(printed, self.home)) from None
                if time.monotonic() > deadline:
                    raise PostgresError(f"PostgreSQL does not answer ({error}): see {self.log}") from None
                time.sleep(0.02)


def _fits(folder: Path) -> bool:
    """Whether a socket in this folder can be addressed; a comma would part two hosts."""
    address = str(folder / f".s.PGSQL.{PORT}")
    return address.isprintable() and len(os.fsencode(address)) <= SOCKET_BYTES and not set(',"') & set(address)


def _url(folder: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(folder), safe='')}&port={PORT}"


def _connect(folder: Path) -> psycopg.Connection:
    return psycopg.connect(
        host=str(folder), port=PORT, user="postgres", dbname="postgres", connect_timeout=10, autocommit=True
    )


def _own_database(connection: psycopg.Connection) -> None:
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
        connection.execute(f"CREATE ROLE {NAME} LOGIN CREATEDB")
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
        connection.execute(f"CREATE DATABASE {NAME} OWNER {NAME}")


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
