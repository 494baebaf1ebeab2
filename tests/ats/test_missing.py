"""What is missing in the outbox of one application (spec R33): stages, moments, and which gaps may be filled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unghost.ats import history, stages
from unghost.ats.activity import UNDOING, Kind
from unghost.ats.missing import Happened, Known, missing

V, D, R, U, W = Kind.VIEWED, Kind.RESUME_DOWNLOADED, Kind.REJECTED, Kind.UNREJECTED, Kind.CANDIDATE_WITHDREW
MS = 1_795_597_200_000


def found(happened: list[tuple[Kind, int]], outbox: list[tuple[Kind, int]], *gone: int) -> list[tuple[Kind, int]]:
    """`gone`: the moments of what was cancelled or withdrawn."""
    gaps = missing(
        [Happened(kind, at, "stage") for kind, at in happened], [Known(k, at, at not in gone) for k, at in outbox], 10
    )
    return [(each.kind, each.at) for each in gaps]


def test_each_occurrence_is_looked_for_within_the_tolerance() -> None:
    assert found([(V, 100), (V, 105), (V, 300)], [(V, 110)]) == [(V, 105), (V, 300)]
    assert found([(V, 100)], [(V, 111)]) == [(V, 100)]
    assert found([(V, 100), (V, 100)], [(V, 100), (V, 90)]) == []
    assert found([(V, 100)], [(D, 100)]) == [(V, 100)]
    assert found([(Kind.RESUME_DISPLAYED, 100)], [(D, 100)]) == [], "the same word on the wire"


def test_a_rejection_that_was_undone_is_not_missed() -> None:
    assert found([(R, 100), (U, 200)], []) == []
    assert found([(R, 100), (U, 200)], [(U, 200)]) == [], "recorded now it would be told, for its undoing came before"
    assert found([(R, 100), (W, 200), (R, 300)], []) == [(R, 300)]


def test_an_undoing_is_missed_where_a_rejection_stands_and_never_undoes_a_later_one() -> None:
    assert found([(R, 100), (U, 200)], [(R, 100)]) == [(U, 200)]
    assert found([(R, 100), (U, 200)], [(R, 100)], 100) == [], "the rejection was cancelled already"
    assert found([(U, 200)], []) == [], "it would undo nothing"
    assert found([(R, 100), (U, 200), (R, 300)], [(R, 100), (R, 300)]) == [], "it would undo the later rejection"
    assert found([(R, 100), (U, 200), (R, 300)], [(R, 100)]) == [(U, 200), (R, 300)]


def standing(activities: list[tuple[Kind, int]]) -> bool:
    """Whether a rejection stands after these, worked off in this order."""
    decisions = [kind for kind, _ in activities if kind == R or kind in UNDOING]
    return bool(decisions) and decisions[-1] == R


@given(st.lists(st.tuples(st.sampled_from([V, D, R, U, W]), st.booleans()), max_size=12))
def test_filling_the_gaps_leaves_every_applicant_where_the_history_has_them(acts: list[tuple[Kind, bool]]) -> None:
    happened = [(kind, 1000 * nth) for nth, (kind, _) in enumerate(acts, 1)]
    outbox = [each for each, (_, is_recorded) in zip(happened, acts, strict=True) if is_recorded]
    gaps = found(happened, outbox)
    assert gaps == sorted(gaps, key=lambda gap: gap[1])
    assert standing(outbox + gaps) == standing(happened)
    assert found(happened, outbox + gaps) == [], "once more adds nothing"
    assert {gap for gap in happened if gap[0] in (V, D)} <= set(outbox + gaps), "views and downloads are all there"


def test_a_moment_is_read_as_databases_give_it() -> None:
    berlin = history.read({"query": "SELECT 1", "time_zone": "Europe/Berlin"})
    assert berlin is not None
    aware = datetime(2026, 11, 25, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    for given_ in (MS, Decimal(MS), float(MS), "2026-11-25T09:00:00Z", "2026-11-25 10:00:00+01:00", aware):
        assert history.moment(given_, None) == MS
    assert history.moment(datetime(2026, 11, 25, 10, 0), berlin.zone) == MS  # noqa: DTZ001
    assert history.moment(" 2026-11-25 10:00 ", berlin.zone) == MS
    assert history.moment(aware, berlin.zone) == MS


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        (datetime(2026, 11, 25, 10, 0), 'without a time zone: say which one it is in, e.g. time_zone = "UTC"'),  # noqa: DTZ001
        ("2026-11-25 10:00:00", "without a time zone"),
        ("yesterday", "select milliseconds"),
        (MS // 1000, "seconds times 1000"),
        (float("nan"), "seconds times 1000"),
        (10**18, "seconds times 1000"),
        (None, "NoneType"),
        (True, "bool"),
        (datetime(2026, 11, 25, tzinfo=UTC).date(), "of the type date"),
    ],
)
def test_a_moment_that_cannot_be_told_is_refused_with_a_remedy(given_: Any, says: str) -> None:
    with pytest.raises(history.HistoryError, match=says):
        history.moment(given_, None)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"query": "DELETE FROM candidate"}, "no query"),
        ({}, "no query"),
        ({"query": "SELECT 1", "zone": "UTC"}, "history.zone is not a setting"),
        ({"query": "SELECT 1", "time_zone": "Nowhere/At all"}, "history.time_zone"),
        ({"query": "SELECT 1", "time_zone": "/etc/passwd"}, "history.time_zone"),
        ({"query": "SELECT 1", "tolerance": "60"}, "history.tolerance"),
        ({"query": "SELECT 1", "since": "2026-11-01"}, "history.since is 2026-11-01T00:00:00 without a time zone"),
    ],
)
def test_a_history_that_cannot_be_used_is_refused(table: dict[str, Any], says: str) -> None:
    with pytest.raises(history.HistoryError, match=says):
        history.read(table)


def test_stages_are_mapped_several_to_one_and_some_to_nothing() -> None:
    read = stages.read({"Screening": "viewed", "Sichtung": "viewed", "Abgelehnt": "rejected", "Interview": "nothing"})
    assert read.reported() == {"Screening": V, "Sichtung": V, "Abgelehnt": R}
    assert [read.kind(stage) for stage in ("Sichtung", "Interview", "New", None)] == [V, None, None, None]
    assert [read.knows(stage) for stage in ("Interview", "New", None)] == [True, False, False]
    with pytest.raises(stages.StagesError, match=r'stages\."Hired" is \'hired\': give one of viewed, .*, or nothing'):
        stages.read({"Hired": "hired"})
    with pytest.raises(stages.StagesError, match=r"\[stages\] is missing"):
        stages.read({})


def test_leaving_a_rejections_stage_undoes_it() -> None:
    read = stages.read({"Screening": "viewed", "Rejected": "rejected", "Letter sent": "rejected", "Gone": W})
    changes = [("Rejected", 2), ("Screening", 1), ("Letter sent", 3), ("Interview", 4), ("Rejected", 5), ("Gone", 6)]
    assert [each[:2] for each in read.acts(changes)] == [(V, 1), (R, 2), (R, 3), (U, 4), (R, 5), (W, 6)]
    assert [each[:2] for each in read.acts([("Rejected", 1), (None, 2)])] == [(R, 1), (U, 2)]
