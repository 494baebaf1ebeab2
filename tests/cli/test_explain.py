"""`unghost explain` answers from click to mailbox (spec R17)."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Unghost
from tests.world import World, make_world
from unghost.jobboard.reasons import delivered, sentence
from unghost.jobboard.rules.plan import Reason, State
from unghost.jobboard.rules.policy import DEFAULT, Place
from unghost.jobboard.store.explaining import Action, Delivery, Notice
from unghost.postgres import connect

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def notice(**more: Any) -> Notice:
    given: dict[str, Any] = {
        "action_id": 1, "place": "EMAIL", "state": "waiting", "reason": None, "due_at": NOW, "told_at": None,
        "attempts": 0, "attempt_at": None, "detail": None,
    }  # fmt: skip
    return Notice(**(given | more))


def action(received_at: datetime = NOW, performed_at: datetime = NOW, *, consent: bool = True) -> Action:
    return Action(
        id=1,
        action="APPLICATION_REJECTED",
        performed_at=performed_at,
        received_at=received_at,
        reported_by="Tern - Harbour & Pine",
        partner="Tern",
        consent_then=True,
        consent_stands=consent,
    )


def said(the_notice: Notice, *, now: datetime = NOW, consent: bool = True, the_action: Action | None = None) -> str:
    return sentence(the_action or action(consent=consent), the_notice, now=now)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_said_in_a_plain_sentence(reason: Reason) -> None:
    text = said(notice(state=State.WITHHELD, reason=reason))
    assert text.startswith("withheld: ") and reason not in text and len(text.split()) > 5


def test_what_is_held_says_until_when_and_whether_it_will_be_told() -> None:
    held = notice(due_at=NOW + timedelta(hours=72))
    assert said(held) == "held until 2026-11-26 12:00:00 UTC; nobody sees it before"
    assert said(held, consent=False).endswith(
        "nobody sees it before, and then it is withheld: the customer has unticked “Applicant notifications” since"
    )


def test_what_is_told_says_when_where_and_after_which_hold() -> None:
    told = notice(state=State.TOLD, told_at=NOW + timedelta(hours=72, seconds=1), due_at=NOW + timedelta(hours=72))
    assert said(told) == "handed to the mail server at 2026-11-26 12:00:01 UTC, after a hold of 72 hours"
    page = notice(state=State.TOLD, place=Place.MY_JOBS, told_at=NOW)
    assert said(page) == "shown on the page at 2026-11-23 12:00:00 UTC"


def test_a_hold_counts_from_the_later_of_receipt_and_performed_at() -> None:  # spec R16
    late = action(performed_at=NOW + timedelta(minutes=4))
    told = notice(state=State.TOLD, told_at=NOW, due_at=NOW + timedelta(minutes=4, seconds=90))
    assert said(told, the_action=late).endswith("after a hold of 90 seconds")


def test_what_is_due_says_what_it_waits_for() -> None:
    assert "is `unghost work` running?" in said(notice(), now=NOW + timedelta(seconds=5))
    tried = notice(attempts=3, attempt_at=NOW + timedelta(minutes=2))
    assert "tried 3 times, next at 2026-11-23 12:02:00 UTC" in said(tried, now=NOW + timedelta(seconds=5))


def test_what_was_put_back_says_when_and_by_whom() -> None:
    """Spec R42."""
    back = NOW + timedelta(days=4)
    text = said(notice(attempts=81, attempt_at=back, redriven_at=back), now=back + timedelta(seconds=1))
    assert "put back by an operator at 2026-11-27 12:00:00 UTC, next attempt at 2026-11-27 12:00:00 UTC" in text


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (None, "its job has no webhook"),
        ({"state": "delivered", "delivered_at": NOW}, "delivered to the ATS at 2026-11-23 12:00:00 UTC"),
        ({"state": "failed", "failures": 7}, "given up after 7 sends: `unghost redrive delivery`"),
        ({"webhook": "unverified"}, "until its webhook has answered a challenge; it is unverified"),
        ({}, "waits since 2026-11-23 12:00:00 UTC: is `unghost work` running?"),
        ({"failures": 2}, "sent 2 times in vain, again at 2026-11-23 12:00:00 UTC"),
    ],
)
def test_how_an_application_goes_to_the_ats_is_said(of: dict[str, Any] | None, says: str) -> None:
    """Spec R28."""
    given: dict[str, Any] = {
        "state": "waiting", "webhook": "verified", "failures": 0, "created_at": NOW, "attempt_at": NOW,
        "delivered_at": None, "detail": None,
    }  # fmt: skip
    assert says in delivered(None if of is None else Delivery(**(given | of)))


async def prepared(url: str) -> World:
    async with await connect(url, autocommit=True) as connection:
        world = await make_world(connection, NOW - timedelta(days=1))
        for ticked, at in ((True, NOW - timedelta(hours=3)), (False, NOW - timedelta(hours=1))):
            await connection.execute(
                """INSERT INTO jobboard.consent_ledger
                   (organization, ticked, changed_by, changed_from, wording_version, changed_at)
                   VALUES (12345, %s, 'dana@harbour.example', 'https://ats.example', '1', %s)""",
                (ticked, at),
            )
        await connection.execute("UPDATE jobboard.customer SET applicant_notifications = false")
        for name, at, state, reason in (
            ("RESUME_DOWNLOADED", NOW - timedelta(hours=4), "withheld", "no_consent"),
            ("APPLICATION_VIEWED", NOW - timedelta(hours=2), "told", None),
        ):
            await connection.execute(
                """WITH a AS (INSERT INTO jobboard.action
                       (application_number, action, performed_at, received_at, reported_by)
                       VALUES (%(number)s, %(name)s, %(at)s, %(at)s, %(child)s) RETURNING id)
                   INSERT INTO jobboard.notice
                       (action_id, place, application_number, action, state, reason, due_at, told_at)
                   SELECT id, 'MY_JOBS', %(number)s, %(name)s, %(state)s, %(reason)s, %(at)s, %(told)s FROM a""",
                {
                    "number": world.applications[0], "name": name, "at": at, "child": world.child, "state": state,
                    "reason": reason, "told": at if state == "told" else None,
                },
            )  # fmt: skip
    return world


def test_the_whole_story_is_there_with_the_consent_of_then_and_now(database_url: str, here: Unghost) -> None:
    world = asyncio.run(prepared(database_url))
    done = here("explain", str(world.applications[0]), "--json")
    read = json.loads(done.out)
    assert read["consent_now"] is False
    assert [(a["action"], a["consent_then"], a["reported_by"], a["partner"]) for a in read["actions"]] == [
        ("RESUME_DOWNLOADED", False, "Test ATS - Harbour & Pine", "Test ATS"),
        ("APPLICATION_VIEWED", True, "Test ATS - Harbour & Pine", "Test ATS"),
    ]
    assert read["actions"][0]["notices"][0]["reason"] == "no_consent"
    page = here("explain", f"urn:li:jobApplication:{world.applications[0]}").out
    assert "by Test ATS - Harbour & Pine; applicant notifications were on then" in page
    assert "off, since 2026-11-23 11:00:00 UTC by dana@harbour.example" in page


def test_an_applicants_address_and_name_are_not_said(database_url: str, here: Unghost) -> None:
    world = asyncio.run(prepared(database_url))
    for options in ((), ("--json",)):
        text = here("explain", str(world.applications[0]), *options).out
        assert "a…@applicant.example" in text or "a\\u2026@applicant.example" in text
        assert "ada@" not in text and "Ada" not in text


def test_every_action_and_place_can_be_explained(database_url: str, here: Unghost) -> None:
    world = asyncio.run(prepared(database_url))
    with psycopg.connect(database_url) as connection:
        for number, name in enumerate(DEFAULT):
            connection.execute(
                """INSERT INTO jobboard.action (application_number, action, performed_at, received_at)
                   VALUES (%s, %s, %s, %s)""",
                (world.applications[1], name, NOW + timedelta(seconds=number), NOW),
            )
    page = here("explain", str(world.applications[1])).out
    assert all(name in page for name in DEFAULT)
    assert "by the job board itself" in page and "nobody is told" in page
