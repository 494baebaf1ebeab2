"""Runs PostgreSQL's programs: as an unprivileged account, apart from the terminal, and no longer than unghost itself.

`finish` waits for a program that ends by itself (initdb), `Server` is one that is to run (postgres).
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from unghost.postgres import unprivileged

STOP_SECONDS = 120.0
ABORT_SECONDS = 10.0


def account(cluster: Path) -> tuple[int, int]:
    """Whom PostgreSQL runs as, user and group: oneself; for root, whoever owns the data, else nobody (spec R40)."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    if cluster.exists() and (owner := cluster.stat()).st_uid:
        return owner.st_uid, owner.st_gid
    accounts = [entry for entry in pwd.getpwall() if entry.pw_uid]
    chosen = next((entry for entry in accounts if entry.pw_name == "nobody"), accounts[0] if accounts else None)
    return (chosen.pw_uid, chosen.pw_gid) if chosen else (65534, 65534)


def finish(command: Sequence[str], who: tuple[int, int]) -> tuple[int, str]:
    """Run a program to its end; its exit code and all that it wrote."""
    done = subprocess.run(
        [*_starter(who), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        cwd="/",
        start_new_session=True,
    )
    return done.returncode, done.stdout.decode(errors="replace")


class Server:
    """A running `postgres`. It ends with this program, also when the program is killed."""

    def __init__(self, command: Sequence[str], who: tuple[int, int], *, log: Path, held: int) -> None:
        """Start it. `held` is a file descriptor that every process of the server keeps open. Raises `OSError`."""
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        begun = threading.Event()

        def keep() -> None:
            try:
                with log.open("ab") as file:
                    self._process = subprocess.Popen(
                        [*_starter(who), *command],
                        stdin=subprocess.DEVNULL,
                        stdout=file,
                        stderr=file,
                        env=_environment(),
                        cwd="/",
                        pass_fds=(held,),
                        start_new_session=True,  # the terminal's Ctrl-C is for the program, which then calls stop()
                    )
            except OSError as error:
                self._failure = error
            finally:
                begun.set()
            if self._process:
                self._process.wait()

        # Linux tells the server of its starter's end when the starting *thread* ends; this one ends with the program.
        self._keeper = threading.Thread(target=keep, name="unghost-postgres", daemon=True)
        self._keeper.start()
        begun.wait()
        if self._failure:
            raise self._failure

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._keeper.is_alive()

    @property
    def pid(self) -> int:
        """The process number of the server's first process."""
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """End it: in order, else at once (what is committed stays), else by force. Returns when it has ended."""
        for number, seconds in (
            (signal.SIGINT, STOP_SECONDS),
            (signal.SIGQUIT, ABORT_SECONDS),
            (signal.SIGKILL, ABORT_SECONDS),
        ):
            if self.running and self._process:
                self._process.send_signal(number)
                self._keeper.join(seconds)


def is_postgres(pid: int) -> bool:
    """Whether the process of this number is a PostgreSQL server, as far as one can see."""
    if sys.platform == "linux":
        try:
            called = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        except OSError:
            return False
    else:
        called = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], stdout=subprocess.PIPE).stdout.strip()
    return called.rpartition(b"/")[2].startswith(b"postgres")


def _starter(who: tuple[int, int]) -> list[str]:
    script = unprivileged.__file__
    return [sys.executable, "-I", "-S", script, str(os.getpid()), str(who[0]), str(who[1])]


def _environment() -> dict[str, str]:
    """Nothing of the caller's: no PGDATA or PGPORT, no locale that the machine may lack."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
