"""My Jobs, the jobs and the job's page, as a program reads them (spec R13, R16, R18, R22, R24)."""

from __future__ import annotations

import re
from datetime import timedelta

import psycopg
import pytest

from tests.jobboard.pages.site import Site, run
from tests.world import ORGANIZATION, tick

HOUR = timedelta(hours=1)


def stops(page: str) -> list[str]:
    return re.findall(r'class="stop-name">([^<]+)<', page)


def test_my_jobs_shows_every_application_with_its_status_and_route(site: Site) -> None:
    application = site.applications[site.jobs[0], site.ada]
    now = site.clock.now()
    site.report(application, "RESUME_DOWNLOADED", now - HOUR)
    site.report(application, "APPLICATION_VIEWED", now - 2 * HOUR)  # late: it belongs before the download
    with site.browser(site.ada) as browser:
        page = browser.get("/my-jobs")
    assert page.status_code == 200
    assert stops(page.text) == ["Submitted", "Viewed", "Résumé downloaded", "Submitted"]
    assert "this is not a decision" in page.text
    assert 'aria-current="step"' in page.text


def test_the_newest_activity_comes_first(site: Site) -> None:
    def order(page: str) -> list[int]:
        return [int(number) for number in re.findall(r'id="application-(\d+)"', page)]

    older, newer = (site.applications[job, site.ada] for job in site.jobs[:2])
    with site.browser(site.ada) as browser:
        assert order(browser.get("/my-jobs").text) == [newer, older]
        site.report(older, "APPLICATION_VIEWED")
        assert order(browser.get("/my-jobs").text) == [older, newer]


def test_the_job_page_shows_the_applicants_own_status_and_nobody_elses(site: Site) -> None:
    """Spec R24."""
    job = f"/jobs/{site.jobs[0]}"
    site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
    with site.browser(site.ada) as ada, site.browser(site.ben) as ben, site.browser() as nobody:
        assert stops(ada.get(job).text) == ["Submitted", "Viewed"]
        assert "it is not a decision" in ada.get(job).text
        assert "on its way to the company" in ben.get(job).text, "what “Submitted” means"
        assert stops(ben.get(job).text) == ["Submitted"]
        seen = nobody.get(job)
        assert stops(seen.text) == []
        assert "Apply for this job" in seen.text


def test_no_page_of_one_applicant_holds_anything_of_another(site: Site) -> None:
    with site.browser(site.ben) as browser:
        pages = [browser.get(path).text for path in ("/my-jobs", "/jobs", *(f"/jobs/{job}" for job in site.jobs))]
    assert all("Lindqvist" not in page and "ada@" not in page for page in pages)
    assert f'id="application-{site.applications[site.jobs[0], site.ada]}"' not in "".join(pages)
    assert "Night ferry timetable editor" not in pages[0]


def test_a_rejection_shows_on_no_page_in_no_header_before_during_and_after_its_hold(site: Site) -> None:
    """Spec R13, R16: it is told by mail alone."""
    application = site.applications[site.jobs[0], site.ada]
    paths = ("/my-jobs", "/jobs", f"/jobs/{site.jobs[0]}")

    def seen() -> list[tuple[str, dict[str, str]]]:
        with site.browser(site.ada) as browser:
            return [
                (answer.text, {k: v for k, v in answer.headers.items() if k != "date"})
                for answer in (browser.get(path) for path in paths)
            ]

    before = seen()
    site.report(application, "APPLICATION_REJECTED")
    assert seen() == before
    site.clock.ahead = timedelta(hours=71)
    assert seen() == before
    site.clock.ahead = timedelta(hours=73)
    assert seen() == before


def test_without_consent_nothing_reported_is_shown(site: Site) -> None:
    """Spec R15."""
    site.sql("UPDATE jobboard.customer SET applicant_notifications = false WHERE organization = %s", ORGANIZATION)
    site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
    with site.browser(site.ada) as browser:
        assert "Viewed" not in stops(browser.get("/my-jobs").text)
        assert "Viewed" not in stops(browser.get(f"/jobs/{site.jobs[0]}").text)


def test_what_waits_for_a_page_is_not_shown_once_consent_was_withdrawn_though_it_is_given_again(site: Site) -> None:
    """Spec R15."""

    async def save(ticked: bool) -> None:
        async with await psycopg.AsyncConnection.connect(site.database_url) as connection:
            await tick(connection, ORGANIZATION, ticked, site.clock.now())

    site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
    site.sql(
        """UPDATE jobboard.notice SET state = 'waiting', told_at = NULL, attempt_at = due_at
           WHERE action = 'APPLICATION_VIEWED' AND place <> 'EMAIL'"""
    )
    with site.browser(site.ada) as browser:

        def shown() -> list[list[str]]:
            return [stops(browser.get(path).text) for path in ("/my-jobs", f"/jobs/{site.jobs[0]}")]

        assert shown() == [["Submitted", "Viewed", "Submitted"], ["Submitted", "Viewed"]]
        for ticked in (False, True):
            run(save(ticked))
            assert shown() == [["Submitted", "Submitted"], ["Submitted"]]


def test_pages_speak_the_applicants_language_and_time_zone(site: Site) -> None:
    site.sql("UPDATE jobboard.applicant SET language = 'de', time_zone = 'Asia/Tokyo' WHERE id = %s", site.ada)
    site.sql(
        "UPDATE jobboard.action SET performed_at = '2026-02-01T20:30:00Z' WHERE application_number = %s",
        site.applications[site.jobs[0], site.ada],
    )
    with site.browser(site.ada, {"Accept-Language": "en"}) as browser:
        page = browser.get("/my-jobs")
    assert '<html lang="de" dir="ltr">' in page.text
    assert "Meine Bewerbungen" in page.text
    assert '<time datetime="2026-02-01T20:30:00+00:00">' in page.text
    assert "05:30" in page.text
    with site.browser(headers={"Accept-Language": "fr;q=0.3, de-AT"}) as browser:
        assert browser.get("/jobs").headers["content-language"] == "de"


def test_unusable_languages_and_time_zones_of_an_applicant_fall_back(site: Site) -> None:
    for language, zone in (("tlh", "Moon/Tranquility"), ("../en", "../../etc/passwd"), ("", "")):
        site.sql("UPDATE jobboard.applicant SET language = %s, time_zone = %s", language, zone)
        with site.browser(site.ada) as browser:
            page = browser.get("/my-jobs")
        assert page.status_code == 200
        assert "your time zone: UTC" in page.text


def test_what_people_wrote_is_text_never_markup(site: Site) -> None:
    site.sql("UPDATE jobboard.job SET title = '<script>alert(1)</script>', description = '<img src=x>'")
    site.sql("UPDATE jobboard.applicant SET name = '{{ 12345*6789 }}\"><b>'")
    with site.browser(site.ada) as browser:
        for path in ("/my-jobs", "/jobs", f"/jobs/{site.jobs[0]}", f"/jobs/{site.jobs[2]}/apply"):
            page = browser.get(path).text
            assert "<script>alert" not in page
            assert "<img" not in page
            assert "<b>" not in page
            assert str(12345 * 6789) not in page


def test_a_closed_job_is_shown_to_those_who_applied_and_takes_no_applications(site: Site) -> None:
    site.sql("UPDATE jobboard.job SET closed_at = now() WHERE id = %s", site.jobs[0])
    with site.browser(site.ada) as browser:
        assert "This job is closed" in browser.get(f"/jobs/{site.jobs[0]}").text
        assert "no longer open" in browser.get("/my-jobs").text
        assert f'href="/jobs/{site.jobs[0]}"' not in browser.get("/jobs").text
    with site.browser() as browser:
        assert browser.get(f"/jobs/{site.jobs[0]}/apply").headers["location"] == f"/jobs/{site.jobs[0]}"


def test_many_open_jobs_come_in_pages(site: Site) -> None:
    site.sql(
        """INSERT INTO jobboard.job (organization, external_id, title, listed_at)
           SELECT %s, 'many-' || n, 'Many ' || n, now() FROM generate_series(1, 60) n""",
        ORGANIZATION,
    )
    with site.browser() as browser:
        first = browser.get("/jobs").text
        more = re.search(r'href="(/jobs\?below=\d+)"', first)
        assert more
        second = browser.get(more[1]).text
    titles = re.findall(r'entry-title"><a href="[^"]+"><bdi>([^<]+)<', first + second)
    assert len(titles) == len(set(titles)) == 64


def test_open_jobs_stand_in_the_order_in_which_they_were_listed(site: Site) -> None:
    """Not in that in which the board was told of them: ATSs post what they have had for weeks."""
    site.sql(
        """INSERT INTO jobboard.job (organization, external_id, title, listed_at)
           SELECT %s, 'old-' || n, n::text, now() - n * interval '40 days' FROM generate_series(1, 60) n""",
        ORGANIZATION,
    )
    with site.browser() as browser:
        first = browser.get("/jobs").text
        found = first + browser.get(re.findall(r'href="(/jobs\?below=\d+)"', first)[0]).text
    titles = re.findall(r'entry-title"><a href="[^"]+"><bdi>([^<]+)<', found)
    assert [title for title in titles if title.isdigit()] == [str(n) for n in range(1, 61)]
    assert "1" not in titles[:4], "those of this month stand before it"


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/0",
        "/jobs/x",
        "/jobs/99999999999999999999999",
        "/jobs/" + "9" * 5000,
        "/jobs/%D9%A1",
        "/jobs/1%00",
        "/jobs/-1",
        "/jobs/1/apply",
        "/jobs/x/applied",
    ],
)
def test_an_unknown_job_is_a_page_that_says_so(site: Site, path: str) -> None:
    with site.browser() as browser:
        answer = browser.get(path)
    assert answer.status_code == 404
    assert "<h1>" in answer.text


@pytest.mark.parametrize("query", ["?below=x", "?below=", "?below=" + "9" * 100, "?below=%00", "?below=-1", "?%ff"])
def test_nonsense_in_the_address_of_the_jobs_is_ignored(site: Site, query: str) -> None:
    with site.browser() as browser:
        assert browser.get("/jobs" + query).status_code == 200


def test_my_jobs_asks_who_you_are(site: Site) -> None:
    with site.browser() as browser:
        for cookie in ("", "x", "é", "W10.AAAA", "[" * 3000):
            answer = browser.get("/my-jobs", headers={b"Cookie": f"unghost_applicant={cookie}".encode()})
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_an_erased_applicant_is_signed_out(site: Site) -> None:
    with site.browser(site.ada) as browser:
        site.sql("DELETE FROM jobboard.applicant WHERE id = %s", site.ada)
        assert browser.get("/my-jobs").headers["location"] == "/sign-in"
        assert "Sign in" in browser.get("/jobs").text


def test_headers_keep_pages_safe_and_private(site: Site) -> None:
    with site.browser(site.ada) as browser:
        for path in ("/my-jobs", f"/jobs/{site.jobs[0]}", "/jobs", "/sign-in", "/nothing"):
            headers = browser.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"
            assert "etag" not in headers
            assert "last-modified" not in headers


def test_static_files_are_kept_for_ever_under_the_hash_of_their_content(site: Site) -> None:
    with site.browser() as browser:
        page = browser.get("/jobs").text
        stamped = re.search(r"/static/unghost\.[0-9a-f]{12}\.css", page)
        assert stamped
        answer = browser.get(stamped[0])
        assert answer.headers["content-type"].startswith("text/css")
        assert "immutable" in answer.headers["cache-control"]
        assert browser.get("/static/unghost.css").headers["cache-control"] == "no-cache"
        assert browser.get("/static/..%2fpages.py").status_code == 404
    assert not re.search(r"<style|style=|<script>| on\w+=", page)
