"""The webhook's challenge, signature and payload, without a server or a database (spec R32)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ats.sending import payload, posted, signed
from tests.sandbox.running import environment
from unghost.ats import application, secret, webhook
from unghost.ats.integrations import asgi, wsgi
from unghost.ats.store import schema


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.text(min_size=1, max_size=20))
def test_a_body_is_taken_when_either_form_of_it_is_signed(name: str, key: str) -> None:
    key = key.encode(errors="replace").decode()
    body = json.dumps({"name": name}, ensure_ascii=False).encode()
    escaped = json.dumps({"name": name}).replace("\x7f", "\\u007f").encode()
    assert webhook.is_signed(body, signed(body, key), key)
    assert webhook.is_signed(body, signed(body, key).upper(), key)
    assert webhook.is_signed(body, signed(escaped.replace(b"\\u007f", b"\x7f"), key), key)
    assert not webhook.is_signed(body + b" ", signed(body, key), key)
    assert not webhook.is_signed(body, signed(body, key + "x"), key)


def test_the_escaped_form_may_have_capital_digits() -> None:
    body = '{"name": "Zoë 🦉"}'.encode()
    assert webhook.is_signed(body, signed(b'{"name": "Zo\\u00EB \\uD83E\\uDD89"}', "key"), "key")


def test_a_body_that_is_no_text_is_judged_as_it_came() -> None:
    assert webhook.is_signed(b"\xff", signed(b"\xff", "key"), "key")
    assert not webhook.is_signed(b"\xff", "ü", "key")


def test_a_challenge_is_answered_by_its_hmac() -> None:
    told = webhook.challenge("challengeCode=a%2Bb&applicationId=5", "key")
    assert (told.status, json.loads(told.body)) == (
        200,
        {"challengeCode": "a+b", "challengeResponse": hmac.new(b"key", b"a+b", hashlib.sha256).hexdigest()},
    )


@pytest.mark.parametrize(
    "query", ["", "challengeCode=", "challengeCode=a&challengeCode=b", "challengeCode=%C3%BC", "a=1&" * 99]
)
def test_a_challenge_without_one_code_is_refused(query: str) -> None:
    assert webhook.challenge(query, "key").status == 400


def test_a_payload_becomes_an_application_with_what_the_applicant_gave() -> None:
    read = application.read(json.dumps(payload(50001)).encode(), "board", 12345)
    assert read.urn == "urn:li:jobApplication:50001"
    assert (read.first_name, read.last_name, read.email) == ("Zoë", "Nguyễn 🦉", "zoe@people.example")
    assert (read.phone, read.external_job_id, read.source) == ("+49 301234 ext. 5", "REQ-7", "LinkedIn apply")
    assert read.applied_at == datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
    assert read.resume_url == "https://board.example/resume/1"
    assert read.payload["jobApplicant"] == "urn:li:person:abc"
    assert "Zoë" not in repr(read), "what is logged by accident names nobody"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([
                "questionResponses", "contactInformationQuestionResponses", "firstNameAnswer", "value", "appliedAt",
                "cellphoneNumberQuestionAnswer", "countryCode", "nationalNumber", "externalJobId", "type",
                "jobApplicationId", "resumeQuestionResponses", "resumeQuestionAnswer", "mediaUrl",
            ]),
            inner,
            max_size=4,
        ),
        max_leaves=20,
    ),
    st.booleans(),
)  # fmt: skip
def test_no_payload_is_too_strange(value: Any, is_application: bool) -> None:
    if is_application and isinstance(value, dict):
        value = value | {"type": "EXPORT_JOB_APPLICATION", "jobApplicationId": "urn:li:jobApplication:7"}
        assert application.read(json.dumps(value).encode(), "board", 1).number == 7
        return
    try:
        application.read(json.dumps(value).encode(), "board", 1)
    except application.ApplicationError as error:
        assert ":" in str(error)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jobApplicationId": "urn:li:jobApplication:urn:li:jobApplication:1"}, "stands there twice"),
        ({"jobApplicationId": 7}, "want urn:li:jobApplication:N"),
        ({"jobApplicationId": "urn:li:jobApplication:1\n"}, "digits 0-9 only"),
        ({"type": None}, "type is not EXPORT_JOB_APPLICATION"),
    ],
)
def test_an_application_without_its_number_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(application.ApplicationError, match=says):
        application.read(json.dumps(payload(1) | change).encode(), "board", 1)


def test_what_no_database_keeps_is_left_out_of_the_names() -> None:
    read = application.read(json.dumps(payload(1, first="A\0b", last="\ud800c ")).encode(), "board", 1)
    assert (read.first_name, read.last_name) == ("Ab", "?c")
    contact = {"cellphoneNumberQuestionAnswer": {"value": "030 1"}, "emailAnswer": {"value": " "}}
    strange = payload(1) | {
        "appliedAt": 10**30,
        "questionResponses": {"contactInformationQuestionResponses": contact},
    }
    read = application.read(json.dumps(strange).encode(), "board", 1)
    assert (read.applied_at, read.first_name, read.email, read.phone) == (None, None, None, "030 1")
    assert read.name == ""
    of_one_name = application.read(json.dumps(payload(1, first="Cher", last="")).encode(), "board", 1)
    assert (of_one_name.name, of_one_name.last_name) == ("Cher", None)


def test_a_secret_is_itself_or_stands_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    monkeypatch.setenv("BOARD_SECRET", "from the variable")
    monkeypatch.delenv("NOWHERE", raising=False)
    assert [secret.read(each) for each in ("itself", "env:BOARD_SECRET", f"file:{file}")] == [
        "itself", "from the variable", "from the file",
    ]  # fmt: skip
    file.write_text("\n")
    for missing, says in [
        ("env:NOWHERE", "set the variable NOWHERE"),
        (f"file:{file}", "is empty"),
        (f"file:{tmp_path / 'none'}", "No such file"),
        ("", "a stored secret is empty"),
    ]:
        with pytest.raises(secret.SecretError, match=says):
            secret.read(missing)


@contextmanager
def committing(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def test_a_connection_that_commits_by_itself_is_refused_before_anything_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with committing(tmp_path / "ats") as connection:
        for statement in schema.ddl("sqlite"):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO unghost_customer (destination, organization, client_id, client_secret) VALUES (?, ?, ?, ?)",
            ("board", 12345, "one", "key"),
        )
        app = wsgi.webhook_app(lambda: committing(tmp_path / "ats"), lambda application, _: application.number)
        body = json.dumps(payload(1)).encode()
        assert posted(app, body, "key") == "500 Internal Server Error"
        assert "the connection is in autocommit" in caplog.text
        assert connection.execute("SELECT count(*) FROM unghost_application").fetchone() == (0,)


@pytest.mark.parametrize("returned", [None, "", "x" * 191, 1.5, True])
def test_a_callback_that_gives_no_id_is_told_so(
    returned: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ats"
    with sqlite3.connect(path) as connection:
        for statement in schema.ddl("sqlite"):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO unghost_customer (destination, organization, client_id, client_secret) VALUES (?, ?, ?, ?)",
            ("board", 12345, "one", "key"),
        )
        connection.commit()
        app = wsgi.webhook_app(lambda: sqlite3.connect(path), lambda application, _: returned)
        assert posted(app, json.dumps(payload(1)).encode(), "key") == "500 Internal Server Error"
        assert "on_application gave no id of the ATS's own" in caplog.text
        assert connection.execute("SELECT count(*) FROM unghost_application").fetchone() == (0,)
    connection.close()


def test_a_database_that_does_not_answer_makes_the_board_send_again(caplog: pytest.LogCaptureFixture) -> None:
    def connect() -> Any:
        raise ConnectionError("refused for zoe@people.example")

    assert posted(wsgi.webhook_app(connect, lambda application, _: 1), b"{}", "key") == "500 Internal Server Error"
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/board/1", "query_string": b"", "headers": []}
    asyncio.run(asgi.webhook_app(connect, lambda application, _: 1)(scope, receive, send))
    assert (sent[0]["status"], json.loads(sent[1]["body"])["errorCode"]) == (500, "NOT_STORED")
    assert "ConnectionError (" in caplog.text
    assert "zoe@people.example" not in caplog.text


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/webhook/board/12345", ("board", 12345)),
        ("/deep/mounted/ats/webhook/linkedin/1/", ("linkedin", 1)),
        ("/12345", None),
        ("//12345", None),
        ("/board/1٣", None),
        ("/board/" + "9" * 19, None),
        ("/bo\0ard/1", None),
    ],
)
def test_the_urls_last_two_parts_name_the_customer(path: str, named: tuple[str, int] | None) -> None:
    assert webhook.addressee(path) == named


def test_a_view_loads_no_framework_but_its_own() -> None:
    code = (
        "import sys, unghost.ats.integrations.wsgi, unghost.ats.integrations.asgi, "
        "unghost.ats.integrations.django_webhook; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert not set(done.stdout.split()) & {"sqlalchemy", "django", "psycopg", "httpx2", "starlette", "uvicorn"}
