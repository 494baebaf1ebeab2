"""`unghost applicant erase`, and what `unghost explain` says afterwards (spec R17, R20)."""

from __future__ import annotations

import asyncio
import json
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Unghost
from tests.jobboard.telling.board import report
from tests.world import KEY, World, make_world
from unghost.jobboard.rules.policy import REJECTED
from unghost.postgres import connect

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def world(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """A board whose key is set, with ada, whom its back end calls member-7 and who waits for a rejection."""
    monkeypatch.setenv("UNGHOST_SECRET_KEY", KEY)
    monkeypatch.setenv("UNGHOST_DATA_DIR", str(tmp_path))

    async def made() -> World:
        async with await connect(database_url, autocommit=True) as connection:
            world = await make_world(connection, NOW)
            await connection.execute(
                "UPDATE jobboard.applicant SET external_id = 'member-7' WHERE id = %s", (world.applicant,)
            )
            await report(connection, world.applications[0], REJECTED, performed_at=NOW, now=NOW)
            return world

    return asyncio.run(made())


def applicants(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        [count] = connection.execute("SELECT count(*) FROM jobboard.applicant").fetchone() or (0,)
    return int(count)


@contextmanager
def at_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> Iterator[None]:
    """Standard input is a terminal at which somebody has typed."""
    theirs, ours = pty.openpty()
    os.write(theirs, typed.encode())
    with os.fdopen(ours) as terminal, monkeypatch.context() as patched:
        patched.setattr("sys.stdin", terminal)
        yield
    os.close(theirs)


@pytest.mark.parametrize("by", ["member-7", "--application={}", "--application=urn:li:jobApplication:{}"])
def test_what_was_erased_is_counted_and_nobody_named(database_url: str, here: Unghost, world: World, by: str) -> None:
    who = by.format(world.applications[1])
    done = here("applicant", "erase", who, "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "erased: 3 applications, 0 résumés, 1 action, 1 notice, 0 deliveries; 1 of the notices had not been told\n"
    )
    assert applicants(database_url) == 1
    again = here("applicant", "erase", who, "--yes")
    assert (again.code, again.out[:17]) == (0, "erased before, at")


def test_it_is_printed_for_programs(here: Unghost, world: World) -> None:
    first, second = [json.loads(here("applicant", "erase", "member-7", "--yes", "--json").out) for _ in range(2)]
    assert first == {
        "erased": {"applications": 3, "resumes": 0, "actions": 1, "notices": 1, "waiting": 1, "deliveries": 0},
        "erased_before": None,
    }
    assert second["erased"] is None
    assert datetime.fromisoformat(second["erased_before"]) >= NOW


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["member-8", "--yes"], "no such applicant"),
        (["--application", "999", "--yes"], "no such applicant"),
        (["--yes"], "it is not clear who"),
        (["member-7", "--application", "10001", "--yes"], "it is not clear who"),
        (["--application", "ten", "--yes"], "is no jobApplication"),
        (["", "--yes"], "give a text that is not empty"),
        (["member-7"], "add --yes"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_erased(
    database_url: str, here: Unghost, world: World, arguments: list[str], said: str
) -> None:
    done = here("applicant", "erase", *arguments)
    assert done.code == 2
    assert said in done.err
    assert applicants(database_url) == 2


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 1, 2), ("\n", 1, 2), ("y\n", 0, 1)])
def test_at_a_terminal_it_asks(
    database_url: str, here: Unghost, world: World, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, left: int
) -> None:
    with at_a_terminal(monkeypatch, typed):
        done = here("applicant", "erase", "member-7")
    assert (done.code, applicants(database_url)) == (code, left)
    assert "Go on? [y/N]" in done.out


def test_without_the_boards_key_nothing_is_erased_and_no_key_made(
    database_url: str, here: Unghost, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("UNGHOST_SECRET_KEY")
    done = here("applicant", "erase", "member-7", "--yes")
    assert done.code == 2
    assert "the board's secret key is not here" in done.err
    assert (applicants(database_url), list(tmp_path.iterdir())) == (2, [])


def test_explain_tells_what_was_erased_from_what_was_never_known(
    here: Unghost, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased, unknown = str(world.applications[0]), "999"
    assert here("explain", erased).code == 0
    here("applicant", "erase", "member-7", "--yes")
    said = here("explain", erased)
    assert said.code == 2
    assert f"application {erased} was erased with its applicant at 20" in said.err
    never = "no application 999: it was never received here"
    assert here("explain", unknown).err == f"unghost: {never}\n"
    monkeypatch.delenv("UNGHOST_SECRET_KEY")
    assert here("explain", unknown).err.startswith(f"unghost: {never}, or was erased")
