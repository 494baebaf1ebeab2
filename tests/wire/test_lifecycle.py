"""Reading a report: what is taken, and each refusal's sentence (spec R1, R2, R4, R6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unghost.wire import lifecycle
from unghost.wire.lifecycle import Report
from unghost.wire.refusals import Refusal, Refused

ACTIONS = ("APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED")
NOW = datetime(2020, 11, 6, tzinfo=UTC)
SEED = {
    "jobApplicationId": "urn:li:jobApplication:12345678",
    "action": "APPLICATION_VIEWED",
    "performedAt": 1604600000017,
    "integrationContext": "urn:li:organization:12345",
}


def read(element: object, *, demand_context: bool = False) -> Report | Refused:
    return lifecycle.read(element, NOW, ACTIONS, demand_context=demand_context)


def test_the_seeds_own_body_is_read_to_the_millisecond() -> None:
    at = datetime(2020, 11, 5, 18, 13, 20, 17000, tzinfo=UTC)
    assert read(SEED) == Report(12345678, "APPLICATION_VIEWED", at, 12345)


@pytest.mark.parametrize("change", [{"jobApplicationId": "12345678"}, {"performedAt": "1604600000017"}, {"more": [1]}])
def test_the_other_forms_that_clients_send_read_the_same(change: dict[str, Any]) -> None:
    assert read(SEED | change) == read(SEED)


def test_without_integration_context_the_revision_decides() -> None:
    bare = {name: value for name, value in SEED.items() if name != "integrationContext"}
    loose, strict = read(bare), read(bare, demand_context=True)
    assert isinstance(loose, Report)
    assert loose.organization is None
    assert isinstance(strict, Refused)
    assert strict.refusal is Refusal.MISSING_FIELD
    assert "integrationContext is missing" in strict.message


@pytest.mark.parametrize(
    ("change", "refusal", "says"),
    [
        ({"jobApplicationId": None}, Refusal.MISSING_FIELD, "jobApplicationId is missing"),
        ({"jobApplicationId": 12345678}, Refusal.WRONG_TYPE, "jobApplicationId is a number"),
        ({"jobApplicationId": "urn:li:jobApplication:urn:li:jobApplication:1"}, Refusal.BAD_URN, "twice"),
        ({"jobApplicationId": "urn:li:jobApplication:\u0661"}, Refusal.BAD_URN, "digits 0-9"),
        ({"jobApplicationId": "12 "}, Refusal.BAD_URN, "digits 0-9"),
        ({"jobApplicationId": ""}, Refusal.BAD_URN, "jobApplicationId is ''"),
        ({"jobApplicationId": "\ud800"}, Refusal.BAD_URN, "jobApplicationId"),
        ({"action": None}, Refusal.MISSING_FIELD, "action is missing"),
        ({"action": ["APPLICATION_VIEWED"]}, Refusal.WRONG_TYPE, "action is an array"),
        ({"action": "application_viewed"}, Refusal.UNKNOWN_ACTION, "want one of APPLICATION_VIEWED"),
        ({"action": "APPLICATION_SUBMITTED"}, Refusal.UNKNOWN_ACTION, "want one of"),
        ({"action": "APPLICATION_HIRED"}, Refusal.UNKNOWN_ACTION, "want one of"),
        ({"performedAt": None}, Refusal.MISSING_FIELD, "performedAt is missing"),
        ({"performedAt": True}, Refusal.WRONG_TYPE, "performedAt is true or false"),
        ({"performedAt": 1604600000017.5}, Refusal.WRONG_TYPE, "want an integer"),
        ({"performedAt": "1604600000017 "}, Refusal.WRONG_TYPE, "want an integer"),
        ({"performedAt": "\u0661\u0662\u0663"}, Refusal.WRONG_TYPE, "want an integer"),
        ({"performedAt": 0}, Refusal.BAD_TIME, "above 0"),
        ({"performedAt": -1604600000017}, Refusal.BAD_TIME, "above 0"),
        ({"performedAt": 1604600000}, Refusal.BAD_TIME, "this looks like seconds"),
        ({"performedAt": 1604600000017000}, Refusal.BAD_TIME, "micro- or nanoseconds"),
        ({"performedAt": 10**5000}, Refusal.BAD_TIME, "performedAt"),
        ({"performedAt": 1604620800000 + 300_001}, Refusal.BAD_TIME, "more than 5 minutes ahead"),
        ({"integrationContext": "12345"}, Refusal.BAD_URN, "integrationContext is '12345'; want urn:li:organization:N"),
        ({"integrationContext": 12345}, Refusal.WRONG_TYPE, "integrationContext is a number"),
        ({"integrationContext": "urn:li:organization:urn:li:organization:1"}, Refusal.BAD_URN, "twice"),
        ({"integrationContext": "urn:li:contract:1"}, Refusal.BAD_URN, "want urn:li:organization:N"),
    ],
)
def test_each_fault_has_its_own_refusal_naming_field_and_remedy(
    change: dict[str, Any], refusal: Refusal, says: str
) -> None:
    got = read(SEED | change)
    assert isinstance(got, Refused)
    assert got.refusal is refusal
    assert says in got.message
    assert got.message.isascii()
    assert len(got.message) < 400


@pytest.mark.parametrize("element", [None, [], "text", 5, True])
def test_a_report_that_is_no_object_is_refused(element: object) -> None:
    got = read(element)
    assert isinstance(got, Refused)
    assert got.refusal is Refusal.MALFORMED_BODY


def test_five_minutes_ahead_is_taken() -> None:
    assert isinstance(read(SEED | {"performedAt": 1604620800000 + 300_000}), Report)


def test_a_day_before_the_application_is_taken_and_a_millisecond_more_is_not() -> None:
    report = read(SEED)
    assert isinstance(report, Report)
    day = timedelta(days=1)
    assert lifecycle.too_early(report, report.performed_at + day) is None
    refused = lifecycle.too_early(report, report.performed_at + day + timedelta(milliseconds=1))
    assert refused is not None
    assert refused.refusal is Refusal.BAD_TIME
    assert "before the application was submitted" in refused.message


@given(st.integers(100_000_000_000, 100_000_000_000_000))
def test_milliseconds_survive_the_round_trip_exactly(count: int) -> None:
    assert lifecycle.milliseconds(lifecycle.moment(count)) == count


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(SEED)), json_values) | json_values)
def test_no_input_raises(element: object) -> None:
    got = read({**SEED, **element} if isinstance(element, dict) else element)
    assert isinstance(got, Report | Refused)
