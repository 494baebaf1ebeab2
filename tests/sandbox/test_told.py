"""What a test may claim of notices, judged without a sandbox (spec R38)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies

from unghost.sandbox import told
from unghost.sandbox.duration import BadDuration, duration, written
from unghost.sandbox.told import Mail, Seen

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
VIEWED = "APPLICATION_VIEWED"


def notice(place: str, state: str = "told", reason: str | None = None, at: datetime = NOW) -> dict[str, Any]:
    """A notice as the control server explains it."""
    return {"place": place, "state": state, "reason": reason, "sentence": f"is {state}", "told_at": at.isoformat()}


def report(number: int, *notices: dict[str, Any], received: datetime = NOW, by: str | None = "Tern") -> dict[str, Any]:
    """A report with its notices."""
    moments = dict.fromkeys(("performed_at", "received_at"), received.isoformat())
    return {"id": number, "action": VIEWED, "reported_by": by, "notices": list(notices)} | moments


def mail(about: int) -> Mail:
    """A mail about a report."""
    return Mail("kim@example.org", "viewed", "", "", {"Message-ID": f"<notice-{about}-email.00@example.org>"}, NOW, 1)


def seen(*actions: dict[str, Any], mails: list[Mail] | None = None) -> Seen:
    """What is known of an application."""
    known = {"application": "urn:li:jobApplication:7", "consent_now": True, "customer": "Pine", "actions": actions}
    return Seen(known, mails, NOW)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (seen(report(1, notice("EMAIL"))), None),
        (seen(report(1, notice("EMAIL")), mails=[mail(1), mail(11)]), None),
        (seen(report(1, notice("EMAIL")), report(2, notice("EMAIL", "withheld", "already_told"))), None),
        (seen(report(1, notice("EMAIL")), report(2, notice("EMAIL"))), "was told 2 times in EMAIL"),
        (seen(report(1, notice("EMAIL")), mails=[]), "should have 1 mail about it and has 0"),
        (seen(report(1, notice("EMAIL")), mails=[mail(1), mail(1)]), "should have 1 mail about it and has 2"),
        (seen(report(1, notice("EMAIL"), notice("MY_JOBS", "waiting"))), "was not told: MY_JOBS is waiting"),
        (seen(report(1)), "was not told: this board tells it in no place"),
    ],
)
def test_once_means_once_in_each_place_and_one_mail(known: Seen, said: str | None) -> None:
    assert told.told_once(known, VIEWED) == said


def test_not_told_means_no_notice_and_no_mail() -> None:
    withheld = report(1, notice("EMAIL", "withheld", "no_consent"))
    assert told.not_told(seen(withheld), VIEWED, "no_consent") is None
    assert told.not_told(seen(report(1, notice("EMAIL"), by=None)), None, None) is None  # the board's own is not meant
    assert str(told.not_told(seen(withheld), VIEWED, "noconsent")).startswith(
        "was not told, but for 'no_consent', not for 'noconsent': EMAIL "
    )
    held = seen(report(1, notice("EMAIL", "waiting")))
    assert str(told.not_told(held, VIEWED, "no_consent")).startswith(
        "was not told, but is waiting, not for 'no_consent'"
    )
    assert told.not_told(seen(withheld, mails=[mail(1)]), VIEWED, None) == "got 1 mail: 'viewed'"


def test_a_hold_begins_at_the_later_of_receipt_and_performed_at() -> None:  # spec R16
    later = NOW + timedelta(minutes=3)
    ahead = report(1, notice("EMAIL", "waiting")) | {"performed_at": later.isoformat()}
    assert told.held(seen(ahead), VIEWED) == (later, None)
    late = report(2, notice("EMAIL", "waiting"), received=later)
    assert told.held(seen(late, ahead), VIEWED) == (later, None)


def test_later_than_due_is_not_on_time() -> None:
    hour = timedelta(hours=1)
    for waited, on_time in ((hour, True), (hour - timedelta(milliseconds=1), False), (hour * 2, False)):
        known = seen(report(1, notice("EMAIL", at=NOW + waited)))
        assert (told.told_at(known, VIEWED, NOW, hour) is None) is on_time


@given(strategies.timedeltas(min_value=timedelta(0), max_value=timedelta(days=999_999)))
def test_a_time_is_read_as_it_was_written_to_the_millisecond(time: timedelta) -> None:
    assert duration(written(time)) == time - time % timedelta(milliseconds=1)


@pytest.mark.parametrize("given_", ["", "72", "1h ", "1h\n", "-1h", "h", "١h", "1.5h", "9999999h"])
def test_what_is_no_time_is_refused(given_: str) -> None:
    with pytest.raises(BadDuration, match="such as 72h or 1h30m"):
        duration(given_)
