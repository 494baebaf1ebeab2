"""The job board's own back end erases somebody, and cannot bring them back by a late call (spec R20)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.jobboard.board_server import Answer, Board

JOB = {"organization": "urn:li:organization:12345", "externalId": "job-7"}
ERASED = "/board/v1/applicants/member-1"
MARA = {"email": "mara@example.com", "name": "Mara"}


@pytest.fixture
def application(board: Board) -> str:
    """member-1's application, by its id; member-2 is there too."""
    board.ask("PUT", "/board/v1/customers/12345", {"name": "Nordlicht Bau"})
    board.ask("PUT", "/board/v1/jobs/12345/job-7", {"title": "Carpenter"})
    board.ask("PUT", ERASED, MARA)
    board.ask("PUT", "/board/v1/applicants/member-2", {"email": "two@example.com", "name": "Two"})
    return str(register(board, "member-1").json["jobApplicationId"])


def register(board: Board, applicant: str, **more: Any) -> Answer:
    return board.ask("POST", "/board/v1/applications", {"job": JOB, "applicant": applicant} | more)


def test_it_is_done_once_and_answered_the_same_again(board: Board, application: str, database_url: str) -> None:
    for _ in range(3):
        answer = board.ask("DELETE", ERASED)
        assert (answer.status, answer.body) == (204, b"")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT erased_at) FROM jobboard.tombstone").fetchone() == (
            2,
            1,
        )


def test_whoever_was_never_known_is_404(board: Board) -> None:
    answer = board.ask("DELETE", "/board/v1/applicants/member-9")
    assert (answer.status, answer.json["code"], answer.json["field"]) == (404, "UNKNOWN_APPLICANT", "externalId")


def test_erased_at_the_same_moment_by_many_all_are_told_the_same(board: Board, application: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: board.ask("DELETE", ERASED).status, range(8)))
    assert set(answers) == {204}


def test_nothing_of_them_is_read_any_more(board: Board, application: str) -> None:
    board.ask("DELETE", ERASED)
    for path, code in (
        (ERASED, "UNKNOWN_APPLICANT"),
        (f"{ERASED}/applications", "UNKNOWN_APPLICANT"),
        (f"/board/v1/applications/{application}", "UNKNOWN_APPLICATION"),
    ):
        answer = board.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (404, code)
    never = board.ask("GET", "/board/v1/applicants/member-9")
    assert board.ask("GET", ERASED).body == never.body


def test_a_late_sync_does_not_bring_them_back(board: Board, application: str) -> None:
    board.ask("DELETE", ERASED)
    for answer, field in (
        (board.ask("PUT", ERASED, MARA), "externalId"),
        (board.ask("PUT", ERASED, {"email": "two@example.com", "name": "Two"}), "externalId"),
        (register(board, "member-1"), "applicant"),
        (register(board, "member-1", jobApplicationId=application), "applicant"),
        (register(board, "member-2", jobApplicationId=application), "jobApplicationId"),
    ):
        assert (answer.status, answer.json["code"], answer.json["field"]) == (410, "ERASED", field)
        assert re.search(r"erased.*; want ", answer.json["message"])
        assert "mara" not in answer.json["message"].lower()
    assert board.ask("GET", ERASED).status == 404


def test_the_same_person_may_come_back_under_another_name_of_the_back_end(board: Board, application: str) -> None:
    """The address is not remembered: nobody could apply here ever again."""
    board.ask("DELETE", ERASED)
    assert board.ask("PUT", "/board/v1/applicants/member-1b", MARA).status == 201
    again = register(board, "member-1b")
    assert again.status == 201
    assert again.json["jobApplicationId"] != application


def test_counts_and_metrics_know_nothing_of_them(board: Board, application: str) -> None:
    assert "unghost_notices_due 1" in (before := metrics(board)), before
    board.ask("DELETE", ERASED)
    assert "unghost_notices_due 0" in metrics(board)


def metrics(board: Board) -> str:
    return "\n".join(
        line.replace(".0", "") for line in board.ask("GET", "/metrics").body.decode().splitlines() if "due" in line
    )
