"""From an activity in the ATS's database to a report on a real board (spec R30, R31, R34, R35)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ats.conftest import DIALECTS, AtsDatabase
from tests.ats.faults import CUT_AFTER, CUT_BEFORE, Call, Fault, Says, Way
from tests.ats.reporting import Reporting, activities, by_a_faulty_way
from unghost import ats
from unghost.wire.refusals import Refusal, Refused

ON_EACH = pytest.mark.parametrize("ats_database", DIALECTS, indirect=True)
ON_ONE = pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
EACH_KIND = pytest.mark.parametrize("kind", ["unghost", "linkedin"])
MINUTE = timedelta(minutes=1)


@pytest.fixture
def both(ats_database: AtsDatabase, database_url: str, tmp_path: Path) -> Iterator[tuple[Reporting, Way]]:
    with by_a_faulty_way(ats_database, database_url, tmp_path) as ends:
        yield ends


@pytest.fixture
def reporting(both: tuple[Reporting, Way]) -> Reporting:
    return both[0]


@pytest.fixture
def way(both: tuple[Reporting, Way]) -> Way:
    return both[1]


def refuses(refusal: Refusal, **headers: str) -> Says:
    refused = Refused(refusal, "as the test has it")
    return Says(refused.status, headers, json.dumps(refused.body()).encode())


def actions(reporting: Reporting, number: int) -> list[str]:
    return [action for application, action, _ in reporting.stored() if application == number]


@ON_EACH
@EACH_KIND
def test_what_is_recorded_reaches_the_board_once_and_in_order(reporting: Reporting, kind: str) -> None:
    """by batches and by LinkedIn's single creates"""
    reporting.destination["kind"] = kind
    reporting.record(*activities(reporting.world, ats.viewed, ats.resume_displayed, ats.rejected))
    reporting.record(ats.viewed(reporting.world.other_application))
    assert reporting.work() == 2, "a turn for each customer"
    for number in reporting.world.applications:
        assert actions(reporting, number) == ["APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED"]
    assert {state for _, state in reporting.states()} == {"sent"}
    assert all(row[0] for row in reporting.database.all("SELECT report_id FROM unghost_activity"))
    assert reporting.work() == 0


@ON_ONE
@EACH_KIND
def test_a_report_is_written_as_linkedin_documents_it(reporting: Reporting, way: Way, kind: str) -> None:
    """spec R1, R35: against LinkedIn only addresses differ"""
    reporting.destination["kind"] = kind
    number = reporting.world.applications[0]
    reporting.record(ats.viewed(number, at=datetime(2026, 11, 5, 17, 0, 0, 17000, tzinfo=UTC)))
    reporting.database.do("UPDATE unghost_application SET received_at = 1")
    reporting.work()
    token, report = way.calls
    assert token.method == "POST" and token.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert token.body.decode().startswith("grant_type=client_credentials&client_id=")
    assert report.path == "/v2/jobApplicationLifecycleActions"
    assert report.headers["X-RestLi-Method"] == "create" and report.headers["Authorization"].startswith("Bearer ")
    assert json.loads(report.body) == {
        "jobApplicationId": f"urn:li:jobApplication:{number}",
        "action": "APPLICATION_VIEWED",
        "performedAt": 1793898000017,
        "integrationContext": "urn:li:organization:12345",
    }


@ON_ONE
@EACH_KIND
@pytest.mark.parametrize("cut", [CUT_BEFORE, CUT_AFTER])
def test_a_report_whose_answer_is_lost_is_sent_again_and_stored_once(
    reporting: Reporting, way: Way, kind: str, cut: str
) -> None:
    reporting.destination["kind"] = kind
    way.first(1, cut)
    reporting.record(*activities(reporting.world, ats.viewed, ats.rejected))
    reporting.work()
    if kind == "linkedin":
        [(detail,)] = reporting.database.all("SELECT DISTINCT detail FROM unghost_activity WHERE detail IS NOT NULL")
        assert "fails while others are taken: the board gives no answer" in detail
    reporting.clock.ahead += MINUTE
    reporting.work()
    assert len(reporting.stored()) == 6 == len(set(reporting.stored()))
    for number in reporting.world.applications:
        assert actions(reporting, number) == ["APPLICATION_VIEWED", "APPLICATION_REJECTED"]
    assert reporting.customer("trouble", "failures") == (None, 0)


@ON_EACH
def test_a_poisoned_row_becomes_a_dead_letter_and_holds_up_nobody(reporting: Reporting) -> None:
    first, second, third = reporting.world.applications
    reporting.database.do(
        f"UPDATE unghost_application SET number = {first + 900000} WHERE number = {first}",
        """INSERT INTO unghost_activity (customer_id, application_id, activity, performed_at)
           SELECT 1, id, 'hired', 5 FROM unghost_application WHERE ats_id = '%s'""" % second,  # noqa: UP031
        """INSERT INTO unghost_activity (customer_id, application_id, activity, performed_at)
           SELECT 1, id, 'viewed', 5 FROM unghost_application WHERE ats_id = '%s'""" % third,  # noqa: UP031
    )  # fmt: skip
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    assert [number for number, _, _ in reporting.stored()] == [second, third]
    dead = reporting.database.all("SELECT reason, detail FROM unghost_activity WHERE state = 'dead' ORDER BY id")
    assert [reason for reason, _ in dead] == ["UNKNOWN_ACTIVITY", "BAD_TIME", "UNKNOWN_APPLICATION"]
    assert "this looks like seconds" in dead[1][1] and all(detail for _, detail in dead)
    assert reporting.customer("trouble") == (None,)


@ON_ONE
@EACH_KIND
def test_retry_after_is_obeyed(reporting: Reporting, way: Way, kind: str) -> None:
    reporting.destination["kind"] = kind
    way.first(1, refuses(Refusal.TOO_MANY_CALLS, **{"Retry-After": "120"}))
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    asked = len(way.reports)
    assert reporting.waiting() > 0
    reporting.clock.ahead = timedelta(seconds=110)
    assert reporting.work() == 0 and len(way.reports) == asked, "not before"
    reporting.clock.ahead = timedelta(seconds=130)
    reporting.work()
    assert reporting.waiting() == 0 and len(reporting.stored()) == 3


@ON_ONE
def test_one_customers_trouble_is_not_anothers(reporting: Reporting, way: Way) -> None:
    def fault(call: Call) -> Fault:
        return refuses(Refusal.OVERLOADED) if b"organization:12345" in call.body else None

    way.fault = fault
    reporting.record(ats.viewed(reporting.world.applications[0]), ats.viewed(reporting.world.other_application))
    reporting.work()
    assert [number for number, _, _ in reporting.stored()] == [reporting.world.other_application]


@ON_EACH
def test_the_breaker_is_kept_in_the_database_and_probes_with_one_report(reporting: Reporting, way: Way) -> None:
    """spec R31: a storm of 503, seen by a new process each time"""
    way.fault = lambda call: None if call.is_token else Says(503)
    reporting.record(*activities(reporting.world, ats.viewed))
    for failures in range(1, 5):
        reporting.work()
        assert reporting.customer("failures") == (failures,)
        reporting.clock.ahead += timedelta(minutes=6)
    asked = len(way.reports)
    reporting.work()
    assert [len(call.actions) for call in way.reports[asked:]] == [1], "one probes, though three wait"
    way.fault = lambda call: None
    reporting.clock.ahead += timedelta(minutes=6)
    reporting.work()
    assert reporting.customer("failures", "trouble") == (0, None) and len(reporting.stored()) == 3


@ON_ONE
@EACH_KIND
def test_a_token_that_expires_in_the_middle_is_renewed_once(reporting: Reporting, way: Way, kind: str) -> None:
    reporting.destination["kind"] = kind
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    way.first(1, refuses(Refusal.EXPIRED_TOKEN))
    reporting.record(*activities(reporting.world, ats.rejected))
    reporting.work()
    assert sum(call.is_token for call in way.calls) == 2
    assert reporting.waiting() == 0 and len(reporting.stored()) == 6


@ON_ONE
def test_a_token_is_fetched_once_and_renewed_before_it_expires(reporting: Reporting, way: Way) -> None:
    for _ in range(3):
        reporting.record(ats.viewed(reporting.world.applications[0]))
        reporting.work()
    assert sum(call.is_token for call in way.calls) == 1, "shared by processes, through the customer's row"
    reporting.record(ats.viewed(reporting.world.applications[0]))
    reporting.clock.ahead = timedelta(minutes=29, seconds=30)
    reporting.work()
    assert sum(call.is_token for call in way.calls) == 2, "a minute early"


@ON_ONE
@pytest.mark.parametrize("refusal", [Refusal.REVOKED_TOKEN, Refusal.OTHER_CUSTOMER, Refusal.UNKNOWN_PATH])
def test_what_the_customer_is_to_blame_for_kills_no_activity(reporting: Reporting, way: Way, refusal: Refusal) -> None:
    way.fault = lambda call: None if call.is_token else refuses(refusal)
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    [trouble] = reporting.customer("trouble")
    assert "as the test has it" in trouble and "see that" in trouble
    assert reporting.waiting() == 3
    way.fault = lambda call: None
    reporting.clock.ahead += timedelta(minutes=6)
    reporting.work()
    assert reporting.waiting() == 0 and reporting.customer("trouble") == (None,)


@ON_ONE
@pytest.mark.parametrize(
    "answer", [Says(404, {}, b"<html>nginx</html>"), Says(302, {"Location": "/"}), Says(200, {}, b"hi")]
)
def test_a_wrong_address_kills_no_activity(reporting: Reporting, way: Way, answer: Says) -> None:
    way.fault = lambda call: answer
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    assert reporting.waiting() == 3 and reporting.customer("trouble") != (None,)


@ON_ONE
def test_a_wrong_secret_is_said_and_the_activities_wait(reporting: Reporting) -> None:
    reporting.database.do("UPDATE unghost_customer SET client_secret = 'wrong' WHERE id = 1")
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    [trouble] = reporting.customer("trouble")
    assert "no access token" in trouble and "see that client id, client secret" in trouble
    reporting.database.do("UPDATE unghost_customer SET client_secret = 'env:NOBODY_SET_IT', attempt_at = 0")
    reporting.work()
    assert "env:NOBODY_SET_IT is not set" in reporting.customer("trouble")[0]
    assert reporting.waiting() == 3


@ON_EACH
def test_rate_and_quota_survive_a_restart(reporting: Reporting, way: Way) -> None:
    reporting.destination |= {"rate_per_second": 0.01, "burst": 2}
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    assert reporting.waiting() == 1
    reporting.clock.ahead = timedelta(seconds=50)
    assert reporting.work() == 0, "a new process is no richer"
    reporting.clock.ahead = timedelta(seconds=101)
    reporting.work()
    assert reporting.waiting() == 0
    del reporting.destination["rate_per_second"]
    reporting.destination["daily_quota"] = 4
    reporting.clock.ahead += MINUTE
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    used_today = reporting.customer("quota_used")[0]
    assert used_today <= 4 and (reporting.waiting() == 2 or used_today == 3), "midnight may have passed"
    if reporting.waiting():
        assert "the daily quota of 4 reports is used up" in reporting.customer("trouble")[0]
    reporting.clock.ahead += timedelta(days=1)
    reporting.work()
    assert reporting.waiting() == 0


@ON_ONE
@EACH_KIND
def test_an_ats_whose_clock_is_ahead_waits_and_loses_nothing(reporting: Reporting, way: Way, kind: str) -> None:
    """clock skew: the board refuses what lies five minutes ahead of it; the time comes by itself"""
    reporting.destination["kind"] = kind
    first, second, _ = reporting.world.applications
    reporting.clock.ahead = timedelta(minutes=7)
    reporting.record(ats.viewed(first), ats.rejected(first))
    reporting.record(ats.viewed(second, at=datetime.now(UTC)))
    reporting.work()
    assert [number for number, _, _ in reporting.stored()] == [second], "others are not held up"
    ats_now = reporting.clock.now().timestamp() * 1000
    due = [row[4] for row in reporting.database.recorded() if row[3] == "waiting"]
    assert len(due) == 2 and all(60_000 < at - ats_now < 180_000 for at in due), "the rest of the line waits with it"


@ON_EACH
@EACH_KIND
def test_a_rejection_that_is_undone_within_its_grace_is_never_sent(reporting: Reporting, way: Way, kind: str) -> None:
    """spec R34"""
    reporting.destination["kind"] = kind
    first, second, third = reporting.world.applications
    reporting.record(ats.rejected(first, second), ats.viewed(first))
    reporting.work(grace=timedelta(minutes=15))
    assert reporting.stored() == []
    reporting.record(ats.unrejected(first), ats.rejected(third), ats.candidate_withdrew(third))
    reporting.work(grace=timedelta(minutes=15))
    reporting.clock.ahead = timedelta(minutes=16)
    reporting.work(grace=timedelta(minutes=15))
    assert {number: action for number, action, _ in reporting.stored()} == {
        first: "APPLICATION_VIEWED", second: "APPLICATION_REJECTED",
    }  # fmt: skip
    assert sorted(state for _, state in reporting.states()) == ["cancelled"] * 4 + ["sent"] * 2


@ON_EACH
def test_one_that_was_sent_is_taken_back_and_the_applicant_sees_no_trace(reporting: Reporting) -> None:
    """spec R10, R34"""
    number = reporting.world.applications[0]
    reporting.record(ats.rejected(number))
    reporting.work()
    assert reporting.notices(number) == {("APPLICATION_REJECTED", "waiting", None)}
    reporting.record(ats.unrejected(number))
    reporting.work()
    assert reporting.notices(number) == {("APPLICATION_REJECTED", "withheld", "withdrawn")}
    assert reporting.states() == [("rejected", "withdrawn"), ("unrejected", "sent")]
    reporting.clock.ahead = timedelta(minutes=1)
    reporting.record(ats.rejected(number))
    reporting.work()
    assert ("APPLICATION_REJECTED", "waiting", None) in reporting.notices(number), "a later one counts anew"


@ON_ONE
def test_linkedin_takes_nothing_back_which_is_said(reporting: Reporting) -> None:
    reporting.destination["kind"] = "linkedin"
    number = reporting.world.applications[0]
    for act in (ats.rejected(number), ats.unrejected(number)):
        reporting.record(act)
        reporting.work()
    assert reporting.states() == [("rejected", "sent"), ("unrejected", "not_reportable")]


@ON_EACH
@pytest.mark.parametrize("cut", [CUT_BEFORE, CUT_AFTER])
def test_one_whose_answer_was_lost_is_taken_back_too(reporting: Reporting, way: Way, cut: str) -> None:
    """it may be at the board: a process that knows nothing of the attempt must not take it for never sent"""
    number = reporting.world.applications[0]
    way.first(1, cut)
    reporting.record(ats.rejected(number))
    reporting.work()
    reporting.record(ats.unrejected(number))
    reporting.clock.ahead = MINUTE
    reporting.work()
    assert reporting.notices(number) == {("APPLICATION_REJECTED", "withheld", "withdrawn")}
    assert reporting.states() == [("rejected", "withdrawn"), ("unrejected", "sent")]


@ON_ONE
def test_one_that_the_board_refused_for_now_was_not_sent(reporting: Reporting, way: Way) -> None:
    number = reporting.world.applications[0]
    way.first(1, refuses(Refusal.OVERLOADED))
    reporting.record(ats.rejected(number))
    reporting.work()
    reporting.record(ats.unrejected(number))
    reporting.clock.ahead = MINUTE
    reporting.work()
    assert reporting.stored() == [] and {state for _, state in reporting.states()} == {"cancelled"}


@ON_ONE
def test_one_that_is_undone_between_reading_and_sending_is_not_sent(reporting: Reporting, way: Way) -> None:
    """the ATS commits while the dispatcher fetches its token"""
    number = reporting.world.applications[0]

    def undo(call: Call) -> Fault:
        if call.is_token:
            reporting.record(ats.unrejected(number))
        return None

    way.fault = undo
    reporting.record(ats.rejected(number), ats.viewed(number))
    reporting.work()
    assert actions(reporting, number) == ["APPLICATION_VIEWED"]


@ON_EACH
def test_a_turn_that_lost_its_lease_stores_nothing(reporting: Reporting, way: Way) -> None:
    number = reporting.world.applications[0]

    def stolen(call: Call) -> Fault:
        if not call.is_token:
            reporting.database.do("UPDATE unghost_customer SET turn = turn + 1")
        return None

    way.fault = stolen
    reporting.record(ats.viewed(number))
    reporting.work()
    assert reporting.states() == [("viewed", "waiting")] and len(reporting.stored()) == 1
    way.fault = lambda call: None
    reporting.database.do("UPDATE unghost_customer SET attempt_at = 0")
    reporting.work()
    assert reporting.states() == [("viewed", "sent")] and len(reporting.stored()) == 1


@ON_ONE
def test_dead_letters_that_are_put_back_are_sent(reporting: Reporting) -> None:
    number = reporting.world.applications[0]
    reporting.database.do(f"UPDATE unghost_application SET number = 999999999 WHERE number = {number}")
    reporting.record(ats.viewed(number))
    reporting.work()
    assert reporting.states() == [("viewed", "dead")]
    reporting.database.do(f"UPDATE unghost_application SET number = {number} WHERE number = 999999999")
    from unghost.ats.store import administering
    from unghost.ats.store.database import open_engine

    engine = open_engine(reporting.database.url)
    assert administering.redrive(engine, None, None, 1) == (1, 0)
    engine.dispose()
    reporting.work()
    assert actions(reporting, number) == ["APPLICATION_VIEWED"]


@ON_ONE
def test_a_rolled_back_activity_is_never_sent(reporting: Reporting) -> None:
    """spec R29"""
    with closing(reporting.database.connect()) as connection:
        ats.record(connection, ats.rejected(reporting.world.applications[0]))
        connection.rollback()
    assert reporting.work() == 0 and reporting.stored() == []
