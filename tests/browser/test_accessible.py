"""Every page, light and dark, desktop and phone: no axe-core violation, no sideways scrolling (spec R22)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import DESKTOP, PHONE, Opener
from tests.jobboard.pages.site import Site
from unghost.jobboard.links import For
from unghost.jobboard.mail import render_sample
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.wording import load

SIGNED_IN = {
    "my jobs": "/my-jobs",
    "jobs": "/jobs",
    "own job": "/jobs/{0}",
    "apply as oneself": "/jobs/{2}/apply",
}
SIGNED_OUT = {
    "job": "/jobs/{2}",
    "apply": "/jobs/{2}/apply",
    "applied": "/jobs/{2}/applied",
    "sign in": "/sign-in",
    "bad link": "/sign-in?word=x",
    "nothing there": "/jobs/1",
}


def broken_rules(page: Page, **options: object) -> list[str]:
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


def sideways(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def small_targets(page: Page) -> list[str]:
    """What can be pressed and is lower than 44 pixels; links in running text may be."""
    return list(
        page.evaluate("""() => [...document.querySelectorAll('button, .button, input, select, nav a, .brand')]
            .filter((e) => !e.closest('.trap') && e.getBoundingClientRect().height < 44)
            .map((e) => e.outerHTML)""")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible_and_fits(site: Site, visit: Opener, scheme: str, size: dict[str, int]) -> None:
    application = site.applications[site.jobs[0], site.ada]
    site.report(application, "APPLICATION_VIEWED", site.clock.now() - timedelta(hours=1))
    site.report(application, "RESUME_DOWNLOADED")
    look = {"color_scheme": scheme, "viewport": size, "reduced_motion": "reduce"}
    found: dict[str, object] = {}
    for applicant, pages in ((site.ada, SIGNED_IN), (None, SIGNED_OUT)):
        with visit("/jobs", applicant, **look) as page:
            for name, path in pages.items():
                page.goto(path.format(*site.jobs))
                wrong = broken_rules(page), sideways(page), small_targets(page)
                if wrong != ([], 0, []):
                    found[name] = wrong
    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_wrong_empty_or_fresh_is_accessible_too(site: Site, visit: Opener, scheme: str) -> None:
    with visit(f"/jobs/{site.jobs[2]}/apply", color_scheme=scheme, viewport=PHONE) as page:
        page.get_by_role("button", name="Send application").click()
        page.get_by_role("alert").wait_for()
        assert (broken_rules(page), sideways(page)) == ([], 0)
    with visit("/my-jobs", site.ada, color_scheme=scheme, reduced_motion="reduce") as page:
        site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
        page.locator(".is-fresh").wait_for()
        assert broken_rules(page) == []
    site.sql("DELETE FROM jobboard.application")
    site.sql("UPDATE jobboard.job SET closed_at = now()")
    with visit("/my-jobs", site.ada, color_scheme=scheme) as page:
        assert broken_rules(page) == []
        page.goto("/jobs")
        assert broken_rules(page) == []


def test_long_words_and_german_fit_on_a_phone(site: Site, visit: Opener) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitänsanwärterin" * 2
    site.sql("UPDATE jobboard.job SET title = %s, location = %s, description = %s", long, long, long * 10)
    site.sql("UPDATE jobboard.customer SET name = %s", long)
    site.sql("UPDATE jobboard.applicant SET name = %s, language = 'de'", long)
    with visit("/jobs", site.ada, viewport=PHONE) as page:
        for path in SIGNED_IN.values():
            page.goto(path.format(*site.jobs))
            assert sideways(page) == 0, path


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
def test_pages_in_other_languages_are_accessible_and_fit_on_a_phone(site: Site, visit: Opener, language: str) -> None:
    """spec R21, R22"""
    site.report(site.applications[site.jobs[0], site.ada], "RESUME_DOWNLOADED")
    site.sql("UPDATE jobboard.applicant SET language = %s", language)
    word = site.links.make(For.STATUS_MAILS, site.ada, None)
    found: dict[str, object] = {}
    own = ("/my-jobs", "/jobs/{0}", "/jobs", f"/preferences?word={word}")
    for applicant, paths in ((site.ada, own), (None, ("/jobs/{2}", "/jobs/{2}/apply", "/sign-in"))):
        with visit("/jobs", applicant, viewport=PHONE, locale=language) as page:
            for path in paths:
                page.goto(path.format(*site.jobs))
                assert page.evaluate("document.documentElement.lang") == language
                # What axe finds does not depend on which words fit: the one that runs the other way is asked.
                wrong = broken_rules(page) if language == "ar" else [], sideways(page)
                if wrong != ([], 0):
                    found[path] = wrong
    assert found == {}


def test_mails_fit_on_a_phone_in_every_language(browser: Browser) -> None:
    """spec R21"""
    with browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark") as context:
        page = context.new_page()
        for language in load().languages:
            for action in DEFAULT:
                page.set_content(render_sample(action, language).html)
                assert sideways(page) == 0, (action, language)
        page.set_content(render_sample("APPLICATION_REJECTED", "ar").html)
        # A mail is a part of somebody's page: the rules of WCAG, without those about landmarks.
        assert broken_rules(page, runOnly=["wcag2a", "wcag2aa", "wcag21aa"]) == []
        heading, sheet = page.locator("h1").bounding_box(), page.locator(".sheet").bounding_box()
        assert heading is not None and sheet is not None
        assert page.evaluate("getComputedStyle(document.querySelector('.wash')).borderRightWidth") == "3px"
        assert sheet["x"] + sheet["width"] - (heading["x"] + heading["width"]) == 24  # it begins at the right


def test_the_page_reads_from_right_to_left_where_the_language_does(site: Site, visit: Opener) -> None:
    """spec R21, R22"""
    site.sql("UPDATE jobboard.applicant SET language = 'ar'")
    with visit("/my-jobs", site.ada, viewport=PHONE) as page:
        assert sideways(page) == 0
        line = page.locator(".stop").first.bounding_box()
        name = page.locator(".stop-name").first.bounding_box()
        assert line is not None
        assert name is not None
        assert line["x"] + line["width"] - (name["x"] + name["width"]) >= 30  # the route line is at the right


def test_colours_of_the_users_choice_keep_the_route_visible(site: Site, visit: Opener) -> None:
    with visit("/my-jobs", site.ada, forced_colors="active") as page:
        assert broken_rules(page) == []
        drawn = page.evaluate("getComputedStyle(document.querySelector('.stop'), '::before').borderTopColor")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert drawn != paper
