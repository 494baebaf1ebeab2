"""What the operator's pages show, what their forms do, and that nothing of it reaches an applicant (spec R17, R42)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import structlog

from tests.jobboard.operator.desk import DANA, PAGES, signed_in
from tests.jobboard.pages.site import Site
from unghost.jobboard.operators import Operator

DEAD = "/operator/dead-letters"


def words(answer: httpx2.Response) -> str:
    """What a person reads."""
    main = answer.text[answer.text.index("<main") :]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split()).replace("&amp;", "&").replace("&#39;", "'")


def give_up(site: Site, *applications: int) -> None:
    """The mails that say that these came in were given up."""
    site.sql(
        """UPDATE jobboard.notice SET state = 'withheld', reason = 'undeliverable', attempt_at = NULL, attempts = 7,
               detail = 'at RCPT: 552 5.2.2 mailbox is full'
           WHERE place = 'EMAIL' AND action = 'APPLICATION_SUBMITTED' AND application_number = ANY (%s)""",
        list(applications),
    )


def states(site: Site, application: int) -> list[tuple[Any, ...]]:
    return site.sql(
        """SELECT state, reason FROM jobboard.notice
           WHERE place = 'EMAIL' AND action = 'APPLICATION_SUBMITTED' AND application_number = %s""",
        application,
    )


def token(page: httpx2.Response) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert found
    return found[1]


def test_flow_shows_what_came_in_what_became_of_it_and_that_nobody_is_at_work(site: Site) -> None:
    application = site.applications[site.jobs[0], site.ada]
    site.report(application, "APPLICATION_VIEWED")
    site.report(application, "APPLICATION_REJECTED")
    with signed_in(site) as browser:
        text = words(browser.get("/operator"))
        assert "APPLICATION_VIEWED ATSs, accepted 1 1" in text
        assert "APPLICATION_SUBMITTED the board itself 3 3" in text
        assert "EMAIL 1 4 0" in text, "one is held, four are due"
        assert "Told 0 4 (4) 4 (4)" in text
        assert "Held 1 (1) 0 0" in text
        assert "nothing has waited for a dispatcher for a minute" in text
        site.clock.ahead = timedelta(minutes=2)
        assert "No dispatcher takes what is due" in words(browser.get("/operator"))


def test_flow_says_that_nothing_is_due(site: Site) -> None:
    site.sql("DELETE FROM jobboard.notice WHERE state = 'waiting'")
    with signed_in(site) as browser:
        assert "Nothing is due that is not told" in words(browser.get("/operator"))


def test_explain_tells_the_whole_story_and_what_is_held(site: Site) -> None:
    application = site.applications[site.jobs[0], site.ada]
    site.report(application, "APPLICATION_VIEWED")
    with signed_in(site) as browser:
        open_to_see = words(browser.get("/operator/explain", params={"application": str(application)}))
        assert "Something is held" not in open_to_see
        site.report(application, "APPLICATION_REJECTED")
        urn = f"urn:li:jobApplication:{application}"
        page = browser.get("/operator/explain", params={"application": f" {urn} "})
    text = words(page)
    assert "Something is held The applicant does not see it" in text
    assert "MY_JOBS told Shown on the page at" in text
    assert re.search(
        r"APPLICATION_REJECTED Received .* EMAIL held Held until .* The applicant does not see this\.", text
    )
    assert "a…@applicant.example" in text
    assert "not delivered" in text.lower()
    assert "Lindqvist" not in page.text and "ada@" not in page.text


def test_what_an_operator_sees_reaches_no_applicant(site: Site) -> None:
    """Spec R16: a held rejection stays hidden on every page, whatever operators look at."""
    application = site.applications[site.jobs[0], site.ada]
    site.report(application, "APPLICATION_VIEWED")
    with site.browser(site.ada) as ada:
        paths = ("/my-jobs", f"/jobs/{site.jobs[0]}")
        before = [ada.get(path).text for path in paths]
        site.report(application, "APPLICATION_REJECTED")
        with signed_in(site) as browser:
            assert "held" in browser.get("/operator/explain", params={"application": application}).text
            for path in PAGES:
                browser.get(path)
        assert [ada.get(path).text for path in paths] == before


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ("99999999", 404, "There is no such application"),
        ("urn:li:organization:1", 422, "want urn:li:jobApplication:N"),
        ("<script>alert(1)</script>", 422, "This is no application"),
        ("9" * 40, 422, "at most"),
        ("\0", 422, "This is no application"),
    ],
)
def test_what_is_no_application_is_said_beside_the_field(site: Site, asked: str, status: int, says: str) -> None:
    with signed_in(site) as browser:
        answer = browser.get("/operator/explain", params={"application": asked})
    assert answer.status_code == status
    assert says in words(answer)
    assert "<script>" not in answer.text


def test_the_ledger_is_read_page_by_page_and_by_customer(site: Site) -> None:
    """Spec R26."""
    for nth in range(1, 61):
        site.sql(
            """INSERT INTO jobboard.consent_ledger
                   (organization, ticked, changed_by, changed_from, wording_version, changed_at)
               VALUES (%s, %s, %s, 'https://ats.example', 'en-0123456789ab', now())""",
            12345 if nth % 2 else 67890, bool(nth % 3), f"admin{nth:02}@customer.example",
        )  # fmt: skip
    with signed_in(site) as browser:
        first = browser.get("/operator/consent")
        admins = re.findall(r"admin\d\d", first.text)
        assert admins == [f"admin{nth:02}" for nth in range(60, 10, -1)]
        older = re.search(r'href="([^"]+before=\d+)"', first.text)
        assert older
        second = browser.get(older[1].replace("&amp;", "&"))
        assert re.findall(r"admin\d\d", second.text) == [f"admin{nth:02}" for nth in range(10, 0, -1)]
        own = browser.get("/operator/consent", params={"organization": "urn:li:organization:67890"})
        assert re.findall(r"admin\d\d", own.text) == [f"admin{nth:02}" for nth in range(60, 0, -2)]
        assert "Quarry Labs: applicant notifications are on now." in words(own)
        assert "https://ats.example" in own.text and "en-0123456789ab" in own.text
        for asked in ("x", "99", "9" * 40):
            assert browser.get("/operator/consent", params={"organization": asked}).status_code == 422
        assert browser.get("/operator/consent", params={"before": "x"}).status_code == 422


def test_one_mail_is_put_back_and_who_did_it_is_logged(site: Site) -> None:
    one, other, _ = site.applications.values()
    give_up(site, one, other)
    with signed_in(site) as browser, structlog.testing.capture_logs() as logs:
        page = browser.get(DEAD)
        assert "Mails 2 Applications 0 Webhooks 0" in words(page)
        assert "Tried 7 times. Last answer: at RCPT: 552 5.2.2 mailbox is full" in words(page)
        [key] = re.findall(rf'value="(\d+)" aria-label="Put back APPLICATION_SUBMITTED, application {one}"', page.text)
        done = browser.post(DEAD, data={"kind": "mail", "key": key, "token": token(page)})
        assert done.headers["location"] == f"{DEAD}?kind=mail&back=1"
        assert "1 put back: tried again at once." in words(browser.get(done.headers["location"]))
    assert states(site, one) == [("waiting", None)]
    assert states(site, other) == [("withheld", "undeliverable")]
    [line] = [line for line in logs if line["event"] == "redriven"]
    assert (line["operator"], line["kind"], line["back"]) == (Operator(DANA).name, "mail", 1)
    assert "@" not in str(line)


def test_all_that_the_filters_leave_are_put_back_when_somebody_is_sure(site: Site) -> None:
    give_up(site, *site.applications.values())
    with signed_in(site) as browser:
        page = browser.get(DEAD, params={"organization": "67890"})
        assert "None of these: other filters would show some." in words(page)
        page = browser.get(DEAD, params={"organization": "12345", "action": "APPLICATION_SUBMITTED", "days": "7"})
        form = {"kind": "mail", "organization": "12345", "action": "APPLICATION_SUBMITTED", "days": "7"}
        form["token"] = token(page)
        unsure = browser.post(DEAD, data=form)
        assert unsure.status_code == 422
        assert "Tick the box" in words(unsure)
        assert "Yes, all 3 of them" in words(unsure)
        assert states(site, site.applications[site.jobs[0], site.ada]) == [("withheld", "undeliverable")]
        done = browser.post(DEAD, data={**form, "sure": "on"})
        assert "back=3" in done.headers["location"]
        assert "None: nothing was given up." in words(browser.get(done.headers["location"]))
    for application in site.applications.values():
        assert states(site, application) == [("waiting", None)]


def test_no_other_site_and_no_other_session_can_put_back(site: Site) -> None:
    give_up(site, *site.applications.values())
    with signed_in(site) as browser:
        form = {"kind": "mail", "sure": "on", "token": token(browser.get(DEAD))}
        foreign = browser.post(DEAD, data=form, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        site.clock.ahead = timedelta(seconds=5)
        with signed_in(site) as another:
            assert another.post(DEAD, data=form).status_code == 403
        for given in ("", "x", "é" * 64):
            assert browser.post(DEAD, data={**form, "token": given}).status_code == 403
        assert browser.get(DEAD, params=form).status_code == 200
    assert all(states(site, one) == [("withheld", "undeliverable")] for one in site.applications.values())


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "nothing"},
        {"organization": "x"},
        {"organization": "\0"},
        {"action": "\0", "days": "x", "before": "x"},
        {"before": "9" * 40, "back": "x", "spoken_for": "<b>"},
        {"days": "1000000000"},
    ],
)
def test_no_query_is_an_error_of_ours(site: Site, asked: dict[str, str]) -> None:
    with signed_in(site) as browser:
        page = browser.get(DEAD, params=asked)
        assert page.status_code == (422 if asked.get("organization") == "x" else 200)
        posted = browser.post(DEAD, data={**asked, "sure": "on", "token": _any_token(browser, site)})
        assert posted.status_code == (422 if asked.get("organization") == "x" else 303)


def _any_token(browser: httpx2.Client, site: Site) -> str:
    give_up(site, *site.applications.values())
    return token(browser.get(DEAD))


def test_the_audit_page_says_what_the_command_says(site: Site) -> None:
    """Spec R41."""
    with signed_in(site) as browser:
        assert "Nothing is stuck, early, double or lost." in words(browser.get("/operator/audit"))
        site.clock.ahead = timedelta(minutes=20)
        found = browser.get("/operator/audit")
        assert "3 notice(s) have been due since" in words(found)
        assert f'href="/operator/explain?application={next(iter(site.applications.values()))}"' in found.text
