"""Who is told what: each row of the table, each reason, and what holds for any history (spec R13-R18)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from unghost.jobboard.rules.plan import Facts, Planned, Reason, Standing, State, after, objection, plan
from unghost.jobboard.rules.policy import DEFAULT, DOWNLOADED, REJECTED, SUBMITTED, VIEWED, Place, policy, reportable

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CONSENTS = Facts(consent=True, holds={})
HOURS_72 = timedelta(hours=72)


def planned(action: str, facts: Facts = CONSENTS, performed_at: datetime = NOW) -> tuple[Planned, ...]:
    return plan(action, performed_at, NOW, facts, DEFAULT)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (SUBMITTED, [("EMAIL", "waiting", 0), ("JOB_POSTING", "told", 0), ("MY_JOBS", "told", 0)]),
        (VIEWED, [("EMAIL", "waiting", 0), ("JOB_POSTING", "told", 0), ("MY_JOBS", "told", 0)]),
        (DOWNLOADED, [("JOB_POSTING", "told", 0), ("MY_JOBS", "told", 0)]),
        (REJECTED, [("EMAIL", "waiting", 72)]),
    ],
)
def test_each_row_of_the_seeds_table(action: str, expected: list[tuple[str, str, int]]) -> None:
    assert planned(action) == tuple(
        Planned(Place(place), State(state), NOW + timedelta(hours=hours)) for place, state, hours in expected
    )


def test_only_what_an_ats_does_may_be_reported_and_the_newest_kinds_only_when_enabled() -> None:
    assert reportable(DEFAULT) == (VIEWED, DOWNLOADED, REJECTED)
    assert "APPLICATION_HIRED" in reportable(policy(enabled=frozenset({"APPLICATION_HIRED"})))


def test_without_consent_all_is_withheld_but_the_boards_own_action_is_told() -> None:
    facts = replace(CONSENTS, consent=False)
    assert {n.reason for n in planned(VIEWED, facts)} == {Reason.NO_CONSENT}
    assert [n.reason for n in planned(SUBMITTED, facts)] == [None, None, None]


def test_the_hold_counts_from_the_later_of_receipt_and_performance() -> None:
    assert planned(REJECTED, performed_at=NOW - timedelta(days=9))[0].due_at == NOW + HOURS_72
    ahead = NOW + timedelta(minutes=4)
    assert planned(REJECTED, performed_at=ahead)[0].due_at == ahead + HOURS_72


def test_a_customer_and_a_deployment_can_have_holds_and_places_of_their_own() -> None:
    facts = replace(CONSENTS, holds={REJECTED: 3600, VIEWED: 60})
    assert planned(REJECTED, facts)[0].due_at == NOW + timedelta(hours=1)
    assert {(n.state, n.due_at) for n in planned(VIEWED, facts)} == {(State.WAITING, NOW + timedelta(minutes=1))}
    own = policy(places={REJECTED: (Place.EMAIL, Place.MY_JOBS)}, holds={REJECTED: timedelta(hours=96)})
    notices = plan(REJECTED, NOW, NOW, CONSENTS, own)
    assert [(n.place, n.due_at) for n in notices] == [
        (Place.EMAIL, NOW + timedelta(hours=96)),
        (Place.MY_JOBS, NOW + timedelta(hours=96)),
    ]


@pytest.mark.parametrize("stored", ["72h", -1, 1.5, True, [], 10**30])
def test_a_hold_that_cannot_be_read_tells_nothing(stored: object) -> None:
    facts = replace(CONSENTS, holds={REJECTED: stored})
    assert [(n.state, n.reason) for n in planned(REJECTED, facts)] == [(State.WITHHELD, Reason.HOLD_UNREADABLE)]


@pytest.mark.parametrize("bad", [{"holds": {"NO_SUCH": HOURS_72}}, {"holds": {VIEWED: -HOURS_72}}])
def test_a_policy_that_makes_no_sense_is_refused(bad: dict[str, dict[str, timedelta]]) -> None:
    with pytest.raises(ValueError, match=r"NO_SUCH|APPLICATION_VIEWED"):
        policy(**bad)  # type: ignore[arg-type]


def test_a_view_later_than_a_told_rejection_is_withheld() -> None:
    facts = replace(CONSENTS, decided_at=NOW - timedelta(days=1))
    assert {n.reason for n in planned(VIEWED, facts)} == {Reason.AFTER_DECISION}


STANDING = Standing(
    action=VIEWED,
    place=Place.EMAIL,
    performed_at=NOW,
    due_at=NOW,
    consent=True,
    decided_at=None,
    viewed_mails=True,
    status_mails=True,
    mail_suppressed=False,
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"consent": False}, Reason.CONSENT_WITHDRAWN),
        ({"consent": False, "action": SUBMITTED}, None),
        ({"decided_at": NOW - timedelta(hours=1)}, Reason.AFTER_DECISION),
        ({"viewed_mails": False}, Reason.TURNED_OFF),
        ({"status_mails": False}, Reason.TURNED_OFF),
        ({"status_mails": False, "viewed_mails": False, "action": REJECTED}, None),
        ({"status_mails": False, "place": Place.MY_JOBS}, None),
        ({"mail_suppressed": True, "action": SUBMITTED}, Reason.ADDRESS_SUPPRESSED),
    ],
)
def test_what_may_have_changed_until_a_notice_is_told(change: dict[str, object], reason: Reason | None) -> None:
    assert objection(replace(STANDING, **change), NOW, DEFAULT) is reason


def test_asking_before_the_hold_has_ended_is_an_error_not_a_yes() -> None:
    with pytest.raises(ValueError, match="before its hold"):
        objection(STANDING, NOW - timedelta(microseconds=1), DEFAULT)


# Any history: reports in any order and repetition, consent given and taken back, time passing, mails told late.
events = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.sampled_from([VIEWED, DOWNLOADED, REJECTED]), st.integers(-100, 0)),
        st.tuples(st.just("consent"), st.booleans(), st.just(0)),
        st.tuples(st.just("hours"), st.integers(1, 100), st.just(0)),
        st.tuples(st.just("tell"), st.just(""), st.just(0)),
    ),
    max_size=40,
)


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(days=9)])
def test_a_late_view_from_before_a_decision_that_was_told_is_shown_on_pages_and_not_mailed(earlier: timedelta) -> None:
    """A mail is read when it comes (spec R18)."""
    facts, performed_at = replace(CONSENTS, decided_at=NOW), NOW - earlier
    assert [(n.place, n.state, n.reason) for n in planned(VIEWED, facts, performed_at)] == [
        (Place.EMAIL, State.WITHHELD, Reason.AFTER_DECISION),
        (Place.JOB_POSTING, State.TOLD, None),
        (Place.MY_JOBS, State.TOLD, None),
    ]
    waited = replace(STANDING, performed_at=performed_at, decided_at=NOW, due_at=NOW)
    assert objection(replace(waited, place=Place.EMAIL), NOW, DEFAULT) is Reason.AFTER_DECISION
    assert objection(replace(waited, place=Place.MY_JOBS), NOW, DEFAULT) is None
    assert objection(replace(waited, action=SUBMITTED, place=Place.EMAIL), NOW, DEFAULT) is None
    assert objection(replace(waited, action=REJECTED, place=Place.EMAIL), NOW, DEFAULT) is None


@given(events)
def test_any_history_tells_nothing_twice_nothing_early_nothing_unconsented_and_forgets_nothing(
    history: list[tuple[str, object, int]],
) -> None:
    now, consent = NOW, True
    facts = CONSENTS
    stored: list[dict[str, object]] = []
    told: list[tuple[str, Place]] = []
    for kind, what, hours in history:
        if kind == "hours":
            now += timedelta(hours=int(what))  # type: ignore[call-overload]
        elif kind == "consent":
            consent = bool(what)
        elif kind == "report":
            action, performed_at = str(what), now + timedelta(hours=hours)
            facts = replace(facts, consent=consent)
            notices = plan(action, performed_at, now, facts, DEFAULT)
            assert [n.place for n in notices] == list(DEFAULT[action].places)
            facts = after(facts, action, performed_at, notices, DEFAULT)
            for n in notices:
                assert (n.state is State.WITHHELD) == (n.reason is not None)
                assert n.due_at >= max(now, performed_at) + DEFAULT[action].hold
                if n.state is State.TOLD:
                    assert consent
                    told.append((action, n.place))
                if n.state is State.WAITING:
                    stored.append({"action": action, "performed_at": performed_at, "notice": n})
        else:
            waiting, stored = stored, []
            for row in waiting:
                notice, action = row["notice"], str(row["action"])
                assert isinstance(notice, Planned)
                if notice.due_at > now:
                    stored.append(row)
                    continue
                standing = replace(
                    STANDING,
                    action=action,
                    place=notice.place,
                    performed_at=row["performed_at"],
                    due_at=notice.due_at,
                    consent=consent,
                    decided_at=facts.decided_at,
                )
                if objection(standing, now, DEFAULT) is None:
                    assert consent
                    told.append((action, notice.place))
                    if DEFAULT[action].decides:
                        facts = replace(facts, decided_at=standing.performed_at)
                else:
                    facts = replace(facts, spoken_for=facts.spoken_for - {(action, str(notice.place))})
    assert len(told) == len(set(told))
    assert (REJECTED, Place.JOB_POSTING) not in told
    assert (REJECTED, Place.MY_JOBS) not in told
