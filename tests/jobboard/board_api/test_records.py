"""Customers, jobs, applicants and suppressions kept by the job board's own back end (spec R19, R28)."""

from __future__ import annotations

import psycopg
import pytest

from tests.jobboard.board_server import Board, segment

CUSTOMER = "/board/v1/customers/urn:li:organization:12345"
JOB = "/board/v1/jobs/12345/job-7"
MARA = {"email": "mara@example.com", "name": "Mara", "language": "de", "timeZone": "Europe/Berlin"}


@pytest.fixture
def customer(board: Board) -> None:
    assert board.ask("PUT", CUSTOMER, {"name": "Nordlicht Bau"}).status == 201


def test_a_customer_is_created_read_and_changed_and_what_is_left_out_stays(board: Board) -> None:
    sent = {"name": "Nordlicht", "admins": ["Ute@Example.com"], "holds": {"APPLICATION_REJECTED": 345600}}
    created = board.ask("PUT", CUSTOMER, sent)
    assert created.status == 201
    assert created.json == {
        "organization": "urn:li:organization:12345",
        "name": "Nordlicht",
        "admins": ["ute@example.com"],
        "holds": {"APPLICATION_REJECTED": 345600},
        "applicantNotifications": False,
    }
    changed = board.ask("PUT", CUSTOMER, {"name": "Nordlicht Bau"})
    assert changed.status == 200
    assert changed.json == created.json | {"name": "Nordlicht Bau"}
    assert board.ask("GET", "/board/v1/customers/12345").json == changed.json
    emptied = board.ask("PUT", CUSTOMER, {"name": "Nordlicht Bau", "admins": [], "holds": {}})
    assert (emptied.json["admins"], emptied.json["holds"]) == ([], {})


def test_admins_keep_their_identity_when_the_list_is_sent_again(board: Board, database_url: str) -> None:
    board.ask("PUT", CUSTOMER, {"name": "N", "admins": ["a@example.com", "b@example.com"]})
    with psycopg.connect(database_url) as connection:
        query = "SELECT id FROM jobboard.customer_admin WHERE email = 'a@example.com'"
        before = connection.execute(query).fetchall()
        board.ask("PUT", CUSTOMER, {"name": "N", "admins": ["A@example.com", "a@example.com", "c@example.com"]})
        assert connection.execute(query).fetchall() == before
    assert board.ask("GET", CUSTOMER).json["admins"] == ["a@example.com", "c@example.com"]


def test_the_board_api_cannot_give_a_customers_consent(board: Board) -> None:
    """Only a person ticks the box (spec R15, R26)."""
    answer = board.ask("PUT", CUSTOMER, {"name": "N", "applicantNotifications": True})
    assert (answer.status, answer.json["field"]) == (400, "applicantNotifications")


@pytest.mark.usefixtures("customer")
def test_a_job_is_created_closed_and_opened_again(board: Board) -> None:
    created = board.ask("PUT", JOB, {"title": "Carpenter", "location": "Kiel", "listedAt": 1604600000017})
    assert created.status == 201
    assert created.json["listedAt"] == 1604600000017
    assert created.json["closedAt"] is None
    assert created.json["url"].startswith(f"{board.url}/jobs/")
    closed = board.ask("PUT", JOB, {"title": "Carpenter", "closed": True})
    assert closed.status == 200
    assert closed.json["location"] == "Kiel"
    assert closed.json["closedAt"] > 1604600000017
    again = board.ask("PUT", JOB, {"title": "Carpenter (m/w/d)", "closed": True})
    assert again.json["closedAt"] == closed.json["closedAt"]
    assert board.ask("PUT", JOB, {"title": "Carpenter"}).json["closedAt"] == closed.json["closedAt"]
    assert board.ask("PUT", JOB, {"title": "Carpenter", "closed": False}).json["closedAt"] is None
    assert board.ask("GET", JOB).json["title"] == "Carpenter"


@pytest.mark.usefixtures("customer")
@pytest.mark.parametrize("name", ["REQ/2024/12", "a b", "ünï", "100%", "..", "x?y#z", "c++"])
def test_a_jobs_name_may_hold_what_the_back_end_puts_there(board: Board, name: str) -> None:
    path = f"/board/v1/jobs/12345/{segment(name)}"
    assert board.ask("PUT", path, {"title": "Carpenter"}).json["externalId"] == name
    assert board.ask("GET", path + "/").json["externalId"] == name


def test_a_job_of_an_unknown_customer_is_refused(board: Board) -> None:
    answer = board.ask("PUT", JOB, {"title": "Carpenter"})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (404, "UNKNOWN_CUSTOMER", "organization")


def test_an_applicant_is_created_read_and_changed(board: Board) -> None:
    created = board.ask("PUT", "/board/v1/applicants/member-1", MARA)
    assert created.status == 201
    assert created.json == MARA | {
        "externalId": "member-1",
        "viewedMails": True,
        "statusMails": True,
        "mailSuppressed": None,
    }
    changed = board.ask("PUT", "/board/v1/applicants/member-1", {"email": "m@example.com", "name": "Mara"})
    assert changed.status == 200
    assert changed.json == created.json | {"email": "m@example.com"}
    assert board.ask("GET", "/board/v1/applicants/member-1").json == changed.json
    assert board.ask("GET", "/board/v1/applicants/member-2").status == 404


def test_an_address_of_another_applicant_is_refused_in_any_case_of_letters(board: Board) -> None:
    board.ask("PUT", "/board/v1/applicants/member-1", MARA)
    board.ask("PUT", "/board/v1/applicants/member-2", MARA | {"email": "two@example.com"})
    for member in ("member-2", "member-3"):
        answer = board.ask("PUT", f"/board/v1/applicants/{member}", MARA | {"email": "MARA@Example.com"})
        assert (answer.status, answer.json["code"], answer.json["field"]) == (409, "ADDRESS_TAKEN", "email")
        assert "mara" not in answer.json["message"].lower()
    assert board.ask("GET", "/board/v1/applicants/member-2").json["email"] == "two@example.com"


def test_somebody_who_applied_on_the_boards_page_before_gets_their_name_in_the_back_end(
    board: Board, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO jobboard.applicant (email, name, created_at) VALUES ('Mara@example.com', 'M', now())"
        )
    assert board.ask("PUT", "/board/v1/applicants/member-1", MARA).status == 200
    assert board.ask("GET", "/board/v1/applicants/member-1").json["name"] == "Mara"


def test_a_complaint_stops_mail_until_the_address_changes(board: Board) -> None:
    """spec R19."""
    board.ask("PUT", "/board/v1/applicants/member-1", MARA)

    def suppressed(reason: str) -> str | None:
        answer = board.ask("POST", "/board/v1/suppressions", {"email": "mara@EXAMPLE.com", "reason": reason})
        assert (answer.status, answer.body) == (204, b"")
        return board.ask("GET", "/board/v1/applicants/member-1").json["mailSuppressed"]

    assert suppressed("hard_bounce") == "hard_bounce"
    assert suppressed("complaint") == "complaint"
    assert suppressed("hard_bounce") == "complaint"
    assert board.ask("PUT", "/board/v1/applicants/member-1", MARA).json["mailSuppressed"] == "complaint"
    moved = MARA | {"email": "new@example.com"}
    assert board.ask("PUT", "/board/v1/applicants/member-1", moved).json["mailSuppressed"] is None


def test_a_suppression_does_not_tell_whether_the_address_is_known(board: Board) -> None:
    answer = board.ask("POST", "/board/v1/suppressions", {"email": "nobody@example.com", "reason": "complaint"})
    assert (answer.status, answer.body) == (204, b"")
