"""What is to be done with one application's line, by itself (spec R30, R34)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unghost.ats import line
from unghost.ats.activity import UNDOING, Kind
from unghost.ats.line import Cancel, Dead, NotReportable, Rejection, Send, TakeBack, Wait, Waiting, fold

NOW = 1_000_000


def row(id: int, activity: str, *, recorded_at: int = 1, attempt_at: int = 1, sending: bool = False) -> Waiting:
    return Waiting(id, 1, 10, activity, 5, recorded_at, attempt_at, sending)


def test_what_waits_is_sent_in_the_order_of_recording() -> None:
    rows = [row(1, "viewed"), row(2, "resume_displayed"), row(3, "rejected"), row(4, "viewed")]
    sent = [(s.row.id, s.action) for s in fold(rows, [], NOW, 0, takes_back=True) if isinstance(s, Send)]
    assert sent == [
        (1, "APPLICATION_VIEWED"), (2, "RESUME_DOWNLOADED"), (3, "APPLICATION_REJECTED"), (4, "APPLICATION_VIEWED"),
    ]  # fmt: skip


def test_a_rejection_that_is_undone_before_it_was_sent_is_never_sent() -> None:
    """spec R34"""
    rows = [row(1, "viewed"), row(2, "rejected"), row(3, "viewed"), row(4, "unrejected")]
    assert fold(rows, [], NOW, 0, takes_back=True) == [
        Cancel((2, 4)), Send(rows[0], "APPLICATION_VIEWED"), Send(rows[2], "APPLICATION_VIEWED"),
    ]  # fmt: skip


def test_one_that_was_sent_is_taken_back_before_anything_else() -> None:
    rows = [row(5, "viewed", attempt_at=NOW + 9), row(6, "candidate_withdrew")]
    sent = Rejection(2, 1, "77")
    assert fold(rows, [sent], NOW, 0, takes_back=True) == [TakeBack(rows[1], (sent,)), Wait(NOW + 9, (rows[0],))]
    [told, _] = fold(rows, [sent], NOW, 0, takes_back=False)
    assert isinstance(told, NotReportable) and told.row == rows[1]


def test_one_that_may_have_been_sent_is_sent_again_before_it_is_taken_back() -> None:
    """its answer was lost: the board takes the same once, and says its id"""
    rows = [row(1, "rejected", sending=True), row(2, "unrejected")]
    assert fold(rows, [], NOW, 60_000, takes_back=True) == [Send(rows[0], "APPLICATION_REJECTED")]
    assert fold(rows, [], NOW, 0, takes_back=False) == [Cancel((1, 2))], "where none can be taken back, it rests"


def test_a_dead_rejection_that_is_undone_cannot_be_put_back() -> None:
    assert fold([row(3, "unrejected")], [Rejection(1, 1, None)], NOW, 0, takes_back=True) == [Cancel((1, 3))]


def test_an_undoing_without_a_rejection_is_not_reportable() -> None:
    [step] = fold([row(3, "unrejected")], [], NOW, 0, takes_back=True)
    assert isinstance(step, NotReportable)


def test_a_rejection_waits_for_its_grace_and_the_line_behind_it_too() -> None:
    rows = [row(1, "viewed"), row(2, "rejected", recorded_at=NOW - 10), row(3, "viewed")]
    assert fold(rows, [], NOW, 100, takes_back=True) == [
        Send(rows[0], "APPLICATION_VIEWED"), Wait(NOW + 90, (rows[1], rows[2])),
    ]  # fmt: skip
    assert len([s for s in fold(rows, [], NOW + 90, 100, takes_back=True) if isinstance(s, Send)]) == 3


def test_a_word_of_nobodys_is_dead_and_holds_up_nobody() -> None:
    rows = [row(1, "hired"), row(2, "viewed")]
    dead, sent = fold(rows, [], NOW, 0, takes_back=True)
    assert isinstance(dead, Dead) and dead.reason == line.UNKNOWN_ACTIVITY and "write one of viewed" in dead.detail
    assert sent == Send(rows[1], "APPLICATION_VIEWED")


LINES = st.lists(
    st.tuples(
        st.sampled_from([*Kind, "hired"]), st.integers(0, 3), st.booleans(), st.integers(NOW - 5, NOW + 5)
    ),
    max_size=8,
)  # fmt: skip
PAST = st.lists(st.one_of(st.none(), st.just("7")), max_size=3)


@given(LINES, PAST, st.integers(0, 8), st.booleans())
def test_whatever_the_line_everything_in_it_is_met_once_and_in_order(
    drawn: list[tuple[str, int, bool, int]], reports: list[str | None], grace: int, takes_back: bool
) -> None:
    past = [Rejection(nth, 1, report) for nth, report in enumerate(reports, 1)]
    rows = [
        row(10 + nth, kind, recorded_at=NOW - ago, attempt_at=at, sending=sending and kind == Kind.REJECTED)
        for nth, (kind, ago, sending, at) in enumerate(drawn)
    ]
    steps = fold(rows, past, NOW, grace, takes_back=takes_back)
    met = [id for step in steps for id in met_by(step)]
    assert len(met) == len(set(met)), "nothing is done twice"
    sends = [step.row for step in steps if isinstance(step, Send)]
    assert [one.id for one in sends] == sorted(one.id for one in sends)
    assert all(one.attempt_at <= NOW for one in sends), "nothing before its time"
    undone = [one.id for one in rows if one.activity in UNDOING]
    for one in sends:
        if one.activity == Kind.REJECTED and not (one.sending and takes_back):
            assert not any(id > one.id for id in undone), "no rejection that was undone"
        if one.activity == Kind.REJECTED and not one.sending:
            assert one.recorded_at + grace <= NOW, "none within its grace"
    ids = {one.id for one in rows}
    left = ids - set(met)
    if left:  # only an undoing that waits for its rejection to be sent again stops a line
        assert takes_back and any(one.sending for one in rows)
    for step in steps:
        if isinstance(step, Wait):
            assert step.until > NOW and step is steps[-1]
        if isinstance(step, TakeBack):
            assert takes_back and all(one.report_id is not None for one in step.rejections)


def met_by(step: line.Step) -> list[int]:
    match step:
        case Cancel(ids):
            return list(ids)
        case TakeBack(one, rejections):
            return [one.id, *(rejection.id for rejection in rejections)]
        case Wait(_, rows):
            return [one.id for one in rows]
        case _:
            return [step.row.id]
