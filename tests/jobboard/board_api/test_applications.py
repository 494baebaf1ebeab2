"""Applications registered by the job board's own back end, and the statuses it reads (spec R13, R16, R23, R28)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.jobboard.board_server import Answer, Board
from unghost.jobboard.rules.policy import REJECTED, VIEWED
from unghost.jobboard.store.access import hashed

JOB = {"organization": "urn:li:organization:12345", "externalId": "job-7"}
REGISTER = {"job": JOB, "applicant": "member-1"}


@pytest.fixture(autouse=True)
def _records(board: Board, database_url: str) -> None:
    board.ask("PUT", "/board/v1/customers/12345", {"name": "Nordlicht Bau"})
    board.ask("PUT", "/board/v1/jobs/12345/job-7", {"title": "Carpenter"})
    board.ask("PUT", "/board/v1/jobs/12345/job-8", {"title": "Roofer"})
    for member in ("member-1", "member-2"):
        board.ask("PUT", f"/board/v1/applicants/{member}", {"email": f"{member}@example.com", "name": "M"})
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE jobboard.customer SET applicant_notifications = true")


@pytest.fixture
def token(board: Board, database_url: str) -> str:
    """A token of the customer's child application."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """WITH partner AS (
                INSERT INTO jobboard.oauth_application (name, client_id, secret_hash, created_at)
                VALUES ('ATS', 'p', '', now()) RETURNING id
            ), child AS (
                INSERT INTO jobboard.oauth_application
                    (name, client_id, secret_hash, created_at, parent_id, organization)
                SELECT 'child', 'c', '', now(), id, 12345 FROM partner RETURNING id
            )
            INSERT INTO jobboard.access_token (hash, oauth_application_id, issued_at, expires_at)
            SELECT %s, id, now(), now() + interval '30 days' FROM child""",
            (hashed("partner-token"),),
        )
    return "partner-token"


def register(board: Board, **fields: Any) -> Answer:
    return board.ask("POST", "/board/v1/applications", REGISTER | fields)


def report(board: Board, token: str, application: str, action: str) -> int:
    at = round(board.clock.now().timestamp() * 1000)
    body = {"jobApplicationId": application, "action": action, "performedAt": at}
    answer = board.ask("POST", "/v2/jobApplicationLifecycleActions", body, key=token)
    assert answer.status == 201, answer.body
    return at


def actions(answer: Answer) -> list[str]:
    return [stop["action"] for stop in answer.json["timeline"]]


def test_an_application_is_registered_once_and_its_applicant_told_that_it_was_submitted(
    board: Board, database_url: str
) -> None:
    first = register(board, submittedAt=1604600000017)
    assert first.status == 201
    assert first.json["jobApplicationId"].startswith("urn:li:jobApplication:")
    assert (first.json["job"], first.json["applicant"]) == (JOB, "member-1")
    assert first.json["submittedAt"] == 1604600000017
    assert first.json["timeline"] == [first.json["status"]]
    assert first.json["status"]["action"] == "APPLICATION_SUBMITTED"
    assert first.json["status"]["performedAt"] == 1604600000017
    assert first.json["status"]["label"]
    assert first.json["status"]["explanation"]
    again = register(board)
    assert (again.status, again.json) == (200, first.json)
    with psycopg.connect(database_url) as connection:
        told = connection.execute("SELECT place, state FROM jobboard.notice ORDER BY place").fetchall()
    assert told == [("EMAIL", "waiting"), ("JOB_POSTING", "told"), ("MY_JOBS", "told")]


def test_an_application_that_was_made_before_its_job_was_closed_may_come_late(board: Board) -> None:
    """spec R28"""
    path = "/board/v1/jobs/{organization}/{externalId}".format_map(JOB)
    assert board.ask("PUT", path, {"title": "Carpenter", "closed": True}).status == 200
    late = register(board)
    assert (late.status, late.json["status"]["action"]) == (201, "APPLICATION_SUBMITTED")


def test_the_back_end_may_keep_its_own_number(board: Board) -> None:
    own = "urn:li:jobApplication:12345678"
    assert register(board, jobApplicationId=own).json["jobApplicationId"] == own
    assert register(board, jobApplicationId="12345678").status == 200
    other = register(board, jobApplicationId="12345679")
    assert (other.status, other.json["code"]) == (409, "NUMBER_TAKEN")
    assert own in other.json["message"]
    taken = register(board, applicant="member-2", jobApplicationId=own)
    assert (taken.status, taken.json["code"], taken.json["field"]) == (409, "NUMBER_TAKEN", "jobApplicationId")
    largest = register(board, applicant="member-2", jobApplicationId=str(2**63 - 1))
    assert largest.json["jobApplicationId"] == f"urn:li:jobApplication:{2**63 - 1}"


def test_a_number_that_the_back_end_kept_does_not_stand_in_the_way_of_the_next_application(board: Board) -> None:
    number = int(register(board).json["jobApplicationId"].rpartition(":")[2])
    kept = register(board, job=JOB | {"externalId": "job-8"}, jobApplicationId=str(number + 1))
    assert kept.status == 201
    assert register(board, applicant="member-2").status == 201


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"job": JOB | {"externalId": "job-9"}}, 404, "UNKNOWN_JOB", "job"),
        ({"job": JOB | {"organization": "1"}}, 404, "UNKNOWN_JOB", "job"),
        ({"applicant": "member-9"}, 404, "UNKNOWN_APPLICANT", "applicant"),
        ({"applicant": ""}, 400, "BAD_FIELD", "applicant"),
        ({"applicant": "a\0"}, 400, "BAD_FIELD", "applicant"),
        ({"job": {"organization": "1"}}, 400, "BAD_FIELD", "job.externalId"),
        ({"job": JOB | {"organization": "one"}}, 400, "BAD_FIELD", "job.organization"),
        ({"job": JOB | {"title": "x"}}, 400, "BAD_FIELD", "job.title"),
        ({"submittedAt": 1604600000}, 400, "BAD_FIELD", "submittedAt"),
        ({"submittedAt": 4000000000000}, 400, "BAD_FIELD", "submittedAt"),
        ({"submittedAt": 0}, 400, "BAD_FIELD", "submittedAt"),
        ({"jobApplicationId": "urn:li:jobApplication:urn:li:jobApplication:1"}, 400, "BAD_FIELD", "jobApplicationId"),
        ({"jobApplicationId": "9" * 19}, 400, "BAD_FIELD", "jobApplicationId"),
        ({"jobApplicationId": 7}, 400, "BAD_FIELD", "jobApplicationId"),
    ],
)
def test_an_application_that_cannot_be_is_refused_and_nothing_stored(
    board: Board, database_url: str, fields: dict[str, object], status: int, code: str, field: str
) -> None:
    answer = register(board, **fields)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (status, code, field)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM jobboard.application").fetchone() == (0,)


def test_what_an_ats_reports_is_read_with_the_pages_own_rows(board: Board, token: str) -> None:
    """spec R23."""
    application = register(board, submittedAt=1604600000017).json["jobApplicationId"]
    viewed_at = report(board, token, application, VIEWED)
    read = board.ask("GET", f"/board/v1/applications/{application}")
    assert read.status == 200
    assert actions(read) == ["APPLICATION_SUBMITTED", "APPLICATION_VIEWED"]
    assert read.json["status"]["performedAt"] == viewed_at
    assert board.ask("GET", f"/board/v1/applications/{application.rpartition(':')[2]}").json == read.json
    roofer = register(board, job=JOB | {"externalId": "job-8"}, submittedAt=1604600000017)
    every = board.ask("GET", "/board/v1/applicants/member-1/applications")
    assert every.json == {"applications": [read.json, roofer.json]}
    assert board.ask("GET", "/board/v1/applicants/member-2/applications").json == {"applications": []}


def test_a_held_rejection_is_invisible_here_too(board: Board, token: str) -> None:
    """spec R16: with the policy's places a rejection is told by mail alone, so it never shows here."""
    application = register(board).json["jobApplicationId"]
    path = f"/board/v1/applications/{application}"
    before = board.ask("GET", path).body
    report(board, token, application, REJECTED)
    assert board.ask("GET", path).body == before
    board.clock.ahead = timedelta(hours=73)
    assert board.ask("GET", path).body == before


def test_without_consent_nothing_that_an_ats_reports_is_shown(board: Board, database_url: str, token: str) -> None:
    """spec R15."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE jobboard.customer SET applicant_notifications = false")
    application = register(board).json["jobApplicationId"]
    report(board, token, application, VIEWED)
    assert actions(board.ask("GET", f"/board/v1/applications/{application}")) == ["APPLICATION_SUBMITTED"]


def test_labels_are_in_the_applicants_language(board: Board) -> None:
    board.ask("PUT", "/board/v1/applicants/member-1", {"email": "m@example.com", "name": "M", "language": "de-AT"})
    german = register(board).json["status"]
    english = register(board, applicant="member-2").json["status"]
    assert german["action"] == english["action"]
    assert german["label"] != english["label"]


@pytest.mark.parametrize("path", ["applications/1", f"applications/{2**63 - 1}", "applicants/member-9/applications"])
def test_what_is_not_there_is_a_404_that_names_the_field(board: Board, path: str) -> None:
    answer = board.ask("GET", f"/board/v1/{path}")
    assert answer.status == 404
    assert answer.json["field"] in ("jobApplicationId", "externalId")


def test_the_same_application_registered_by_many_at_once_is_one(board: Board, database_url: str) -> None:
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: register(board), range(16)))
    assert sorted({answer.status for answer in answers}) == [200, 201]
    assert len({answer.json["jobApplicationId"] for answer in answers}) == 1
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM jobboard.action").fetchone() == (1,)


def test_the_same_applicant_put_by_many_at_once_is_one(board: Board, database_url: str) -> None:
    def put(nth: int) -> int:
        body = {"email": "new@example.com", "name": f"N {nth}"}
        return board.ask("PUT", f"/board/v1/applicants/new-{nth % 2}", body).status

    with ThreadPoolExecutor(8) as many:
        statuses = list(many.map(put, range(16)))
    assert set(statuses) == {201, 200, 409}
    with psycopg.connect(database_url) as connection:
        query = "SELECT count(*) FROM jobboard.applicant WHERE email = 'new@example.com'"
        assert connection.execute(query).fetchone() == (1,)
