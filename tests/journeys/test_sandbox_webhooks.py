"""Webhooks of a sandbox that runs: in its journal, under its rules, by its clock (spec R28, R37)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.jobboard.webhooks.ats import Ats, listening
from tests.journeys.winding import Sandbox
from tests.journeys.winding import sandbox as run_sandbox


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the module."""
    with run_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@dataclass
class Loop:
    """A sandbox, and an ATS whose job it has."""

    sandbox: Sandbox
    ats: Ats
    job: str

    def post(self) -> None:
        """Post the job as its ATS does."""
        answer = requests.post(
            f"{self.sandbox.base_url}/v2/simpleJobPostings",
            json={
                "elements": [
                    {
                        "externalJobPostingId": self.job,
                        "jobPostingOperationType": "CREATE",
                        "title": "Joiner",
                        "description": "Tables and chairs.",
                        "location": "Berlin, Germany",
                        "listedAt": 1_760_000_000_000,
                        "integrationContext": self.sandbox.line["organization"],
                        "companyApplyUrl": "https://harbour.example/apply",
                        "onsiteApplyConfiguration": {"jobApplicationWebhookUrl": self.ats.url},
                    }
                ]
            },
            headers={"Authorization": f"Bearer {self.sandbox.token()}", "x-restli-method": "batch_create"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["elements"][0]["status"] == 202, answer.text
        self.sandbox.told("POST", "settle")

    def apply(self) -> str:
        """Somebody applies; the application's URN."""
        name = uuid.uuid4().hex[:12]
        self.sandbox.board("PUT", f"applicants/{name}", {"email": f"{name}@example.org", "name": "Kim Doe"})
        job = {"organization": self.sandbox.line["organization"], "externalId": self.job}
        made = self.sandbox.board("POST", "applications", {"job": job, "applicant": name})
        self.sandbox.told("POST", "settle")
        return str(made["jobApplicationId"])

    def journal(self, query: str) -> list[dict[str, Any]]:
        """Entries, oldest first."""
        found: list[dict[str, Any]] = self.sandbox.told("GET", f"journal?{query}")["entries"]
        return found[::-1]

    def rule(self, **what: Any) -> None:
        """What happens to the next delivery."""
        self.sandbox.told("POST", "faults", {"when": {"webhook": "delivery"}, "what": what, "nth": 1})


@pytest.fixture
def loop(running: Sandbox) -> Iterator[Loop]:
    """The sandbox as after its first start, its clock stopped, and an ATS that listens."""
    running.reset()
    running.told("POST", "clock/freeze")
    with listening(running.line["client_secret"]) as ats:
        yield Loop(running, ats, uuid.uuid4().hex[:12])
    running.reset()


def test_challenges_and_deliveries_stand_in_the_journal_with_what_they_led_to(loop: Loop) -> None:
    loop.post()
    application = loop.apply()
    challenge, delivery = loop.journal("webhook=any")
    assert (challenge["method"], challenge["status"], challenge["webhook"]) == ("GET", 200, "challenge")
    assert challenge["path"].startswith(f"{loop.ats.url}?challengeCode=")
    assert json.loads(challenge["answer"])["challengeResponse"]
    assert (delivery["method"], delivery["path"], delivery["reason"]) == ("POST", loop.ats.url, "200: delivered")
    assert json.loads(delivery["body"])["jobApplicationId"] == application
    assert [name for name, _ in delivery["headers"]] == ["Content-Type", "X-LI-Signature"]
    assert [entry["customer"] for entry in (challenge, delivery)] == ["12345", "12345"]
    for entry, state in ((challenge, "verified"), (delivery, "delivered")):
        shown = loop.sandbox.told("GET", f"journal/{entry['number']}")
        assert [one["state"] for one in shown["led_to"]] == [state]
        assert loop.ats.url in shown["curl"]
        page = loop.sandbox.ask("GET", f"journal/{entry['number']}", headers={"Accept": "text/html"})
        assert (page.status_code, state in page.text) == (200, True)
    assert loop.sandbox.line["client_secret"] not in json.dumps([challenge, delivery])
    assert loop.journal(f"webhook=delivery&application={application}") == [delivery]


@pytest.mark.parametrize(
    ("what", "arrived", "reason"),
    [
        ({"down": True}, 0, "no answer: no connection to 127.0.0.1: Connection refused"),
        ({"status": 503}, 0, "503: Service Unavailable; only 200 counts"),
        ({"cut": "before"}, 0, "no answer: 127.0.0.1 does not speak HTTP, or stopped in the middle"),
        ({"cut": "after"}, 1, "no answer: 127.0.0.1 does not speak HTTP, or stopped in the middle"),
        ({"latency": "12s"}, 0, "no answer: 127.0.0.1 did not answer within 10 s"),
    ],
)
def test_a_webhook_that_fails_gets_the_application_again_with_the_same_number(
    loop: Loop, what: dict[str, Any], arrived: int, reason: str
) -> None:
    loop.post()
    loop.rule(**what)
    application = loop.apply()
    assert len(loop.ats.deliveries) == arrived
    [failed] = loop.journal("webhook=delivery")
    assert (failed["reason"], failed["status"]) == (reason, what.get("status", 0))
    assert failed["fault"]
    loop.sandbox.advance("9s")
    assert len(loop.ats.deliveries) == arrived
    loop.sandbox.advance("1s")
    assert [sent.application for sent in loop.ats.deliveries] == [application] * (arrived + 1)
    [shown] = loop.sandbox.told("GET", "faults")["rules"]
    assert (shown["fitted"], shown["applied"]) == (2, 1)


def test_a_challenge_may_fail_for_one_customer_and_passes_at_its_next_time(loop: Loop) -> None:
    wrong = {"status": 200, "body": {"challengeCode": "x", "challengeResponse": "y"}}
    for customer in ("urn:li:organization:67890", "urn:li:organization:12345"):
        rule = {"when": {"webhook": "challenge", "customer": customer}, "what": wrong, "times": 1}
        loop.sandbox.told("POST", "faults", rule)
    loop.post()
    [challenge] = loop.journal("webhook=challenge")
    [stands] = loop.sandbox.told("GET", f"journal/{challenge['number']}")["led_to"]
    assert (stands["state"], loop.ats.challenges) == ("unverified", [])
    assert "not with the code and the HMAC" in stands["detail"]
    loop.sandbox.advance("1m")
    assert len(loop.ats.challenges) == 1
    loop.apply()
    assert len(loop.ats.deliveries) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"when": {"webhook": "delivery", "route": "reports"}, "what": {"status": 503}}, "leave route, method, smtp"),
        ({"when": {"webhook": "any"}, "what": {"token": "expired"}}, "about webhooks and does token"),
        ({"when": {}, "what": {"down": True}}, "has a webhook down and is not about one: give webhook in when"),
        ({"when": {"webhook": "any"}, "what": {"down": True, "status": 503}}, "does status and down at once"),
        ({"when": {"webhook": "some"}, "what": {"down": True}}, "cannot be read"),
    ],
)
def test_a_rule_about_webhooks_that_contradicts_itself_is_refused(loop: Loop, given: object, said: str) -> None:
    answer = loop.sandbox.ask("POST", "faults", given)
    assert (answer.status_code, said in answer.json()["message"]) == (400, True), answer.text
