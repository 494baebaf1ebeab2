"""A report that fails while others are taken holds up nobody; answers that no board gives lose nothing (spec R30, R31).

Each is seen from the outside: a real board behind a way that fails.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ats.conftest import AtsDatabase
from tests.ats.faults import CUT_BEFORE, Call, Fault, Says, Way
from tests.ats.reporting import Now, Reporting, activities, by_a_faulty_way
from unghost import ats
from unghost.ats import dispatcher

ON_ONE = pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
EACH_KIND = pytest.mark.parametrize("kind", ["unghost", "linkedin"])
LONG = timedelta(minutes=6)
FORBIDDEN = Says(403, {}, b"<html>Request blocked</html>")
VIEWED, REJECTED = "APPLICATION_VIEWED", "APPLICATION_REJECTED"


class Standing(Now):
    """A clock that stands but for what it is put ahead: on a busy machine a wait of a second is over too soon."""

    def __init__(self) -> None:
        super().__init__()
        self._at = super().now()

    def now(self) -> datetime:
        return self._at + self.ahead


@pytest.fixture
def both(ats_database: AtsDatabase, database_url: str, tmp_path: Path) -> Iterator[tuple[Reporting, Way]]:
    with by_a_faulty_way(ats_database, database_url, tmp_path, applications=8) as ends:
        ends[0].clock = Standing()
        yield ends


@pytest.fixture
def reporting(both: tuple[Reporting, Way]) -> Reporting:
    return both[0]


@pytest.fixture
def way(both: tuple[Reporting, Way]) -> Way:
    return both[1]


def poisoned(number: int, fault: Fault) -> Callable[[Call], Fault]:
    """Every call that reports this application meets a fault."""
    return lambda call: fault if any(urn.endswith(f":{number}") for urn, _ in call.actions) else None


def of(reporting: Reporting, number: int) -> list[str]:
    return [action for application, action, _ in reporting.stored() if application == number]


def details(reporting: Reporting) -> list[str]:
    """The details of what waits."""
    found = reporting.database.all("SELECT detail FROM unghost_activity WHERE state = 'waiting' ORDER BY id")
    return [detail for (detail,) in found if detail]


@ON_ONE
@EACH_KIND
@pytest.mark.parametrize("fault", [Says(500), Says(502, {}, b"<html>"), FORBIDDEN, CUT_BEFORE], ids=str)
def test_a_report_that_always_fails_holds_up_nobody(reporting: Reporting, way: Way, kind: str, fault: Fault) -> None:
    reporting.destination["kind"] = kind
    bad, *good = reporting.world.applications
    way.fault = poisoned(bad, fault)
    reporting.record(*activities(reporting.world, ats.viewed, ats.rejected))
    reporting.work()
    for number in good:
        assert of(reporting, number) == [VIEWED, REJECTED]
    assert of(reporting, bad) == [] and reporting.waiting() == 2
    [why] = details(reporting)
    assert why.startswith("this one fails while others are taken: ")
    assert reporting.customer("failures", "trouble") == (0, None), "the way is open"

    asked = len(way.reports)
    reporting.work()
    assert len(way.reports) == asked, "it waits its own time"
    way.fault = lambda call: None
    reporting.clock.ahead = LONG
    reporting.work()
    assert of(reporting, bad) == [VIEWED, REJECTED] and reporting.waiting() == 0


@ON_ONE
@EACH_KIND
def test_a_probe_that_fails_goes_behind_the_others(reporting: Reporting, way: Way, kind: str) -> None:
    """the breaker is open when others come: each turn probes with another"""
    reporting.destination["kind"] = kind
    bad, *good = reporting.world.applications
    way.fault = poisoned(bad, Says(500))
    reporting.record(ats.viewed(bad))
    for _ in range(4):
        reporting.work()
        reporting.clock.ahead += LONG
    assert reporting.customer("failures") == (4,)
    reporting.record(*(ats.viewed(number, at=datetime.now(UTC)) for number in good))
    for _ in range(2):
        reporting.clock.ahead += LONG
        reporting.work()
    assert sorted(number for number, _, _ in reporting.stored()) == good
    assert reporting.waiting() == 1 and reporting.customer("failures") == (0,)


@ON_ONE
@pytest.mark.parametrize("answer", [Says(405), Says(500), FORBIDDEN, Says(200, {}, b"<html>Sign in</html>")], ids=str)
def test_what_cannot_be_taken_back_holds_up_nobody(reporting: Reporting, way: Way, answer: Says) -> None:
    first, *others = reporting.world.applications
    reporting.record(ats.rejected(first))
    reporting.work()
    way.fault = lambda call: answer if call.method == "DELETE" else None
    reporting.record(ats.unrejected(first), ats.viewed(first), *(ats.viewed(number) for number in others))
    reporting.work()
    assert all(of(reporting, number) == [VIEWED] for number in others)
    assert sum(call.method == "DELETE" for call in way.calls) == 1, "its line waits its own time"
    [why] = details(reporting)
    assert "fails while others are taken" in why
    assert reporting.notices(first) >= {(REJECTED, "waiting", None)}

    way.fault = lambda call: None
    reporting.clock.ahead = LONG
    reporting.work()
    assert reporting.notices(first) >= {(REJECTED, "withheld", "withdrawn"), (VIEWED, "told", None)}
    assert ("rejected", "withdrawn") in reporting.states() and reporting.waiting() == 0


@ON_ONE
@EACH_KIND
@pytest.mark.parametrize(
    "answer",
    [
        Says(200, {"Content-Type": "text/html"}, b"<html>Welcome to the lounge</html>"),
        Says(201, {"Content-Type": "text/html; charset=utf-8"}, b"<html>"),
        Says(400, {}, b"<html>The plain HTTP request was sent to HTTPS port</html>"),
        Says(400, {}, b'{"error": "unknown route"}'),
        Says(402),
        Says(404, {}, b'{"detail": "Not Found"}'),
        Says(404, {}, b'{"message": "no Route matched with those values"}'),
        Says(410, {}, b"{}"),
        Says(426, {}, b'{"status": 426, "code": "NONEXISTENT_VERSION", "message": "not active"}'),
        Says(451),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[:20]!r}",
)
def test_what_answers_and_is_no_board_loses_nothing(reporting: Reporting, way: Way, kind: str, answer: Says) -> None:
    reporting.destination["kind"] = kind
    way.fault = lambda call: None if call.is_token else answer
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    assert reporting.waiting() == 8, "none is taken for sent, none is dead"
    [trouble] = reporting.customer("trouble")
    assert "base_url is right" in trouble or (answer.status == 426 and "update unghost" in trouble)
    assert len(way.reports) <= 8, "a batch is not taken apart before a stranger"


@ON_ONE
def test_a_refused_report_in_a_batch_that_is_refused_as_a_whole_is_found(reporting: Reporting, way: Way) -> None:
    """by halves, and the others are sent in the same turn"""
    bad, *good = reporting.world.applications
    refused = {"status": 400, "code": "BAD_VALUE", "message": "want another"}
    way.fault = poisoned(bad, Says(400, {}, json.dumps(refused).encode()))
    reporting.record(*activities(reporting.world, ats.viewed))
    reporting.work()
    assert sorted(number for number, _, _ in reporting.stored()) == good
    assert reporting.database.all("SELECT reason FROM unghost_activity WHERE state = 'dead'") == [("BAD_VALUE",)]
    assert len(way.reports) == 7, "8, 4 and 4, 2 and 2, 1 and 1"


@ON_ONE
@EACH_KIND
@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "0"}, {"Retry-After": "Wed, 25 Nov 2026 10:00:00 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}],
    ids=["seconds", "a date"],
)
def test_a_board_that_asks_for_no_time_gets_the_backoff(
    reporting: Reporting, way: Way, kind: str, headers: dict[str, str]
) -> None:
    reporting.destination["kind"] = kind
    way.fault = lambda call: None if call.is_token else Says(429, headers)
    reporting.record(*activities(reporting.world, ats.viewed))
    assert reporting.work() == 1
    assert reporting.customer("failures") == (1,) and "(429)" in reporting.customer("trouble")[0]


@ON_ONE
def test_a_date_to_wait_for_counts_without_the_boards_own(reporting: Reporting, way: Way) -> None:
    until = datetime.now(UTC) + timedelta(minutes=30)
    way.first(1, Says(503, {"Retry-After": f"{until:%a, %d %b %Y %H:%M:%S} GMT"}))
    reporting.record(ats.viewed(reporting.world.applications[0]))
    reporting.work()
    reporting.clock.ahead = timedelta(minutes=28)
    assert reporting.work() == 0, "not before"
    reporting.clock.ahead = timedelta(minutes=31)
    assert reporting.work() == 1 and reporting.waiting() == 0


@ON_ONE
def test_taking_back_costs_no_quota(reporting: Reporting, way: Way) -> None:
    """spec R34: the hold is running, and midnight may be a day away"""
    first, second, *_ = reporting.world.applications
    reporting.destination["daily_quota"] = 1
    reporting.record(ats.rejected(first))
    reporting.work()
    reporting.record(ats.viewed(second))
    reporting.work()
    assert reporting.waiting() == 1 and "quota of 1 reports is used up" in reporting.customer("trouble")[0]
    reporting.record(ats.unrejected(first))
    reporting.clock.ahead = timedelta(minutes=1, seconds=1)
    reporting.work()
    assert (REJECTED, "withheld", "withdrawn") in reporting.notices(first)
    assert sum(call.method == "DELETE" for call in way.calls) == 1


@ON_ONE
@pytest.mark.parametrize(
    "part", [b"HTTP/1.1 201 Created\r\nDate: x\r\nX-RestLi", b"HTTP/1.1 201 Created\r\nDate: x\r\n"]
)
def test_an_answer_that_is_cut_in_its_headers_is_none(reporting: Reporting, way: Way, part: bytes) -> None:
    """the report is at the board, and its id is learnt when it is sent again"""
    first = reporting.world.applications[0]
    way.first(1, part)
    reporting.record(ats.rejected(first))
    reporting.work()
    assert reporting.states() == [("rejected", "waiting")]
    reporting.record(ats.unrejected(first))
    reporting.clock.ahead = LONG
    reporting.work()
    assert reporting.states() == [("rejected", "withdrawn"), ("unrejected", "sent")]
    assert (REJECTED, "withheld", "withdrawn") in reporting.notices(first)


@ON_ONE
def test_a_rejection_whose_answer_came_from_a_gateway_may_be_at_the_board(reporting: Reporting, way: Way) -> None:
    """a 502 says nothing of what the board did: undone, it is sent again, to learn its id, and taken back"""
    first = reporting.world.applications[0]
    way.first(1, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    reporting.record(ats.rejected(first))
    reporting.work()
    assert of(reporting, first) == [REJECTED], "it is there"
    reporting.record(ats.unrejected(first))
    reporting.clock.ahead = LONG
    reporting.work()
    assert (REJECTED, "withheld", "withdrawn") in reporting.notices(first)
    assert reporting.states() == [("rejected", "withdrawn"), ("unrejected", "sent")]


@ON_ONE
def test_what_a_customer_suffers_from_is_still_said_after_a_stop(reporting: Reporting, way: Way) -> None:
    way.fault = lambda call: None if call.is_token else Says(503)
    reporting.record(ats.viewed(reporting.world.applications[0]))
    reporting.work()
    trouble = reporting.customer("trouble", "failures")
    assert trouble == ("the board answered 503 (503)", 1)
    reporting.clock.ahead = LONG

    async def stopped() -> None:
        stop = asyncio.Event()
        async with dispatcher.draining(reporting.settings(), reporting.clock, stop) as drain:
            stop.set()
            assert await drain.step(reporting.clock.now()) == 1

    asyncio.run(stopped())
    assert reporting.customer("trouble", "failures") == trouble


@ON_ONE
def test_a_time_far_ahead_is_a_dead_letter_and_not_a_wait_for_ever(reporting: Reporting) -> None:
    first = reporting.world.applications[0]
    reporting.record(ats.viewed(first, at=datetime(2999, 1, 1, tzinfo=UTC)), ats.rejected(first))
    reporting.work()
    assert reporting.states() == [("viewed", "dead"), ("rejected", "sent")]
    assert reporting.database.all("SELECT reason FROM unghost_activity WHERE state = 'dead'") == [("BAD_TIME",)]


@ON_ONE
def test_what_a_token_endpoint_says_is_shown_without_what_a_terminal_obeys(reporting: Reporting, way: Way) -> None:
    said = json.dumps({"error": "invalid_client", "error_description": "no\x1b[31m such\nclient"}).encode()
    way.fault = lambda call: Says(400, {}, said)
    reporting.record(ats.viewed(reporting.world.applications[0]))
    reporting.work()
    [trouble] = reporting.customer("trouble")
    assert trouble.startswith("no access token: no [31m such client; see that")
