"""The embedded PostgreSQL: whoever runs it, however it ends, nothing is lost and nothing is left (spec R40)."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from unghost.postgres import Embedded, PostgresError, binaries, unprivileged

# A program with an embedded server: says the URL and the server's process, runs until its input ends.
PROGRAM = """
import sys
from pathlib import Path
from unghost.postgres import Embedded, PostgresError
try:
    server = Embedded(Path(sys.argv[1]))
    print(server.start(), server.process_id or 0, flush=True)
except PostgresError as error:
    sys.exit(f"refused: {error}")
sys.stdin.read()
server.stop()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as others")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux")


def rows(url: str) -> list[tuple[int]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT n FROM kept ORDER BY n").fetchall()


def keep_row(url: str, n: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [n])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(data_dir: Path) -> None:
    """Every process of the server holds this lock."""
    with (data_dir / "postgres" / "alive.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def program(data_dir: Path, *before: str) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    command = [*before, sys.executable, "-c", PROGRAM, str(data_dir)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as running:
        try:
            assert running.stdout and running.stderr
            said = running.stdout.readline().split()
            assert said, running.stderr.read()
            yield running, said[0], int(said[1])
        finally:
            if running.poll() is None:
                running.communicate(timeout=60)


def without_capability(data_dir: Path, number: int) -> str:
    """What the program says when root's capabilities lack one of them."""
    drop = (
        "import ctypes, os, sys\n"
        f"assert ctypes.CDLL(None).prctl(24, {number}, 0, 0, 0) == 0\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", drop, sys.executable, "-c", PROGRAM, str(data_dir)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL).stderr


def as_user(uid: int) -> list[str]:
    """Begins a command that runs as another user, who may pass through root's private folders."""
    return [sys.executable, "-I", "-S", unprivileged.__file__, str(os.getpid()), str(uid), str(uid)]


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    with Embedded(tmp_path) as url:
        keep_row(url, 1)
    with Embedded(tmp_path) as url:
        assert rows(url) == [(1,)]


def test_it_is_reached_by_a_private_socket_only(tmp_path: Path) -> None:
    with Embedded(tmp_path) as url, psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    for folder in ("", "socket", "cluster"):
        assert stat.S_IMODE((tmp_path / "postgres" / folder).stat().st_mode) == 0o700


def test_sql_can_neither_read_files_nor_run_programs(tmp_path: Path) -> None:
    with Embedded(tmp_path) as url:
        for statement in (b"COPY (SELECT 1) TO PROGRAM 'true'", b"SELECT pg_read_file('/etc/passwd')"):
            with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_killed_server_recovers_although_its_process_number_is_used_again(tmp_path: Path) -> None:
    server = Embedded(tmp_path)
    url = server.start()
    keep_row(url, 1)
    assert server.process_id
    os.kill(server.process_id, signal.SIGKILL)
    wait_until_gone(tmp_path)
    server.stop()
    trace = tmp_path / "postgres" / "cluster" / "postmaster.pid"
    lines = trace.read_text().splitlines(keepends=True)
    trace.write_text(f"{os.getpid()}\n" + "".join(lines[1:]))
    with Embedded(tmp_path) as url:
        assert rows(url) == [(1,)]


@on_linux
def test_a_program_killed_with_minus_9_leaves_no_server_and_loses_no_row(tmp_path: Path) -> None:
    with program(tmp_path) as (running, url, server):
        keep_row(url, 1)
        assert alive(server)
        running.kill()
        running.wait()
        wait_until_gone(tmp_path)
    assert not (tmp_path / "postgres" / "cluster" / "postmaster.pid").exists()
    with Embedded(tmp_path) as url:
        assert rows(url) == [(1,)]


def test_the_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    server = Embedded(tmp_path)
    urls: list[str] = []
    thread = threading.Thread(target=lambda: urls.append(server.start()))
    thread.start()
    thread.join()
    keep_row(urls[0], 1)
    assert rows(urls[0]) == [(1,)]
    server.stop()


def test_a_second_program_uses_the_running_server_and_leaves_it_running(tmp_path: Path) -> None:
    with Embedded(tmp_path) as url:
        second = Embedded(tmp_path)
        assert second.start() == url
        assert second.process_id is None
        second.stop()
        keep_row(url, 1)
        with program(tmp_path) as (_, theirs, server):
            assert (theirs, server) == (url, 0)
        assert rows(url) == [(1,)]


def test_programs_that_start_at_once_share_one_server(tmp_path: Path) -> None:
    with program(tmp_path) as (_, url, server), program(tmp_path) as (_, other, none):
        assert (other, none) == (url, 0)
        assert alive(server)
    # Truly at once: whoever comes first starts it, the others find it.
    servers = [Embedded(tmp_path) for _ in range(4)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(server.process_id is not None for server in servers) == 1
    for one in servers:
        one.stop()


def test_a_folder_that_only_its_owner_may_enter_stays_that_way(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    before = private.stat()
    with Embedded(private / "data") as url:
        keep_row(url, 1)
    after = private.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert list(private.iterdir()) == [private / "data"]


def test_it_runs_from_programs_in_a_folder_that_only_its_owner_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    version, programs = max(binaries.installed().items())
    installation, wheel = programs.parent, programs.parents[1]
    copy = private / wheel.name / installation.name
    shutil.copytree(installation, copy, ignore=shutil.ignore_patterns("*.a", "include"))
    shutil.copytree(wheel.with_suffix(".libs"), private / f"{wheel.name}.libs")
    monkeypatch.setattr(binaries, "installed", lambda: {version: copy / "bin"})
    with Embedded(tmp_path / "data") as url:
        keep_row(url, 1)


def test_a_path_too_long_for_a_socket_gets_a_private_one_that_is_removed(tmp_path: Path) -> None:
    server = Embedded(tmp_path / ("long" * 30) / "with, comma")
    with server as url:
        folder = server._socket_folder()
        assert server.home not in folder.parents
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        keep_row(url, 1)
    assert not folder.exists()


@as_root
def test_root_runs_it_as_the_owner_of_the_data(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with program(tmp_path, *as_user(65534)) as (_, url, server):
        keep_row(url, 1)
        assert Path(f"/proc/{server}").stat().st_uid == 65534
    with Embedded(tmp_path) as url:
        assert rows(url) == [(1,)]
    with program(tmp_path, *as_user(65534)) as (_, url, _):
        assert rows(url) == [(1,)]


@as_root
@on_linux
def test_a_user_without_an_account_can_run_it() -> None:
    initdb = binaries.of_cluster(None) / "initdb"
    may = subprocess.run([*as_user(54321), "/usr/bin/unshare", "--user", initdb, "--version"], capture_output=True)
    if may.returncode:
        pytest.skip("this machine has no user namespaces for users, or hides the programs from them")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 54321, 54321)
        with program(Path(folder), *as_user(54321)) as (_, url, _):
            keep_row(url, 1)
        assert (Path(folder) / "postgres" / "cluster").stat().st_uid == 54321


@as_root
@on_linux
@pytest.mark.parametrize(("number", "said"), [(1, "CAP_DAC_OVERRIDE"), (7, "root may not become user")])
def test_a_root_without_its_powers_is_told_what_to_do(tmp_path: Path, number: int, said: str) -> None:
    message = without_capability(tmp_path, number)
    assert message.startswith("refused: ")
    assert said in message
    assert "run unghost as a normal user or give UNGHOST_DATABASE_URL" in message
    assert message.count("\n") == 1


def test_data_of_another_major_version_is_left_alone(tmp_path: Path) -> None:
    with Embedded(tmp_path):
        pass
    (tmp_path / "postgres" / "cluster" / "PG_VERSION").write_text("13\n")
    with pytest.raises(PostgresError, match=r"made by PostgreSQL 13 .* dump it with version 13"):
        Embedded(tmp_path).start()


@pytest.mark.parametrize("lost", ["PG_VERSION", "global/pg_control", "pg_wal"])
def test_damaged_data_is_told_as_such(tmp_path: Path, lost: str) -> None:
    with Embedded(tmp_path):
        pass
    cluster = tmp_path / "postgres" / "cluster"
    (cluster / lost).rename(tmp_path / "lost")
    with pytest.raises(PostgresError, match="restore it from a backup or move it away"):
        Embedded(tmp_path).start()


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with Embedded(tmp_path) as url:
        keep_row(url, 1)
    assert not unfinished.exists()


def test_a_data_directory_that_is_a_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(PostgresError, match=r"data.* is not a directory: choose another data directory"):
        Embedded(tmp_path / "data").start()
