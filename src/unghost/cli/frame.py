"""What the commands share: the settings with their options, the database, output, and errors as one sentence.

Imports nothing heavy at the top. Must hold no command's own logic.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from rich.console import Console

    from unghost.jobboard.settings import Settings
    from unghost.jobboard.tombstones import Tombstones
    from unghost.sandbox.processes import Part

T = TypeVar("T")
#: Columns of output that goes into a file or another program.
_PIPE_WIDTH = 200

#: The variables of `unghost report`: they say where to report to and are no settings of a board.
REPORT_VARIABLES = (
    "UNGHOST_REPORT_BASE_URL",
    "UNGHOST_REPORT_TOKEN",
    "UNGHOST_REPORT_CLIENT_ID",
    "UNGHOST_REPORT_CLIENT_SECRET",
)
#: The variable that names the ATS end's settings, which is none of a board's either.
ATS_VARIABLE = "UNGHOST_ATS_CONFIG"


class Wrong(Exception):
    """What the person asked for cannot be done. The message is one sentence which names the remedy."""


_SETTINGS = Group("Settings", sort_key=90, help="Each overrides its UNGHOST_… variable.")


@Parameter(name="*", group=_SETTINGS)
@dataclass(frozen=True, kw_only=True)
class Where:
    """Options of every command that works on a board of this machine."""

    database_url: Annotated[str | None, Parameter(help="PostgreSQL 15 or newer: postgresql://user@host/name.")] = None
    data_dir: Annotated[Path | None, Parameter(help="Where the embedded PostgreSQL and generated keys live.")] = None
    smtp_url: Annotated[str | None, Parameter(parse=False)] = None

    def settings(self) -> Settings:
        """The settings with these options laid over them. Raises `SettingsError`."""
        from unghost.jobboard.settings import load

        others = (*REPORT_VARIABLES, ATS_VARIABLE)
        environment = {name: value for name, value in os.environ.items() if name not in others}
        if self.database_url is not None:
            environment["UNGHOST_DATABASE_URL"] = self.database_url
        if self.smtp_url is not None:
            environment["UNGHOST_SMTP_URL"] = self.smtp_url
        if self.data_dir is not None:
            environment["UNGHOST_DATA_DIR"] = str(self.data_dir)
        settings = load(environment)
        return replace(settings, data_dir=settings.data_dir.expanduser().absolute())


HERE = Where()


@asynccontextmanager
async def board(where: Where) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection to the board's database, in one transaction: the embedded server is started if none is set.

    Raises `SettingsError`, `DatabaseUnreachable`, or `Wrong` if the database is not up to date.
    """
    from unghost import postgres
    from unghost.sandbox.deployment import deployed

    with deployed(where.settings()) as settings:
        assert settings.database_url is not None
        up_to_date(settings, own=False)
        async with (
            await postgres.connect(settings.database_url, autocommit=True) as connection,
            connection.transaction(),
        ):
            yield connection


def up_to_date(settings: Settings, *, own: bool) -> None:
    """See that the tables fit: an embedded database is migrated, a server's is left to `unghost migrate`."""
    from unghost import postgres

    assert settings.database_url is not None
    if own:
        postgres.migrate(settings.database_url)
    elif waiting := postgres.pending(settings.database_url):
        raise Wrong(f"the database lacks {', '.join(waiting)}: run `unghost migrate` first")


def tombstones(where: Where) -> Tombstones | None:
    """The tombstones of this board; None where its secret key is not: one that is made now would fit none of them."""
    from unghost.jobboard.links import KEY_FILE, secret_key
    from unghost.jobboard.tombstones import Tombstones

    settings = where.settings()
    if settings.secret_key is None and not (settings.data_dir / KEY_FILE).exists():
        return None
    return Tombstones(secret_key(settings.secret_key, settings.data_dir))


async def until_stopped(parts: list[Part], announcement: str) -> None:
    """Announce these processes and keep them running until SIGINT or SIGTERM."""
    from unghost.sandbox.processes import Processes

    def say(line: str) -> None:
        print(f"unghost: {line}", file=sys.stderr, flush=True)

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    print(announcement, file=sys.stderr, flush=True)
    processes = Processes(say)
    for part in parts:
        processes.start(part)
    await stopped.wait()
    await processes.stop()


def tls_files(tls_cert: Path | None, tls_key: Path | None) -> None:
    """See that certificate and key are given together and fit. Raises `Wrong`."""
    import ssl

    if (tls_cert is None) != (tls_key is None):
        raise Wrong("--tls-cert and --tls-key belong together: give both or none")
    if tls_cert is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls_cert, tls_key)
    except OSError as error:  # SSLError is one
        raise Wrong(
            f"--tls-cert {tls_cert} and --tls-key {tls_key} cannot be used ({error.strerror or error}): "
            "give a PEM certificate and its key"
        ) from None


def count(option: str, given: int) -> None:
    """See that an option is a number of processes. Raises `Wrong`."""
    if not 1 <= given <= 64:
        raise Wrong(f"{option} is {given}: give a number from 1 to 64")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


def out() -> Console:
    """Where a command's answer goes: wide and plain when it is not a terminal. Text in brackets is no markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def sentence(error: Exception) -> str | None:
    """What a person is told of a failure that is not a fault of the program; None if it is one."""
    if isinstance(error, Wrong):
        return str(error)
    from unghost.ats.settings import SettingsError as AtsSettingsError
    from unghost.jobboard.settings import SettingsError

    if isinstance(error, SettingsError | AtsSettingsError):
        return " ".join(str(error).split())
    if "psycopg" in sys.modules:  # else it is no error of its, and an ATS may not have it
        import psycopg

        from unghost import postgres

        if isinstance(error, postgres.PostgresError):
            return " ".join(str(error).split())
        if isinstance(error, psycopg.OperationalError):
            return f"the database does not answer as it should ({' '.join(str(error).split())}): run `unghost doctor`"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{error.name} is not installed: install unghost[ats] for an ATS, unghost[board] for a job board"
    if isinstance(error, OSError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return None
