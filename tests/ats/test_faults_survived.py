"""LinkedIn's own Python client and the ATS's end live through each fault of the sandbox as documented (spec R31, R37).

The client in the loop that docs/howto/report-from-an-ats.md asks of its users, the ATS's end as it is. In the end each
report is on the board once, and the applicant is told once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import linkedin_api.common.constants as linkedin
import pytest
import requests
import trustme
from linkedin_api.clients.auth.client import AuthClient
from linkedin_api.clients.restli.client import RestliClient

from tests.ats.conftest import AtsDatabase
from tests.ats.reporting import Now
from tests.journeys.playing import Applied
from tests.journeys.winding import Sandbox
from tests.journeys.winding import sandbox as run_sandbox
from unghost import ats
from unghost.ats import dispatcher
from unghost.ats.settings import DestinationSettings, Settings
from unghost.wire.lifecycle import milliseconds

#: What is done to the first report; the attempts that the board sees, and whether it ends in a mail.
FAULTS: dict[str, tuple[dict[str, Any], list[int], bool]] = {
    "too many calls": ({"status": 429, "headers": {"Retry-After": "1"}}, [429, 201], True),
    "an error of the board's own": ({"status": 500}, [500, 201], True),
    "overloaded": ({"status": 503, "headers": {"Retry-After": "1"}}, [503, 201], True),
    "a late answer": ({"latency": "700ms"}, [201], True),
    "an answer in drops": ({"drip": "1ms"}, [201], True),
    "cut before it is stored": ({"cut": "before"}, [0, 201], True),
    "cut after it is stored": ({"cut": "after"}, [0, 201], True),
    "the token expires": ({"token": "expired"}, [401, 201], True),
    "consent is withdrawn": ({"consent": "off"}, [201], False),
}
RESOURCE = "/jobApplicationLifecycleActions"
EACH = pytest.mark.parametrize("fault", FAULTS)
ON_SQLITE = pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the module."""
    with run_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The sandbox as after its first start, without its first mails."""
    running.reset()
    requests.delete(running.line["inbox_url"], timeout=5)
    return running


def faulty(sandbox: Sandbox, fault: str) -> Applied:
    """Somebody new, whose first report meets the fault."""
    applied = sandbox.applied()
    sandbox.told("POST", "settle")
    requests.delete(sandbox.line["inbox_url"], timeout=5)
    rule = {"name": fault, "when": {"application": applied.urn}, "what": FAULTS[fault][0], "nth": 1}
    sandbox.told("POST", "faults", rule)
    return applied


def survived(sandbox: Sandbox, applied: Applied, fault: str) -> None:
    """The journal has the attempts that were wanted, and the applicant was told once, or not without consent."""
    sandbox.told("POST", "settle")
    number = applied.urn.rpartition(":")[2]
    entries = sandbox.told("GET", f"journal?path=/v2/&application={number}")["entries"][::-1]
    assert ([entry["status"] for entry in entries], entries[0]["fault"] is not None) == (FAULTS[fault][1], True)
    told = sandbox.mails(applied.email)
    assert [(mail["copies"], "viewed" in mail["subject"]) for mail in told] == [(1, True)] * FAULTS[fault][2]
    notices = sandbox.told("GET", f"journal/{entries[-1]['number']}")["led_to"]
    assert {notice["state"] for notice in notices} == ({"told"} if FAULTS[fault][2] else {"withheld"})


@EACH
def test_linkedins_python_client_gets_each_report_through(
    sandbox: Sandbox, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linkedin, "OAUTH_BASE_URL", f"{sandbox.base_url}/oauth/v2")
    monkeypatch.setattr(linkedin, "NON_VERSIONED_BASE_URL", f"{sandbox.base_url}/v2")
    applied = faulty(sandbox, fault)
    auth = AuthClient(client_id=sandbox.line["client_id"], client_secret=sandbox.line["client_secret"])
    entity = {
        "jobApplicationId": applied.urn,
        "action": "APPLICATION_VIEWED",
        "performedAt": milliseconds(sandbox.now()),
        "integrationContext": sandbox.line["organization"],
    }
    token = auth.get_two_legged_access_token().access_token
    for _ in range(8):  # as often as LinkedIn's SDK for Java
        try:
            answer = RestliClient().create(resource_path=RESOURCE, entity=entity, access_token=token)
        except requests.ConnectionError:
            continue  # no answer: the same again
        if answer.status_code == 201:
            break
        if answer.status_code == 401:
            token = auth.get_two_legged_access_token().access_token
        else:
            assert answer.status_code in (429, 500, 503), answer.response.text
            time.sleep(float(answer.headers.get("Retry-After", 0)))
    else:
        pytest.fail("it never got through")
    survived(sandbox, applied, fault)


class End:
    """The ATS's end: one activity on one application, and the settings to report it to a sandbox's board."""

    def __init__(self, sandbox: Sandbox, applied: Applied, kind: str, database: AtsDatabase) -> None:
        number, organization = (urn.rpartition(":")[2] for urn in (applied.urn, sandbox.line["organization"]))
        database.do(
            "DELETE FROM unghost_application",
            "DELETE FROM unghost_customer",
            f"""INSERT INTO unghost_customer (id, destination, organization, client_id, client_secret) VALUES
                (1, 'board', {organization}, '{sandbox.line["client_id"]}', '{sandbox.line["client_secret"]}')""",
            f"INSERT INTO unghost_application (customer_id, number, ats_id) VALUES (1, {number}, 'C-1')",
        )
        with closing(database.connect()) as connection:
            ats.record(connection, ats.viewed("C-1"), now=sandbox.now())
            connection.commit()
        board = DestinationSettings(
            name="board", kind=kind, base_url=sandbox.base_url, token_url=f"{sandbox.base_url}/oauth/v2/accessToken"
        )
        self.database, self.clock = database, Now()
        self.settings = Settings(database_url=database.url, destinations={"board": board}, others={})

    def states(self) -> set[str]:
        return {state for *_, state, _ in self.database.recorded()}

    def work(self) -> None:
        """Report what is due, once."""
        asyncio.run(dispatcher.run_once(self.settings, self.clock, asyncio.Event(), lambda: 1.0))

    def get_through(self) -> None:
        """Work, and again after a minute, until it is sent."""
        for _ in range(8):
            self.work()
            if self.states() == {"sent"}:
                return
            self.clock.ahead += timedelta(minutes=1)
        pytest.fail(f"it never got through: {self.database.recorded()}")


@EACH
@pytest.mark.parametrize("kind", ["unghost", "linkedin"])
@ON_SQLITE
def test_the_ats_end_gets_each_report_through(
    sandbox: Sandbox, fault: str, kind: str, ats_database: AtsDatabase
) -> None:
    applied = faulty(sandbox, fault)
    End(sandbox, applied, kind, ats_database).get_through()
    survived(sandbox, applied, fault)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that serves https, with a certificate of an authority that only the tests know."""
    folder, authority = tmp_path_factory.mktemp("secure"), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for part in issued.cert_chain_pems:
        part.write_to_path(str(folder / "cert.pem"), append=True)
    options = ("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"))
    with run_sandbox(folder, *options) as running:
        running.verify = str(folder / "authority.pem")
        yield running


@pytest.mark.parametrize("fault", ["an answer in drops", "cut before it is stored", "cut after it is stored"])
@pytest.mark.parametrize("kind", ["unghost", "linkedin"])
@ON_SQLITE
def test_the_ats_end_speaks_https(
    secure: Sandbox, fault: str, kind: str, ats_database: AtsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.verify))
    secure.reset()
    applied = faulty(secure, fault)
    End(secure, applied, kind, ats_database).get_through()
    survived(secure, applied, fault)


@ON_SQLITE
def test_a_board_whose_certificate_is_not_trusted_is_told_nothing(secure: Sandbox, ats_database: AtsDatabase) -> None:
    secure.reset()
    end = End(secure, secure.applied(), "unghost", ats_database)
    end.work()
    assert end.states() == {"waiting"}
    [(trouble, token)] = ats_database.all("SELECT trouble, access_token FROM unghost_customer")
    assert "127.0.0.1 cannot be reached" in trouble and "certificate verify failed" in trouble
    assert token is None
    assert secure.told("GET", "journal?path=/oauth/")["entries"] == []
