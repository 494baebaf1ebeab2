"""Applicants erase their own data: signed in, by a form, told what it means (spec R20)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import psycopg
import pytest

from tests.jobboard.pages.site import PDF, Site
from unghost.jobboard.links import For


def known(site: Site, applicant: int) -> bool:
    """Is there anything of them?"""
    [(there, applications, notices)] = site.sql(
        """SELECT EXISTS (SELECT FROM jobboard.applicant WHERE id = %s),
                  (SELECT count(*) FROM jobboard.application WHERE applicant_id = %s),
                  (SELECT count(*) FROM jobboard.notice n WHERE NOT EXISTS (
                      SELECT FROM jobboard.application a WHERE a.number = n.application_number))""",
        applicant,
        applicant,
    )
    assert notices == 0, "notices without an application"
    return bool(there or applications)


def test_the_page_says_what_it_means_and_changes_nothing(site: Site) -> None:
    with site.browser(site.ada) as browser:
        assert 'href="/erase"' in browser.get("/my-jobs").text
        for _ in range(2):
            page = browser.get("/erase").text
            assert "What is erased" in page
            assert re.findall(r"<li><bdi>(Harbour &amp; Pine|Quarry Labs)</bdi></li>", page) == ["Harbour &amp; Pine"]
            assert '<form class="form" method="post" action="/erase">' in page
    assert known(site, site.ada)


def test_it_is_erased_and_the_browser_signed_out(site: Site) -> None:
    with site.browser(site.ada) as browser, site.browser(site.ada) as other:
        page = browser.post("/erase")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert "Your data is erased" in page.text
        assert "<li><bdi>Harbour &amp; Pine</bdi></li>" in page.text
        assert "Lindqvist" not in page.text
        assert not browser.cookies
        assert not known(site, site.ada)
        for left in (browser, other):
            for path in ("/my-jobs", "/erase"):
                assert left.get(path).headers["location"] == "/sign-in"
            assert left.post("/erase").headers["location"] == "/sign-in"
            assert "Sign in" in left.get(f"/jobs/{site.jobs[0]}").text
    assert known(site, site.ben)


def test_nothing_that_is_held_shows_on_the_way(site: Site) -> None:
    """spec R16: a rejection that waits is erased unsaid."""
    pages = []
    for applicant in (site.ada, site.ben):
        site.sql("UPDATE jobboard.applicant SET name = 'N' WHERE id = %s", applicant)
        site.sql("DELETE FROM jobboard.application WHERE job_id <> %s", site.jobs[0])
        if applicant == site.ada:
            site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_REJECTED")
        with site.browser(applicant) as browser:
            pages.append((browser.get("/erase").text, browser.post("/erase").text))
    assert pages[0] == pages[1]


def test_it_is_said_in_the_applicants_language(site: Site) -> None:
    site.sql("UPDATE jobboard.applicant SET language = 'de' WHERE id = %s", site.ada)
    with site.browser(site.ada) as browser:
        assert "Was gelöscht wird" in browser.get("/erase").text
        done = browser.post("/erase").text
    assert '<html lang="de"' in done
    assert "Ihre Daten sind gelöscht" in done


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_a_form_of_another_site_erases_nothing(site: Site, headers: dict[str, str]) -> None:
    with site.browser(site.ada, headers) as browser:
        assert browser.post("/erase").status_code == 403
    assert known(site, site.ada)


def test_the_links_in_mails_do_not_erase(site: Site) -> None:
    """They may be forwarded: only who is signed in may."""
    with site.browser() as browser:
        for purpose in For:
            word = site.links.make(purpose, site.ada, None)
            assert browser.post(f"/erase?word={quote(word)}").headers["location"] == "/sign-in"
            if purpose is not For.APPLICANT_SESSION:
                answer = browser.post("/erase", headers={"Cookie": f"unghost_applicant={word}"})
                assert answer.headers["location"] == "/sign-in"
        preferences = browser.get(f"/preferences?word={quote(site.links.make(For.PREFERENCES, site.ada, None))}")
        assert 'href="/erase"' in preferences.text
    assert known(site, site.ada)


def test_whoever_applies_again_begins_afresh(site: Site) -> None:
    with site.browser(site.ada) as browser:
        browser.post("/erase")
        form = {"name": "Ada again", "email": "ada@applicant.example", "language": "en", "time_zone": "UTC"}
        applied = browser.post(f"/jobs/{site.jobs[0]}/apply", data=form, files={"resume": PDF})
        assert applied.headers["location"].endswith("/applied")
    [(again,)] = site.sql("SELECT id FROM jobboard.applicant WHERE email = 'ada@applicant.example'")
    assert again != site.ada
    with site.browser(again) as browser:
        assert browser.get("/my-jobs").text.count('class="entry"') == 1


def test_an_application_sent_by_a_page_that_was_still_open_asks_who_applies(site: Site) -> None:
    with site.browser(site.ada) as browser:
        site.sql("DELETE FROM jobboard.applicant WHERE id = %s", site.ada)
        answer = browser.post(f"/jobs/{site.jobs[2]}/apply", files={"resume": PDF})
    assert answer.status_code == 422
    assert "Enter your name." in answer.text


def test_an_application_that_waits_for_the_erasure_asks_who_applies(site: Site) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with site.browser(site.ada) as browser, psycopg.connect(site.database_url) as erasing, ThreadPoolExecutor(1) as one:
        erasing.execute("DELETE FROM jobboard.applicant WHERE id = %s", (site.ada,))
        answer = one.submit(browser.post, f"/jobs/{site.jobs[2]}/apply", files={"resume": PDF})
        while not site.sql(waiting):
            assert not answer.done()
        erasing.commit()
        assert answer.result(30).headers["location"] == f"/jobs/{site.jobs[2]}/apply"
