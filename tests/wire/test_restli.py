"""Rest.li's headers and bodies as LinkedIn's clients send and read them (spec R3, R5, R7)."""

from __future__ import annotations

import pytest

from unghost.wire import restli
from unghost.wire.refusals import Refusal, Refused
from unghost.wire.restli import Created


@pytest.mark.parametrize(
    ("given", "method"), [(None, "CREATE"), ("create", "CREATE"), ("BATCH_CREATE", "BATCH_CREATE")]
)
def test_a_method_is_read_in_any_case_and_absent_means_create(given: str | None, method: str) -> None:
    assert restli.method(given) == method


@pytest.mark.parametrize("given", ["get", "", "batch_update", "\u00e9"])
def test_another_method_is_refused(given: str) -> None:
    got = restli.method(given)
    assert got == "CREATE" if given == "" else isinstance(got, Refused)


@pytest.mark.parametrize(("given", "want"), [(None, "1.0.0"), ("1.0.0", "1.0.0"), ("2.0.0", "2.0.0")])
def test_the_protocol_version_is_the_requests_and_absent_means_one(given: str | None, want: str) -> None:
    assert restli.protocol(given) == want


def test_an_unknown_protocol_version_is_refused() -> None:
    got = restli.protocol("3.0.0")
    assert isinstance(got, Refused)
    assert got.refusal is Refusal.WRONG_PROTOCOL


@pytest.mark.parametrize("header", ["Bearer t0k", "bearer t0k", "Bearer  t0k", " Bearer t0k "])
def test_a_bearer_token_is_read_with_any_blanks(header: str) -> None:
    assert restli.bearer(header) == "t0k"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "t0k"])
def test_no_token_is_refused_as_missing(header: str | None) -> None:
    got = restli.bearer(header)
    assert isinstance(got, Refused)
    assert got.refusal is Refusal.MISSING_TOKEN


def test_each_protocol_version_marks_errors_its_own_way() -> None:
    assert restli.error_header("1.0.0") == "X-LinkedIn-Error-Response"
    assert restli.error_header("2.0.0") == "X-RestLi-Error-Response"


def test_an_element_tells_its_status_and_id_or_its_error() -> None:
    path = restli.PATHS[0]
    assert restli.element(path, Created(7)) == {"status": 201, "id": "7", "location": f"{path}/7"}
    refused = restli.element(path, Refused(Refusal.UNKNOWN_APPLICATION, "no such"))
    assert refused["status"] == 404
    assert refused["error"] == {
        "status": 404,
        "serviceErrorCode": 110,
        "code": "UNKNOWN_APPLICATION",
        "message": "no such",
    }


@pytest.mark.parametrize("body", [None, [], {}, {"elements": {}}, {"elements": [{}] * 1001}])
def test_a_batch_without_an_array_of_at_most_a_thousand_is_refused(body: object) -> None:
    assert isinstance(restli.elements(body), Refused)


def test_codes_of_the_table_are_stable_and_distinct() -> None:
    numbers = [refusal.value.number for refusal in Refusal]
    assert len(set(numbers)) == len(numbers)
    assert all(400 <= refusal.value.status < 600 for refusal in Refusal)
    # A client that can never succeed must not be told to try again (spec R31 reads the same table).
    assert all(
        refusal.value.again == (refusal.value.status >= 429)
        for refusal in Refusal
        if refusal is not Refusal.EXPIRED_TOKEN
    )
