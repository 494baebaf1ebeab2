"""The OpenAPI document and the page that shows it: valid, whole, and made from the tables (issue 2, point 1)."""

from __future__ import annotations

import json
import re
import shlex
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import msgspec
import psycopg
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.conftest import in_database
from tests.jobboard.board_server import KEY, Board, serving
from unghost.jobboard.rules.policy import DEFAULT, reportable
from unghost.jobboard.web.board_api import PREFIX
from unghost.jobboard.web.board_operations import OPERATIONS
from unghost.jobboard.web.board_refusals import BoardRefusal
from unghost.jobboard.web.openapi_page import sample
from unghost.jobboard.web.openapi_wire import NOT_OF_REPORTS
from unghost.wire.refusals import Refusal
from unghost.wire.restli import PATHS

SEED = {
    "jobApplicationId": "urn:li:jobApplication:12345678",
    "action": "APPLICATION_VIEWED",
    "performedAt": 1604600000017,
    "integrationContext": "urn:li:organization:12345",
}


@pytest.fixture(scope="module")
def board(database_server: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    server, template = database_server
    name = f"{template}_openapi_{uuid.uuid4().hex[:8]}"  # two workers may share this module
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        with serving(in_database(server, name), tmp_path_factory.mktemp("board")) as running:
            yield running
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="module")
def document(board: Board) -> dict[str, Any]:
    answer = board.ask("GET", "/openapi.json", key=None)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    return answer.json


@pytest.fixture(scope="module")
def page(board: Board) -> str:
    answer = board.ask("GET", "/docs", key=None)
    assert answer.status == 200
    return answer.body.decode()


def test_the_document_is_valid_openapi_31(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_is_the_same_each_time(board: Board) -> None:
    answers = {board.ask("GET", "/openapi.json", key=None).body for _ in range(3)}
    assert len(answers) == 1


def test_every_operation_of_the_board_api_is_described(document: dict[str, Any]) -> None:
    described = {
        (method.upper(), path.removeprefix(PREFIX))
        for path, item in document["paths"].items()
        if path.startswith(PREFIX)
        for method in item
    }
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_refusal_of_the_wire_is_among_the_answers_with_its_status(document: dict[str, Any]) -> None:
    """spec R4: one table."""
    for path in PATHS:
        responses = document["paths"][path]["post"]["responses"]
        for refusal in set(Refusal) - NOT_OF_REPORTS:
            assert refusal.name in responses[str(refusal.value.status)]["description"]
        assert {"200", "201", "400", "401", "403", "404", "405", "413", "429", "503"} == set(responses)


def test_taking_a_report_back_is_described_with_its_own_refusal(document: dict[str, Any]) -> None:
    """spec R10"""
    for path in PATHS:
        responses = document["paths"][f"{path}/{{id}}"]["delete"]["responses"]
        assert set(responses) == {"204", "400", "401", "403", "404", "503"}
        assert Refusal.UNKNOWN_REPORT.name in responses["404"]["description"]


def test_the_body_of_a_report_is_one_of_two_and_its_example_the_seeds_own(document: dict[str, Any]) -> None:
    """spec R1, R7."""
    body = document["paths"][PATHS[0]]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert [choice["$ref"].rpartition("/")[2] for choice in body["oneOf"]] == ["Report", "Reports"]
    assert sample(document, body) == SEED
    report = document["components"]["schemas"]["Report"]["properties"]
    assert report["action"]["enum"] == list(reportable(DEFAULT))


def test_every_example_of_a_board_body_is_taken_by_the_shape_it_stands_for(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        if operation.body is not None:
            example = sample(document, {"$ref": f"#/components/schemas/{operation.body.__name__}"})
            msgspec.json.decode(json.dumps(example), type=operation.body)


def test_each_curl_example_of_the_board_api_works_in_the_order_of_the_page(board: Board, page: str) -> None:
    """Run as a shell would split it, against the board itself, so that the page cannot lie."""
    from unghost.jobboard.web.openapi_page import curl

    document = board.ask("GET", "/openapi.json", key=None).json
    answered = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            command = curl(document, path, method, operation)
            assert command in Unmarked.read(page)
            if not path.startswith(PREFIX):
                continue
            words = shlex.split(command.replace("BOARD_KEY", KEY))
            sent = {words[n + 1].partition(": ")[0]: words[n + 1].partition(": ")[2] for n in _at(words, "-H")}
            body = next((words[n + 1].encode() for n in _at(words, "-d")), None)
            answer = board.ask(words[2], words[3].removeprefix(board.url), raw=body, key=None, headers=sent)
            answered.append((operation["operationId"], answer.status))
    assert [name for name, status in answered if status >= 500 or status in (400, 401, 403)] == []
    assert dict(answered)["putCustomer"] == 201


def _at(words: list[str], option: str) -> list[int]:
    return [n for n, word in enumerate(words) if word == option]


class Unmarked(HTMLParser):
    """The text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    @classmethod
    def read(cls, page: str) -> str:
        parser = cls()
        parser.feed(page)
        return parser.text


def test_the_page_shows_every_operation_shape_and_refusal(page: str, document: dict[str, Any]) -> None:
    text = Unmarked.read(page)
    for path in document["paths"]:
        assert path in text
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in page
    for refusal in (*Refusal, *BoardRefusal):
        assert refusal.name in text
        assert refusal.value.meaning in text


def test_every_link_of_the_page_leads_somewhere_on_it(page: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_the_page_fetches_nothing_from_elsewhere(board: Board, page: str) -> None:
    answer = board.ask("GET", "/docs", key=None)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert "style=" not in page
