"""Faults on command, each seen from the outside, on a sandbox that runs (spec R37)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.journeys.winding import Sandbox, dated
from tests.journeys.winding import sandbox as run_sandbox

EXAMPLE, MIRA = "urn:li:jobApplication:12345678", "mira.okafor@example.org"


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


def rule(sandbox: Sandbox, **given: Any) -> None:
    """Add a rule about reports."""
    sandbox.told("POST", "faults", {"when": {}} | given)


def viewed(sandbox: Sandbox, application: str = EXAMPLE, **more: Any) -> int:
    """Report that somebody looked at it; the answer's status, 0 if there was none."""
    try:
        return sandbox.report(application, "APPLICATION_VIEWED", **more).status_code
    except requests.ConnectionError:
        return 0


def test_a_status_comes_as_often_as_the_rule_says(sandbox: Sandbox) -> None:
    what = {"status": 429, "headers": {"Retry-After": "7"}}
    rule(sandbox, name="twice", what=what, nth=[1, 3])
    first = sandbox.report(EXAMPLE, "APPLICATION_VIEWED")
    assert (first.status_code, first.headers["retry-after"], first.json()["code"]) == (429, "7", "TOO_MANY_CALLS")
    assert [viewed(sandbox) for _ in range(3)] == [201, 429, 201]
    shown = sandbox.told("GET", "faults")["rules"]
    assert [(one["name"], one["fitted"], one["applied"]) for one in shown] == [("twice", 4, 2)]
    assert sandbox.told("GET", "journal?status=429")["entries"][0]["fault"] == "twice"
    sandbox.ask("DELETE", "faults")
    assert viewed(sandbox) == 201


def test_a_rule_that_is_added_lets_nothing_happen_again(sandbox: Sandbox) -> None:
    rule(sandbox, what={"status": 503}, nth=1)
    rule(sandbox, when={"smtp": "rcpt", "to": MIRA}, what={"answer": "451 4.3.0 later"}, nth=1)
    assert [viewed(sandbox), viewed(sandbox), viewed(sandbox, "9901500")] == [503, 201, 500]
    sandbox.advance("1h")
    assert [mail["copies"] for mail in sandbox.mails(MIRA)] == [1]
    rule(sandbox, what={"status": 418}, nth=90)
    rule(sandbox, when={"smtp": "mail"}, what={"answer": "451 4.3.0 later"}, nth=90)
    sandbox._tokens.clear()  # an hour is longer than a token lasts
    assert [viewed(sandbox), viewed(sandbox, "9901500")] == [201, 404]
    sandbox.report(EXAMPLE, "APPLICATION_REJECTED")
    assert sandbox.advance("72h")["moments"] == 1  # its mail was taken at the first try


def test_chance_is_the_same_each_time(sandbox: Sandbox) -> None:
    rounds = []
    for _ in range(2):
        rule(sandbox, what={"status": 503}, probability=0.5, seed=7)
        rounds.append([viewed(sandbox) for _ in range(12)])
        sandbox.ask("DELETE", "faults")
    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {201, 503}


def test_a_line_that_is_cut_before_leaves_nothing_and_one_that_is_cut_after_leaves_the_action(sandbox: Sandbox) -> None:
    rule(sandbox, what={"cut": "before"}, nth=1)
    assert viewed(sandbox) == 0
    sandbox.told("POST", "settle")
    assert sandbox.mails() == []
    sandbox.ask("DELETE", "faults")
    rule(sandbox, what={"cut": "after"}, nth=1)
    at = 1604600000017
    assert viewed(sandbox, performed_at=at) == 0
    sandbox.told("POST", "settle")
    assert len(sandbox.mails(MIRA)) == 1
    assert viewed(sandbox, performed_at=at) == 201  # sent again, as one must: it is the same report (spec R8)
    sandbox.told("POST", "settle")
    assert len(sandbox.mails(MIRA)) == 1
    assert [e["reason"] for e in sandbox.told("GET", "journal?status=0")["entries"]] == [
        "no answer: cut after it is done",
        "no answer: cut before it is done",
    ]


def test_an_answer_can_be_late_or_drip(sandbox: Sandbox) -> None:
    rule(sandbox, what={"latency": "150ms"}, nth=1)
    rule(sandbox, what={"drip": "1ms"}, nth=2)
    assert viewed(sandbox) == 201
    assert viewed(sandbox, "urn:li:jobApplication:77") == 404
    late, dripping = sandbox.told("GET", "journal?path=/v2/")["entries"][::-1]
    assert late["took_ms"] >= 150
    assert dripping["took_ms"] >= len(dripping["answer"])


def test_a_token_really_expires_and_a_new_one_works(sandbox: Sandbox) -> None:
    rule(sandbox, what={"token": "expired"}, nth=2)
    assert viewed(sandbox) == 201
    refused = sandbox.report(EXAMPLE, "APPLICATION_VIEWED")
    assert (refused.status_code, refused.json()["code"]) == (401, "EXPIRED_TOKEN")
    assert viewed(sandbox) == 401  # it stays so, whatever the rules say now
    sandbox._tokens.clear()
    assert viewed(sandbox) == 201


def test_consent_is_withdrawn_before_the_report_is_judged(sandbox: Sandbox) -> None:
    rule(sandbox, what={"consent": "off"}, nth=1)
    assert viewed(sandbox) == 201
    sandbox.told("POST", "settle")
    assert sandbox.mails() == []
    [entry] = sandbox.told("GET", "journal?path=/v2/")["entries"]
    led_to = sandbox.told("GET", f"journal/{entry['number']}")["led_to"]
    assert {notice["reason"] for notice in led_to} == {"no_consent"}


def test_a_rule_can_be_about_one_application_customer_route_or_method(sandbox: Sandbox) -> None:
    rule(sandbox, when={"application": "urn:li:jobApplication:10001"}, what={"status": 500})
    assert (viewed(sandbox), viewed(sandbox, "10001")) == (201, 500)
    sandbox.ask("DELETE", "faults")
    rule(sandbox, when={"customer": "67890"}, what={"status": 500})
    other = sandbox.token(*sandbox.other_client())
    assert (viewed(sandbox), viewed(sandbox, token=other)) == (201, 500)
    sandbox.ask("DELETE", "faults")
    rule(sandbox, when={"route": "/jobs", "method": "GET"}, what={"status": 502, "body": "gone"})
    page = requests.get(f"{sandbox.base_url}/jobs", timeout=10)
    assert (page.status_code, page.text, viewed(sandbox)) == (502, "gone", 201)
    sandbox.ask("DELETE", "faults")
    rule(sandbox, when={"route": "tokens"}, what={"status": 503})
    sandbox._tokens.clear()
    with pytest.raises(AssertionError):
        sandbox.token()


def test_a_mail_that_is_put_off_comes_later_by_the_clock(sandbox: Sandbox) -> None:
    rule(sandbox, when={"smtp": "rcpt", "to": MIRA}, what={"answer": "451 4.3.0 later"}, nth=1)
    assert viewed(sandbox) == 201
    sandbox.told("POST", "settle")
    assert sandbox.mails() == []
    accepted = sandbox.now()
    assert sandbox.advance("1h")["moments"] == 1
    [mail] = sandbox.mails()
    assert (mail["to"], mail["copies"]) == (MIRA, 1)
    assert dated(mail) >= accepted.replace(microsecond=0)  # the wait is by chance, and a mail's date has whole seconds


def test_a_mail_whose_answer_is_lost_comes_twice_and_is_one(sandbox: Sandbox) -> None:
    rule(sandbox, when={"smtp": "data"}, what={"cut": "after"}, nth=1)
    assert viewed(sandbox) == 201
    sandbox.advance("1h")
    [mail] = sandbox.mails()
    assert mail["copies"] == 2


@pytest.mark.parametrize(
    ("address", "after_an_hour", "copies"),
    [("temperror", 0, 0), ("temperror-once", 1, 1), ("permerror", 0, 0), ("cut-once", 1, 2), ("nobody", 1, 1)],
)
def test_magic_addresses_mean_a_fault(sandbox: Sandbox, address: str, after_an_hour: int, copies: int) -> None:
    sandbox.board("PUT", f"jobs/12345/{address}", {"title": "Joiner"})
    sandbox.board("PUT", f"applicants/{address}", {"email": f"{address}@example.org", "name": "Kim"})
    sent = {"job": {"organization": "urn:li:organization:12345", "externalId": address}, "applicant": address}
    sandbox.board("POST", "applications", sent)
    sandbox.advance("1h")
    mails = sandbox.mails(f"{address}@example.org")
    assert (len(mails), sum(mail["copies"] for mail in mails)) == (after_an_hour, copies)


def test_magic_applications_mean_a_fault(sandbox: Sandbox) -> None:
    assert [viewed(sandbox, "9900503") for _ in range(2)] == [503, 503]
    assert viewed(sandbox, "urn:li:jobApplication:9900429") == 429
    assert [viewed(sandbox, "9901500") for _ in range(2)] == [
        500,
        404,
    ]  # the first time; then it is a number like others
    assert viewed(sandbox, "9900001") == 0
    wrong = sandbox.report("9900999", "APPLICATION_VIEWED")
    assert wrong.status_code == 400
    assert "looks like a magic application number and is none: they end with 001, " in wrong.json()["message"]
    batch = {"elements": [{"jobApplicationId": id, "action": "APPLICATION_VIEWED"} for id in (EXAMPLE, "9901999")]}
    headers = {"Authorization": f"Bearer {sandbox.token()}", "x-restli-method": "batch_create"}
    url = f"{sandbox.base_url}/v2/jobApplicationLifecycleActions"
    second = requests.post(url, json=batch, headers=headers, timeout=10)
    assert second.status_code == 400
    assert "9901999 looks like a magic application number and is none" in second.json()["message"]
    assert "9900503" in sandbox.told("GET", "faults")["magic"]["applications"]


def test_methods_are_written_as_one_likes_and_a_204_has_no_body(sandbox: Sandbox) -> None:
    rule(sandbox, when={"method": "post", "application": EXAMPLE}, what={"status": 204, "headers": {"X-Mark": "1"}})
    answer = sandbox.report(EXAMPLE, "APPLICATION_VIEWED")
    assert (answer.status_code, answer.content, answer.headers["x-mark"]) == (204, b"", "1")
    assert "content-length" not in answer.headers
    assert viewed(sandbox, "10001") == 201  # the line goes on as if nothing had been


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"when": {}, "what": {}}, "does nothing: give status"),
        ({"when": {}, "what": {"status": 503, "cut": "after"}}, "does status and cut at once"),
        ({"when": {}, "what": {"status": 99}}, "answers 99: give 200 to 599"),
        ({"when": {}, "what": {"latency": "1h"}}, "'1h' is no wait: give one of at most 120s"),
        ({"when": {}, "what": {"body": {}, "latency": "1s"}}, "has a body or headers without a status"),
        ({"when": {}, "what": {"status": 503}, "nth": 1, "probability": 0.5}, "has nth and probability"),
        ({"when": {}, "what": {"status": 503}, "nth": 0}, "counts from 1"),
        ({"when": {}, "what": {"status": 503}, "nth": 1, "times": 2}, "has nth and times"),
        ({"when": {}, "what": {"status": 503}, "times": 0}, "never applies"),
        ({"when": {}, "what": {"status": 503}, "probability": 2}, "has the probability 2.0"),
        ({"when": {"smtp": "rcpt", "route": "reports"}, "what": {"answer": "451 x"}}, "about mails and about calls"),
        ({"when": {"smtp": "rcpt"}, "what": {"status": 503}}, "is about mails and does status"),
        ({"when": {}, "what": {"answer": "451 x"}}, "has an SMTP answer for a call"),
        ({"when": {"smtp": "data"}, "what": {"answer": "451 x\r\n250 ok"}}, "give a code and words"),
        ({"when": {"route": "tokenz"}, "what": {"status": 503}}, "there is no route 'tokenz'"),
        ({"when": {"route": "tokens"}, "what": {"token": "expired"}}, "needs a report to act on"),
        ({"when": {"route": "tokens", "application": "1"}, "what": {"cut": "after"}}, "call for a token names nobody"),
        ({"when": {"method": "FETCH"}, "what": {"status": 503}}, "has the method 'FETCH': give one of GET, HEAD, POST"),
        ({"when": {"method": "get"}, "what": {"status": 503}}, "never fits, for reports come by POST or DELETE"),
        ({"when": {}, "what": {"status": 503}, "nth": []}, "never applies: give nth as 1, 2 or a list"),
        ({"when": {"webhook": "challenge", "application": "1"}, "what": {"down": True}}, "is about no application"),
        (
            {"when": {"application": "99abc"}, "what": {"status": 503}},
            "give urn:li:jobApplication:12345, or the number",
        ),
        ({"when": {"application": ""}, "what": {"status": 503}}, "has the application '': give urn"),
        ({"when": {"application": "urn:li:job:1"}, "what": {"status": 503}}, "give urn:li:jobApplication:12345"),
        ({"when": {"customer": "abc"}, "what": {"status": 503}}, "has the customer 'abc': give urn:li:organization:"),
        ({"when": {}, "what": {"status": 503, "headers": {"a b": ""}}}, "has the header 'a b': give letters, digits"),
        ({"when": {}, "what": {"status": 503, "headers": {"a": "b\r\nc: d"}}}, "a header a that cannot be sent: give"),
        ({"when": {}, "what": {"status": 204, "body": {}}}, "answers 204 with a body, and that has none"),
        ({"when": {}, "what": {"statuz": 503}}, "unknown field `statuz`"),
        ({"what": {"status": 503}}, "missing required field `when`"),
        ([1], "cannot be read: Expected `object`"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused_in_one_sentence(running: Sandbox, given: object, said: str) -> None:
    before = running.told("GET", "faults")["rules"]
    answer = running.ask("POST", "faults", given)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert "\n" not in answer.json()["message"]
    assert running.told("GET", "faults")["rules"] == before


def test_an_application_with_a_magic_number_works_at_the_second_try(sandbox: Sandbox) -> None:
    sandbox.board("PUT", "jobs/12345/magic", {"title": "Joiner"})
    sandbox.board("PUT", "applicants/magic", {"email": "kim@example.org", "name": "Kim"})
    job = {"organization": "urn:li:organization:12345", "externalId": "magic"}
    number = "urn:li:jobApplication:9901503"
    sandbox.board("POST", "applications", {"job": job, "applicant": "magic", "jobApplicationId": number})
    assert [viewed(sandbox, number) for _ in range(2)] == [503, 201]
