"""The webhook's views on real servers, with a sender that signs as the board does (spec R32)."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ats.conftest import AtsDatabase
from tests.ats.sending import SECRET, payload, send, signed
from tests.house.sources import ROOT
from tests.sandbox.running import environment

VIEWS = [
    ("wsgi", "postgresql"), ("wsgi", "mysql"), ("wsgi", "sqlite"),
    ("asgi", "postgresql"), ("asgi", "mysql"), ("asgi", "sqlite"),
    ("asgi_async", "postgresql"), ("asgi_async", "sqlite"),
    ("django", "postgresql"), ("django", "sqlite"),
]  # fmt: skip


def on(*views: tuple[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("view", "ats_database"), views, indirect=True, ids=["-".join(each) for each in views]
    )


PATH = "/ats/webhook/board/12345"


@dataclass(frozen=True)
class Receiving:
    """A server with one of the views, and its database."""

    port: int
    database: AtsDatabase
    log: Path

    def deliver(self, number: int, **names: str) -> tuple[int, dict[str, Any]]:
        body = json.dumps(payload(number, **names)).encode()
        return send(self.port, PATH, body, signed(body))

    def stored(self) -> list[tuple[Any, ...]]:
        return self.database.all(
            "SELECT number, ats_id, source FROM unghost_application WHERE number >= 50000 ORDER BY number"
        )

    def candidates(self) -> list[tuple[Any, ...]]:
        return self.database.all("SELECT id, name FROM candidates ORDER BY id")


@pytest.fixture
def view(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def receiving(view: str, ats_database: AtsDatabase, tmp_path: Path) -> Iterator[Receiving]:
    database = ats_database
    key = "varchar(190) CHARACTER SET utf8mb4" if database.dialect == "mysql" else "text"
    database.do(
        f"CREATE TABLE candidates (id {key}, name {key})",
        "UPDATE unghost_customer SET client_secret = 'env:BOARD_SECRET' WHERE id = 1",
        "UPDATE unghost_customer SET client_secret = 'env:NOWHERE' WHERE id = 2",
    )
    url = database.async_url if view == "asgi_async" else database.url
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tests.ats.receiving_server", view, url]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, env=environment(BOARD_SECRET=SECRET)
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Receiving(int(line), database, log)
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


@on(*VIEWS)
def test_an_application_is_received_once_with_the_atss_own_id(receiving: Receiving) -> None:
    code = "9e2c7a46-0a3e-4bd8-8f3a-111111111111"
    answer = send(receiving.port, f"{PATH}?challengeCode={code}&applicationId=77", method="GET")
    response = hmac.new(SECRET.encode(), code.encode(), hashlib.sha256).hexdigest()
    assert answer == (200, {"challengeCode": code, "challengeResponse": response})

    assert receiving.deliver(50001) == (200, {})
    assert receiving.deliver(50001) == (200, {}), "a redelivery is taken, and nobody is called"
    escaped = json.dumps(payload(50002)).encode()
    raw = json.dumps(payload(50002), ensure_ascii=False).encode()
    assert send(receiving.port, PATH, raw, signed(escaped))[0] == 200, "signed in the escaped form"
    assert receiving.stored() == [(50001, "C-50001", "LinkedIn apply"), (50002, "C-50002", "LinkedIn apply")]
    assert receiving.candidates() == [("C-50001", "Zoë Nguyễn 🦉"), ("C-50002", "Zoë Nguyễn 🦉")]

    status, told = receiving.deliver(50003, last="Fehler")
    assert (status, told["errorCode"]) == (500, "NOT_STORED")
    assert len(receiving.stored()) == len(receiving.candidates()) == 2, "all of it is rolled back"
    logged = receiving.log.read_text()
    assert "urn:li:jobApplication:50003 is not stored" in logged
    assert "receiving_server.py" in logged, "the log says where it was raised"
    assert "zoe@people.example" not in logged, "and names nobody"
    assert receiving.deliver(50003) == (200, {}), "sent again it is taken"
    assert len(receiving.candidates()) == 3


@on(*VIEWS[:3], ("asgi_async", "postgresql"))
def test_the_same_application_in_many_deliveries_at_once_makes_one_candidate(receiving: Receiving) -> None:
    with ThreadPoolExecutor(8) as senders:
        told = list(senders.map(lambda nth: receiving.deliver(50001 + nth % 2), range(16)))
    # Who was refused, e.g. by a database's choice of a victim among those that wait, is sent again.
    assert {status for status, _ in told} <= {200, 500}
    assert receiving.deliver(50001)[0] == receiving.deliver(50002)[0] == 200
    assert [row[:2] for row in receiving.stored()] == [(50001, "C-50001"), (50002, "C-50002")]
    assert [row[0] for row in receiving.candidates()] == ["C-50001", "C-50002"]


@on(*((view, "sqlite") for view in ("wsgi", "asgi", "asgi_async", "django")))
def test_nothing_but_a_signed_application_of_a_known_customer_is_taken(receiving: Receiving) -> None:
    body = json.dumps(payload(50001)).encode()
    strange = json.dumps(payload(50001) | {"type": "JOB_POSTING_STATUS"}).encode()
    other = PATH.replace("12345", "67890")
    refused = [
        (send(receiving.port, PATH, body), 401, "SIGNATURE_MISSING"),
        (send(receiving.port, PATH, body, signed(body, "another secret")), 401, "SIGNATURE_INVALID"),
        (send(receiving.port, PATH, body, "hmacsha256=" + signed(body)), 401, "SIGNATURE_INVALID"),
        (send(receiving.port, PATH, body, "\xfc"), 401, "SIGNATURE_INVALID"),
        (send(receiving.port, PATH, body + b" ", signed(body)), 401, "SIGNATURE_INVALID"),
        (send(receiving.port, PATH, strange, signed(strange)), 400, "APPLICATION_INVALID"),
        (send(receiving.port, PATH, b"[", signed(b"[")), 400, "APPLICATION_INVALID"),
        (send(receiving.port, PATH + "9", body, signed(body)), 404, "CUSTOMER_UNKNOWN"),
        (send(receiving.port, "/ats/webhook/b%00ard/12345", body, signed(body)), 404, "CUSTOMER_UNKNOWN"),
        (send(receiving.port, "/ats/webhook/board/x", body, signed(body)), 404, "CUSTOMER_UNKNOWN"),
        (send(receiving.port, PATH, body, signed(body), "PUT"), 405, "METHOD_UNKNOWN"),
        (send(receiving.port, PATH, method="GET"), 400, "CHALLENGE_INVALID"),
        (send(receiving.port, other, body, signed(body)), 503, "SECRET_UNREADABLE"),
    ]
    assert [(status, told["errorCode"]) for (status, told), *_ in refused] == [tuple(want) for _, *want in refused]
    assert all(len(told["additionalErrorDetails"]) > 20 for (_, told), *_ in refused)
    assert receiving.stored() == receiving.candidates() == []


@on(*((view, "sqlite") for view in ("wsgi", "asgi", "django")))
def test_four_mebibytes_are_taken_and_not_a_byte_more(receiving: Receiving) -> None:
    """Whatever limit a framework has for forms."""
    frame = len(json.dumps(payload(50001) | {"letter": ""}).encode())
    for more, expected in ((0, 200), (1, 413)):
        body = json.dumps(payload(50001) | {"letter": "x" * ((4 << 20) - frame + more)}).encode()
        assert len(body) == (4 << 20) + more
        assert send(receiving.port, PATH, body, signed(body))[0] == expected
    assert [row[:2] for row in receiving.stored()] == [(50001, "C-50001")]
