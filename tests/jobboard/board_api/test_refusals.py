"""Every way the board API says no: JSON, one sentence that names the field, never a person's data (spec R4)."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.jobboard.board_server import Board, serving

CUSTOMER = "/board/v1/customers/12345"
APPLICANT = "/board/v1/applicants/member-1"
MARA = '"email":"mara@example.com","name":"Mara"'

BAD_BODIES = [
    # path, body, code, field, part of the sentence
    (CUSTOMER, b"", "MALFORMED_BODY", None, "empty or cut off"),
    (CUSTOMER, b'{"name":"x"', "MALFORMED_BODY", None, "empty or cut off"),
    (CUSTOMER, b"name=x", "MALFORMED_BODY", None, "not JSON"),
    (CUSTOMER, b'{"name":"\xff"}', "MALFORMED_BODY", None, "not UTF-8"),
    (CUSTOMER, b'{"name":"\\ud800"}', "MALFORMED_BODY", None, "not JSON"),
    (CUSTOMER, b'{"name":"\xed\xa0\x80"}', "MALFORMED_BODY", None, "not UTF-8"),
    (CUSTOMER, b"[]", "BAD_FIELD", None, "is an array; want an object"),
    (CUSTOMER, b"{}", "BAD_FIELD", "name", "name is missing"),
    (CUSTOMER, b'{"name":7}', "BAD_FIELD", "name", "name is an integer; want a string"),
    (CUSTOMER, b'{"name":null}', "BAD_FIELD", "name", "name is null; want a string"),
    (CUSTOMER, b'{"name":" "}', "BAD_FIELD", "name", "empty"),
    (CUSTOMER, b'{"name":"a\\u0000b"}', "BAD_FIELD", "name", "control character"),
    (CUSTOMER, b'{"name":"a\\nBcc: b"}', "BAD_FIELD", "name", "control character"),
    (CUSTOMER, b'{"name":"' + b"x" * 201 + b'"}', "BAD_FIELD", "name", "length <= 200"),
    (CUSTOMER, b'{"name":"x","nmae":1}', "BAD_FIELD", "nmae", "not a field of this request"),
    (CUSTOMER, b'{"name":"x","admins":["mara"]}', "BAD_FIELD", "admins", "not an e-mail address"),
    (CUSTOMER, b'{"name":"x","admins":[7]}', "BAD_FIELD", "admins[0]", "is an integer"),
    (CUSTOMER, b'{"name":"x","holds":{"REJECTED":1}}', "BAD_FIELD", "holds", "want one of APPLICATION_SUBMITTED"),
    (CUSTOMER, b'{"name":"x","holds":{"APPLICATION_REJECTED":-1}}', "BAD_FIELD", "holds", "want 0 to"),
    (CUSTOMER, b'{"name":"x","holds":{"APPLICATION_REJECTED":' + b"9" * 30 + b"}}", "BAD_FIELD", "holds", "want 0 to"),
    (CUSTOMER, b'{"name":"x","holds":{"APPLICATION_REJECTED":1.5}}', "BAD_FIELD", "holds", "want an integer"),
    (CUSTOMER, b'{"name":"x","x":' + b"[" * 100_000, "BAD_FIELD", "x", "not a field"),
    (APPLICANT, b'{"email":"mara","name":"Mara"}', "BAD_FIELD", "email", "not an e-mail address"),
    (APPLICANT, b'{"email":"a@b.example\\n","name":"Mara"}', "BAD_FIELD", "email", "not an e-mail address"),
    (APPLICANT, b'{"email":"a@b.example\\u0000","name":"Mara"}', "BAD_FIELD", "email", "not an e-mail address"),
    (APPLICANT, f'{{{MARA},"timeZone":"Mars/Base"}}'.encode(), "BAD_FIELD", "timeZone", "want an IANA name"),
    (APPLICANT, f'{{{MARA},"timeZone":"../UTC"}}'.encode(), "BAD_FIELD", "timeZone", "want an IANA name"),
    (APPLICANT, f'{{{MARA},"timeZone":"Europe"}}'.encode(), "BAD_FIELD", "timeZone", "want an IANA name"),
    (APPLICANT, f'{{{MARA},"language":"de_DE"}}'.encode(), "BAD_FIELD", "language", "BCP 47"),
    (APPLICANT, f'{{{MARA},"language":"de\\n"}}'.encode(), "BAD_FIELD", "language", "BCP 47"),
    ("/board/v1/jobs/12345/j", b'{"title":"x","description":"\\u0000"}', "BAD_FIELD", "description", "NUL"),
    ("/board/v1/jobs/12345/j", b'{"title":"x","listedAt":1604600000}', "BAD_FIELD", "listedAt", "looks like seconds"),
    ("/board/v1/jobs/12345/j", b'{"title":"x","listedAt":' + b"9" * 40 + b"}", "BAD_FIELD", "listedAt", "milliseconds"),
    ("/board/v1/jobs/12345/j", b'{"title":"x","closed":"yes"}', "BAD_FIELD", "closed", "want true or false"),
]


@pytest.mark.parametrize(("path", "body", "code", "field", "said"), BAD_BODIES)
def test_a_body_that_cannot_be_used_is_refused_with_its_field(
    refusing_board: Board, path: str, body: bytes, code: str, field: str | None, said: str
) -> None:
    answer = refusing_board.ask("PUT", path, raw=body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, code, field)
    assert answer.json["status"] == 400
    assert said in answer.json["message"]
    assert "mara" not in answer.json["message"]
    assert len(answer.json["message"]) < 300


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/board/v1/customers/abc", "organization"),
        ("/board/v1/customers/0", "organization"),
        ("/board/v1/customers/99999999999999999999", "organization"),
        ("/board/v1/customers/%D9%A1", "organization"),
        ("/board/v1/customers/urn:li:organization:urn:li:organization:1", "organization"),
        ("/board/v1/customers/urn:li:jobApplication:1", "organization"),
        ("/board/v1/applicants/a%00b", "externalId"),
        ("/board/v1/applicants/a%0Ab", "externalId"),
        ("/board/v1/applicants/%20", "externalId"),
        ("/board/v1/applicants/" + "x" * 201, "externalId"),
        ("/board/v1/applicants/%FF", None),
        ("/board/v1/applications/-1", "jobApplicationId"),
    ],
)
def test_a_name_in_the_path_that_cannot_be_is_refused(refusing_board: Board, path: str, field: str | None) -> None:
    answer = refusing_board.ask("GET", path)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "BAD_PATH", field)


@pytest.mark.parametrize("key", [None, "", "wrong", "b\xf6ard"])
def test_without_a_board_key_nothing_is_answered(refusing_board: Board, key: str | None) -> None:
    for path in (CUSTOMER, "/board/v1/nothing"):
        answer = refusing_board.ask("GET", path, key=key)
        assert (answer.status, answer.json["code"]) == (401, "MISSING_KEY")
        assert "UNGHOST_BOARD_KEYS" in answer.json["message"]
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_each_of_the_keys_opens(refusing_board: Board) -> None:
    assert refusing_board.ask("GET", CUSTOMER, key="another-key").status == 404
    assert refusing_board.ask("GET", CUSTOMER, headers={"Authorization": "bearer  another-key"}).status == 404
    assert refusing_board.ask("GET", CUSTOMER, headers={"Authorization": "Basic another-key"}).status == 401


def test_a_board_without_keys_has_its_api_closed(database_url: str, tmp_path: Path) -> None:
    with serving(database_url, tmp_path, board_keys=()) as board:
        answer = board.ask("GET", CUSTOMER)
        assert (answer.status, answer.json["code"]) == (403, "NO_KEYS")
        assert "UNGHOST_BOARD_KEYS" in answer.json["message"]
        assert board.ask("GET", CUSTOMER, key="").status == 403


def test_a_body_over_one_mebibyte_is_refused(refusing_board: Board) -> None:
    answer = refusing_board.ask("PUT", CUSTOMER, raw=b" " * (1024 * 1024 + 1))
    assert (answer.status, answer.json["code"]) == (413, "TOO_LARGE")
    sent = b'{"name":"' + b" " * (1024 * 1024 - 11) + b'"}'
    assert refusing_board.ask("PUT", CUSTOMER, raw=sent).status == 400


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST", "OPTIONS", "TRACE", "BREW"])
def test_a_wrong_verb_is_told_the_right_ones(refusing_board: Board, method: str) -> None:
    answer = refusing_board.ask(method, CUSTOMER)
    if answer.status == 400 and method == "BREW":  # the HTTP parser itself refuses it
        return
    assert (answer.status, answer.headers["Allow"]) == (405, "PUT, GET")
    assert answer.json["code"] == "WRONG_VERB"


@pytest.mark.parametrize(
    "path", ["/board/", "/board/v1", "/board/v2/customers/1", "/board/v1/jobs/1", "/board//v1", "/board"]
)
def test_an_unknown_address_below_board_is_answered_in_json(refusing_board: Board, path: str) -> None:
    answer = refusing_board.ask("GET", path)
    assert (answer.status, answer.json["code"]) == (404, "UNKNOWN_PATH")


def test_a_database_that_is_gone_is_a_503_that_says_so(database_url: str, tmp_path: Path) -> None:
    with serving(database_url, tmp_path) as board:
        assert board.ask("GET", CUSTOMER).status == 404
        server, _, name = database_url.partition("?")[0].rpartition("/")
        query = database_url.partition("?")[2]
        with psycopg.connect(f"{server}/postgres?{query}", autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            answer = board.ask("GET", CUSTOMER)
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "UNAVAILABLE", "2")
