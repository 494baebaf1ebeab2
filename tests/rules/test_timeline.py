"""What pages may show of an application, and in which order (spec R16, R18)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from unghost.jobboard.rules.plan import State
from unghost.jobboard.rules.policy import DEFAULT, DOWNLOADED, REJECTED, SUBMITTED, VIEWED, Place
from unghost.jobboard.rules.timeline import Noticed, Stop, timeline

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def noticed(
    action: str,
    performed_at: datetime,
    state: State = State.TOLD,
    due_at: datetime | None = None,
    *,
    consent: bool = True,
) -> Noticed:
    return Noticed(action, Place.MY_JOBS, state, due_at or performed_at, performed_at, consent)


def shown(*rows: Noticed, decided_at: datetime | None = None, now: datetime = NOW) -> list[str]:
    return [stop.action for stop in timeline(rows, decided_at=decided_at, now=now, policy=DEFAULT)]


def test_stops_are_in_the_order_in_which_things_happened_however_the_reports_came() -> None:
    submitted = noticed(SUBMITTED, NOW - 9 * HOUR)
    viewed = noticed(VIEWED, NOW - 5 * HOUR)
    downloaded = noticed(DOWNLOADED, NOW - 6 * HOUR)
    assert shown(viewed, submitted, downloaded) == [SUBMITTED, DOWNLOADED, VIEWED]
    assert timeline([viewed], decided_at=None, now=NOW, policy=DEFAULT) == (Stop(VIEWED, NOW - 5 * HOUR),)


def test_nothing_happens_before_the_submission_whatever_the_ats_clock_says() -> None:
    assert shown(noticed(VIEWED, NOW - 10 * HOUR), noticed(SUBMITTED, NOW - 9 * HOUR)) == [SUBMITTED, VIEWED]


def test_at_the_same_moment_the_policys_order_decides() -> None:
    assert shown(noticed(DOWNLOADED, NOW), noticed(VIEWED, NOW)) == [VIEWED, DOWNLOADED]


def test_a_held_notice_is_not_shown_until_the_very_moment_its_hold_ends() -> None:
    """Spec R16."""
    held = noticed(REJECTED, NOW - HOUR, State.WAITING, NOW)
    assert shown(held, now=NOW - timedelta(microseconds=1)) == []
    assert shown(held, now=NOW) == [REJECTED]


def test_a_due_notice_is_shown_while_no_dispatcher_runs_if_the_customers_consent_stands() -> None:
    """Spec R15."""
    assert shown(noticed(VIEWED, NOW - HOUR, State.WAITING)) == [VIEWED]
    assert shown(noticed(VIEWED, NOW - HOUR, State.WAITING, consent=False)) == []
    assert shown(noticed(SUBMITTED, NOW - HOUR, State.WAITING, consent=False)) == [SUBMITTED]


def test_what_was_told_stays_when_consent_is_withdrawn() -> None:
    assert shown(noticed(VIEWED, NOW - HOUR, consent=False)) == [VIEWED]


def test_a_due_view_after_a_decision_that_was_told_is_not_shown() -> None:
    """Spec R18."""
    due = noticed(VIEWED, NOW - HOUR, State.WAITING)
    assert shown(due, decided_at=NOW - 2 * HOUR) == []
    assert shown(due, decided_at=NOW) == [VIEWED]


def test_withheld_and_unknown_are_not_shown() -> None:
    assert shown(noticed(VIEWED, NOW - HOUR, State.WITHHELD)) == []
    assert shown(noticed("APPLICATION_LOST", NOW - HOUR, State.WAITING)) == []


MOMENTS = st.integers(-100, 100).map(lambda hours: NOW + hours * HOUR)
ROWS = st.builds(
    Noticed,
    action=st.sampled_from([SUBMITTED, VIEWED, DOWNLOADED, REJECTED]),
    place=st.sampled_from([Place.MY_JOBS, Place.JOB_POSTING]),
    state=st.sampled_from(list(State)),
    due_at=MOMENTS,
    performed_at=MOMENTS,
    consent=st.booleans(),
)


@given(rows=st.lists(ROWS))
def test_nothing_held_is_ever_shown_and_the_order_of_rows_does_not_matter(rows: list[Noticed]) -> None:
    held = {
        (row.action, row.performed_at)
        for row in rows
        if row.state is not State.TOLD and (row.due_at > NOW or row.state is State.WITHHELD)
    }
    open_to_see = {
        (row.action, row.performed_at)
        for row in rows
        if row.state is State.TOLD or (row.state is State.WAITING and row.due_at <= NOW)
    }
    stops = timeline(rows, decided_at=None, now=NOW, policy=DEFAULT)
    assert {(stop.action, stop.performed_at) for stop in stops}.isdisjoint(held - open_to_see)
    assert timeline(rows[::-1], decided_at=None, now=NOW, policy=DEFAULT) == stops
    reported = [stop.performed_at for stop in stops if stop.action != SUBMITTED]
    assert reported == sorted(reported)
