"""`unghost audit` and `unghost redrive` (spec R41, R42)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest

from tests.cli.conftest import Unghost
from tests.jobboard.operator.rows import delivery, gave_up, webhook
from tests.world import World, make_world
from unghost.clock import SystemClock
from unghost.jobboard.rules.policy import SUBMITTED, VIEWED
from unghost.postgres import connect

DAY = timedelta(days=1)


async def _prepared(url: str) -> World:
    """A view of ten days ago and a submission of yesterday whose mails were given up; a delivery that failed."""
    now = SystemClock().now()
    async with await connect(url, autocommit=True) as connection:
        world = await make_world(connection, now - 90 * DAY)
        await gave_up(connection, world.applications[0], VIEWED, at=now - 10 * DAY)
        await gave_up(connection, world.applications[1], SUBMITTED, at=now - DAY)
        await delivery(connection, world.applications[2], await webhook(connection, world, "blocked"))
    return world


def prepared(url: str) -> World:
    return asyncio.run(_prepared(url))


def waiting(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT application_number FROM jobboard.notice WHERE state = 'waiting' AND redriven_at IS NOT NULL"
        ).fetchall()
    return sorted(number for (number,) in rows)


def test_audit_is_silent_on_a_board_in_order(database_url: str, here: Unghost) -> None:
    prepared(database_url)
    done = here("audit")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("nothing is stuck, early, double or lost")
    assert json.loads(here("audit", "--json").out)["findings"] == []


def test_audit_says_what_is_stuck_and_exits_with_1(database_url: str, here: Unghost) -> None:
    world = prepared(database_url)
    assert here("redrive", "mail").code == 0
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE jobboard.notice SET attempt_at = attempt_at - interval '1 hour' WHERE action = 'APPLICATION_VIEWED'"
        )
    done = here("audit")
    assert done.code == 1
    assert done.out.count("\n") == 1
    assert "no dispatcher has tried again" in done.out and "`unghost work`" in done.out
    [finding] = json.loads(here("audit", "--json").out)["findings"]
    assert finding["check"] == "abandoned"
    assert finding["application"] == f"urn:li:jobApplication:{world.applications[0]}"
    assert here("audit", "--late", "2h").code == 0
    assert "such as 72h" in here("audit", "--late", "soon").err


def test_redrive_lists_first_and_then_puts_back_what_fits(database_url: str, here: Unghost) -> None:
    world = prepared(database_url)
    listed = here("redrive", "mail", "--dry-run").out
    assert f"APPLICATION_VIEWED, application {world.applications[0]} of Harbour & Pine (12345)" in listed
    assert "552 5.2.2 mailbox is full" in listed and "2 mails would be put back" in listed
    assert waiting(database_url) == []
    done = here("redrive", "mail", "--newer-than", "7d")
    assert done.out == "1 mail put back\n"
    assert "redriven" in done.err and "operator" in done.err and "@" not in done.err
    assert waiting(database_url) == [world.applications[1]]
    assert here("redrive", "mail", "--customer", "67890").out == "0 mails put back\n"
    assert here("redrive", "mail", "--action", "APPLICATION_VIEWED").out == "1 mail put back\n"
    assert waiting(database_url) == world.applications[:2]
    assert here("redrive", "mail", "--dry-run").out == "none\n"


def test_redrive_puts_deliveries_and_webhooks_back(database_url: str, here: Unghost) -> None:
    """Spec R28."""
    world = prepared(database_url)
    number = str(world.applications[2])
    assert "answered 500; want 200" in here("redrive", "delivery", "--dry-run").out
    assert here("redrive", "delivery", "--application", f"urn:li:jobApplication:{number}").out == (
        "1 application put back\n"
    )
    assert "given up" not in here("explain", number).out
    assert "waits until its webhook has answered a challenge; it is blocked" in here("explain", number).out
    assert here("redrive", "webhook").out == "1 webhook put back\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("webhook", "--application", "1"), "--customer"),
        (("delivery", "--action", "APPLICATION_VIEWED"), "mails only"),
        (("mail", "--newer-than", "lately"), "such as 72h"),
        (("mail", "--customer", "x"), "digits"),
        (("letters",), "mail"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(here: Unghost, arguments: tuple[str, ...], says: str) -> None:
    done = here("redrive", *arguments)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1


def test_doctor_says_what_logs_call_each_operator(here: Unghost, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "UNGHOST_OPERATORS names some" in " ".join(here("doctor").out.split())
    monkeypatch.setenv("UNGHOST_OPERATORS", "Dana@board.example")
    assert "dana@board.example (op-099495c27a86 in logs)" in " ".join(here("doctor").out.split())
