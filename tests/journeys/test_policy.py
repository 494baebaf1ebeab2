"""Each row of the policy, from the report to mail and pages, through a demo that really runs (spec R13-R16)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from tests.journeys import playing
from tests.journeys.playing import Demo
from tests.journeys.playing import demo as run_demo
from tests.sandbox.running import wait_for
from unghost.postgres import Embedded

SUBMITTED, VIEWED, DOWNLOADED = "Submitted", "Viewed", "Résumé downloaded"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo whose rejections are held for three seconds."""
    with run_demo(tmp_path_factory.mktemp("hasty"), UNGHOST_POLICY_HOLDS="APPLICATION_REJECTED=3s") as running:
        yield running


def test_the_seeds_own_report_becomes_a_mail_and_stands_on_both_pages(demo: Demo) -> None:  # spec R1, R3
    answer = demo.report(
        "urn:li:jobApplication:12345678",
        "APPLICATION_VIEWED",
        1604600000017,
        integrationContext="urn:li:organization:12345",
    )
    assert (answer.status_code, answer.text) == (201, "")
    assert answer.headers["X-RestLi-Id"] == answer.headers["X-LinkedIn-Id"]
    mail = demo.mail("mira.okafor@example.org", "viewed")
    assert "Harbour & Pine" in mail["subject"]
    browser = demo.signed_in(demo.line["applicant_login_url"])
    assert VIEWED in playing.stops(browser.get(f"{demo.base_url}/my-jobs", timeout=10).text)
    again = demo.report("12345678", "APPLICATION_VIEWED", 1604600000017)
    assert again.headers["X-RestLi-Id"] == answer.headers["X-RestLi-Id"]  # spec R8


def test_submitted_is_told_at_once_in_all_three_places(demo: Demo) -> None:  # spec R13
    applied = demo.applied()
    assert demo.mail(applied.email, "received")
    assert applied.pages() == ([SUBMITTED], [SUBMITTED])


def test_viewed_is_told_at_once_in_all_three_places(demo: Demo) -> None:  # spec R13
    applied = demo.applied()
    assert demo.report(applied.urn, "APPLICATION_VIEWED").status_code == 201
    assert applied.pages() == ([SUBMITTED, VIEWED], [SUBMITTED, VIEWED])
    assert demo.mail(applied.email, "viewed")


def test_a_downloaded_resume_is_told_on_both_pages_and_by_no_mail(demo: Demo) -> None:  # spec R13
    applied = demo.applied()
    assert demo.report(applied.urn, "RESUME_DOWNLOADED").status_code == 201
    assert applied.pages() == ([SUBMITTED, DOWNLOADED], [SUBMITTED, DOWNLOADED])
    # The mail about a later view has come: one about the download would have come before it.
    assert demo.report(applied.urn, "APPLICATION_VIEWED").status_code == 201
    assert demo.mail(applied.email, "viewed")
    assert len(demo.mails(applied.email)) == 2


def test_a_rejection_is_invisible_everywhere_until_its_72_hours_end(demo: Demo) -> None:  # spec R16
    applied = demo.applied()
    demo.mail(applied.email, "received")
    before = applied.everything()
    assert demo.report(applied.urn, "APPLICATION_REJECTED").status_code == 201
    assert applied.everything() == before
    (rejection,) = (a for a in demo.explain(applied.urn)["actions"] if a["action"] == "APPLICATION_REJECTED")
    (notice,) = rejection["notices"]
    assert (notice["place"], notice["state"]) == ("EMAIL", "waiting")
    held = datetime.fromisoformat(notice["due_at"]) - datetime.fromisoformat(rejection["received_at"])
    assert timedelta(hours=72) <= held < timedelta(hours=72, seconds=1)
    # Something else that is told meanwhile brings nothing of it along.
    assert demo.report(applied.urn, "APPLICATION_VIEWED").status_code == 201
    demo.mail(applied.email, "viewed")
    assert applied.pages() == ([SUBMITTED, VIEWED], [SUBMITTED, VIEWED])
    assert "REJECTED" not in repr(applied.everything())


def test_a_rejection_wakes_no_open_page(demo: Demo) -> None:  # spec R16, R22
    applied = demo.applied()
    demo.mail(applied.email, "received")
    with psycopg.connect(Embedded(demo.data_dir).start(), autocommit=True) as listening:
        listening.execute("LISTEN jobboard_live")
        for action in ("APPLICATION_REJECTED", "RESUME_DOWNLOADED"):
            assert demo.report(applied.urn, action).status_code == 201
        # Notifications come in the order of their commits.
        listening.execute("NOTIFY jobboard_live, 'the end'")
        woken = list(
            itertools.takewhile(lambda payload: payload != "the end", (n.payload for n in listening.notifies()))
        )
    assert len(woken) == 1


def test_a_rejection_is_mailed_when_its_hold_ends_and_stands_on_no_page(hasty: Demo) -> None:  # spec R13, R16
    applied = hasty.applied()
    hasty.mail(applied.email, "received")
    hasty.report(applied.urn, "APPLICATION_REJECTED")
    mail = wait_for(lambda: [m for m in hasty.mails(applied.email) if "received" not in m["subject"]])[0]
    assert "move forward" in mail["text"] and "move forward" not in mail["subject"]
    (rejection,) = (a for a in hasty.explain(applied.urn)["actions"] if a["action"] == "APPLICATION_REJECTED")
    received = datetime.fromisoformat(rejection["received_at"])
    assert datetime.fromisoformat(mail["received_at"]) >= received + timedelta(seconds=3)
    assert applied.pages() == ([SUBMITTED], [SUBMITTED])
    # Views after a decision that has been told are withheld (spec R18).
    hasty.report(applied.urn, "APPLICATION_VIEWED")
    view = hasty.explain(applied.urn)["actions"][-1]
    assert {notice["reason"] for notice in view["notices"]} == {"after_decision"}


def test_without_consent_nothing_is_told_and_explain_says_why(demo: Demo) -> None:  # spec R15, R17
    client_id, secret = demo.other_client()
    applied = demo.applied("urn:li:organization:67890")
    demo.mail(applied.email, "received")
    before = applied.everything()
    for action in ("APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED"):
        assert demo.report(applied.urn, action, token=demo.token(client_id, secret)).status_code == 201
    assert applied.everything() == before
    said = demo.explain(applied.urn)
    notices = [n for action in said["actions"] if action["reported_by"] for n in action["notices"]]
    assert len(notices) == 6
    assert {(n["state"], n["reason"]) for n in notices} == {("withheld", "no_consent")}
    assert all("had not ticked" in n["sentence"] for n in notices)
    assert said["consent_now"] is False
    assert applied.email not in repr(said)


def test_consent_given_later_tells_nothing_of_before(demo: Demo) -> None:  # spec R15
    organization = "urn:li:organization:67890"
    client_id, secret = demo.other_client()
    applied, where = demo.applied(organization), ("--data-dir", str(demo.data_dir))
    demo.report(applied.urn, "APPLICATION_VIEWED", token=demo.token(client_id, secret))
    try:
        done = demo.unghost("customer", "consent", organization, "on", "--by", "sam@aldervalley.example", *where)
        assert done.returncode == 0, done.stderr
        demo.report(applied.urn, "RESUME_DOWNLOADED", token=demo.token(client_id, secret))
        assert applied.pages() == ([SUBMITTED, DOWNLOADED], [SUBMITTED, DOWNLOADED])
        assert len(demo.mails(applied.email)) == 1
    finally:
        demo.unghost("customer", "consent", organization, "off", "--by", "sam@aldervalley.example", *where)
    viewed, downloaded = demo.explain(applied.urn)["actions"][1:]
    assert (viewed["consent_then"], downloaded["consent_then"]) == (False, True)
