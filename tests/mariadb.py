"""A MariaDB of the tests' own: on a private socket, in a private folder, gone at the end.

Debian's packages bring it (`apt-get install mariadb-server`); without it the tests that need it are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql

from tests.sandbox.running import wait_for

MISSING = "MariaDB is not installed: apt-get install mariadb-server"
SECONDS = 60.0


def mariadbd() -> str | None:
    """The server's program, or None."""
    return shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def running() -> Iterator[Path]:
    """The socket of a running server; its user `root` needs no password."""
    server, installer = mariadbd(), shutil.which("mariadb-install-db")
    assert server and installer, MISSING
    folder = Path(tempfile.mkdtemp(prefix="unghost-mariadb-"))
    data, socket = folder / "data", folder / "socket"
    own = ["--no-defaults", f"--datadir={data}"] + (["--user=root"] if os.geteuid() == 0 else [])
    try:
        subprocess.run(
            [installer, *own, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
        )
        options = [*own, f"--socket={socket}", "--skip-networking", "--innodb-flush-log-at-trx-commit=0"]
        log = (folder / "log").open("wb")
        process = subprocess.Popen([server, *options], stdout=log, stderr=log)
        try:
            wait_for(lambda: _answers(socket), seconds=SECONDS)
            yield socket
        finally:
            process.terminate()
            process.wait(SECONDS)
            log.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(socket: Path) -> bool:
    with suppress(pymysql.Error), pymysql.connect(unix_socket=str(socket), user="root"):
        return True
    return False
