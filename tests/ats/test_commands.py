"""`unghost ats …` on each database (spec R31)."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ats.conftest import DIALECTS, AtsDatabase
from tests.cli.conftest import Done
from tests.sandbox.running import environment
from unghost import ats
from unghost.ats.activity import milliseconds
from unghost.ats.store import schema
from unghost.cli import main

ON_EACH = pytest.mark.parametrize("ats_database", DIALECTS, indirect=True)
SETTINGS = """
[ats]
database_url = "env:ATS_DATABASE"
[destinations.board]
kind = "unghost"
base_url = "http://127.0.0.1:9"
"""
Command = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `unghost ats …` with settings of the test's own."""
    (tmp_path / "unghost.toml").write_text(SETTINGS, encoding="utf-8")

    def command(*arguments: str, url: str | None = None) -> Done:
        if url is not None:
            monkeypatch.setenv("ATS_DATABASE", url)
        with pytest.raises(SystemExit) as ended:
            main(["ats", *arguments, "--config", str(tmp_path / "unghost.toml")])
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return command


@ON_EACH
def test_dead_letters_are_listed_with_reason_and_remedy_and_put_back(ats_database: AtsDatabase, run: Command) -> None:
    with closing(ats_database.connect()) as connection:
        ats.record(connection, ats.viewed(4711), ats.viewed(815), ats.rejected(4712))
        connection.commit()
    ats_database.do(
        """UPDATE unghost_activity SET state = 'dead', attempt_at = NULL, reason = 'UNKNOWN_APPLICATION',
           detail = 'there is no such application' WHERE id < 3""",
        """UPDATE unghost_customer SET trouble = 'the board is away', failures = 7, attempt_at = 9000000000000
           WHERE id = 2""",
    )
    url = ats_database.url
    status = run("status", url=url)
    assert status.code == 1, "something is wrong"
    assert "the board is away (tried again in" in status.out
    listed = run("dead")
    assert "viewed at" in listed.out and "UNKNOWN_APPLICATION: there is no such application" in listed.out
    assert listed.out.count("urn:li:jobApplication:") == 2
    assert run("dead", "--organization", "67890").out.count("urn:li:jobApplication:") == 1
    assert run("dead", "--reason", "OTHER").out == "no dead letters\n"
    assert run("redrive", "--reason", "OTHER", "--organization", "12345").out.startswith("0 dead letter(s)")
    assert run("redrive", "--organization", "67890").out.startswith("1 dead letter(s) wait again; 1 customer(s)")
    assert run("redrive").out.startswith("1 dead letter(s)")
    assert {row[3] for row in ats_database.recorded()} == {"waiting"}
    assert run("status").code == 0


@ON_EACH
def test_what_is_put_off_far_ahead_is_shown_with_its_reason(ats_database: AtsDatabase, run: Command) -> None:
    with closing(ats_database.connect()) as connection:
        ats.record(connection, ats.viewed(4711, 4712))
        connection.commit()
    ats_database.do("UPDATE unghost_activity SET attempt_at = 4102444800000, detail = 'the clock is fast' WHERE id = 1")
    status = run("status", url=ats_database.url)
    line = (
        "board / urn:li:organization:12345: 1 activity put off, the last until 2100-01-01 00:00 UTC: the clock is fast"
    )
    assert line in status.out and status.code == 1
    soon = milliseconds(datetime.now(UTC) + timedelta(minutes=50))
    ats_database.do(f"UPDATE unghost_activity SET attempt_at = {soon} WHERE id = 1")
    status = run("status")
    assert "1 activity put off" in status.out and status.code == 0
    ats_database.do("UPDATE unghost_activity SET attempt_at = 1, detail = 'once put off' WHERE id = 1")
    assert "put off" not in run("status").out


@ON_EACH
def test_a_run_that_could_not_send_says_so(ats_database: AtsDatabase, run: Command) -> None:
    """spec R31: nothing listens at the board's address"""
    ats_database.do("UPDATE unghost_customer SET client_secret = 'word'")
    with closing(ats_database.connect()) as connection:
        ats.record(connection, ats.viewed(4711, 4712))
        connection.commit()
    done = run("work", "--once", url=ats_database.url)
    assert done.code == 1
    assert "turns were taken: not all that waits could be sent\n" in done.out
    assert "board / urn:li:organization:12345: 2 activities waiting, " in done.out
    assert "67890" not in done.out, "nothing of theirs waits"


@ON_EACH
def test_customers_are_added_and_given_another_client(ats_database: AtsDatabase, run: Command) -> None:
    url = ats_database.url
    if ats_database.dialect == "postgresql":  # whose identity knows nothing of the ids that the rows came with
        ats_database.do("ALTER TABLE unghost_customer ALTER COLUMN id RESTART WITH 100")
    given = ("--client-id", "new", "--client-secret", "word")
    assert "added: urn:li:organization:77 at board" in run("customer", "add", "board", "77", *given, url=url).out
    assert "given this client" in run("customer", "add", "board", "urn:li:organization:12345", *given).out
    assert ats_database.all("SELECT client_id, client_secret FROM unghost_customer WHERE organization = 12345") == [
        ("new", "word")
    ]
    listed = run("customer", "list").out
    assert "new" in listed and "77" in listed and "word" not in listed, "no secret is shown"


def test_migrate_makes_the_tables_once_and_says_what_is_there(tmp_path: Path, run: Command) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    assert run("work", "--once", url=url).err == (
        "unghost: the ATS's database lacks unghost_customer, unghost_application, unghost_activity: "
        "run `unghost ats migrate` first\n"
    )
    assert run("migrate").out.count(": created\n") == 3
    assert run("migrate").out.count(": there already\n") == 3
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert {"unghost_activity_due", "unghost_activity_line"} <= names
    assert run("work", "--once").out == "0 turns were taken: nothing more is due\n"


@ON_EACH
def test_before_migrate_every_command_says_so(ats_database: AtsDatabase, run: Command) -> None:
    ats_database.do(*schema.DROP)
    add = ("customer", "add", "board", "77", "--client-id", "new", "--client-secret", "word")
    lacks = (
        "unghost: the ATS's database lacks unghost_customer, unghost_application, unghost_activity: "
        "run `unghost ats migrate` first\n"
    )
    for command in (("status",), ("dead",), ("redrive",), ("coverage",), ("customer", "list"), add, ("relay",)):
        done = run(*command, url=ats_database.url)
        assert (done.code, done.err) == (2, lacks), command


WRONG = [
    (("customer", "add", "nowhere", "1", "--client-id", "a", "--client-secret", "b"), "nowhere is no destination"),
    (("customer", "add", "board", "x", "--client-id", "a", "--client-secret", "b"), "no organization"),
    (("customer", "add", "board", "1", "--client-id", "a", "--client-secret", "env:NONE"), "env:NONE is not set"),
    (("work", "--processes", "0"), "--processes is 0"),
    (("dead", "--organization", "12x"), "no organization"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, run: Command, arguments: tuple[str, ...], says: str
) -> None:
    done = run(*arguments, url=f"sqlite:///{tmp_path / 'any.sqlite'}")
    assert done.code == 2 and says in done.err and done.err.count("\n") == 1


def test_a_database_that_is_away_is_a_sentence(run: Command) -> None:
    done = run("status", url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert done.code == 2 and "the ATS's database does not answer" in done.err and done.err.count("\n") == 1
    done = run("status", url="oracle://nobody@127.0.0.1/none")
    assert done.code == 2 and "is not a database's URL" in done.err


def test_the_commands_start_without_the_job_boards_packages(tmp_path: Path) -> None:
    """With the extra `ats` alone (spec R29): what only a job board needs must not be looked for."""
    absent = "psycopg psycopg_pool starlette uvicorn structlog jinja2 itsdangerous aiosmtplib babel prometheus_client"
    (tmp_path / "unghost.toml").write_text(SETTINGS, encoding="utf-8")
    code = f"""import sys
sys.modules.update(dict.fromkeys({absent.split()!r}))
from unghost.ats.activity import milliseconds
from unghost.ats.store import schema
from unghost.cli import main
main(sys.argv[1:])"""
    for arguments, expected in ((("migrate",), 0), (("status",), 0), (("work", "--once"), 0), (("dead", "--x"), 2)):
        done = subprocess.run(
            [sys.executable, "-c", code, "ats", *arguments],
            cwd=tmp_path,
            env=environment(ATS_DATABASE="sqlite:///ats.sqlite"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == expected, done.stderr
        assert "Traceback" not in done.stderr
