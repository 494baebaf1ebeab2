"""Pages in every language: what they say they are, names of another direction, lengths of time (spec R21, R22, R24)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.jobboard.pages.site import Site
from unghost.jobboard.links import For
from unghost.jobboard.web.pages import lasting
from unghost.jobboard.wording import load

MY_JOBS = {
    "en": "My jobs",
    "de": "Meine Bewerbungen",
    "fr": "Mes candidatures",
    "es": "Mis candidaturas",
    "ar": "طلباتي",
}


def test_every_page_is_in_the_applicants_language_and_runs_its_way(site: Site) -> None:
    """spec R21, R22: beside another one that the browser asks for"""
    word = site.links.make(For.STATUS_MAILS, site.ada, None)
    for language in load().languages:
        site.sql("UPDATE jobboard.applicant SET language = %s", language)
        opening = f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">'
        with site.browser(site.ada, {"Accept-Language": "pt, en;q=0.5"}) as browser:
            for path in ("/my-jobs", f"/jobs/{site.jobs[0]}", f"/preferences?word={word}"):
                page = browser.get(path)
                assert page.headers["content-language"] == language, path
                assert opening in page.text, path
                assert MY_JOBS[language] in page.text, path


def test_who_is_not_signed_in_gets_what_the_browser_asks_for_and_all_languages_to_choose_from(site: Site) -> None:
    """spec R21, R24"""
    for language in load().languages:
        with site.browser(headers={"Accept-Language": f"pt-BR, {language}-XY;q=0.8, de;q=0.1"}) as browser:
            page = browser.get(f"/jobs/{site.jobs[2]}/apply")
            sent = browser.post("/sign-in", data={"email": "nobody@elsewhere.example"})
        assert page.headers["content-language"] == sent.headers["content-language"] == language
        assert page.headers["vary"] == "Cookie, Accept-Language"
        offered = re.findall(r'<option value="([a-z]{2})" lang="([a-z]{2})"[^>]*>([^<]+)<', page.text)
        assert offered == [
            ("en", "en", "English"),
            ("ar", "ar", "العربية"),
            ("de", "de", "Deutsch"),
            ("es", "es", "Español"),
            ("fr", "fr", "Français"),
        ]
        assert lasting(timedelta(minutes=15), language) in sent.text


def test_names_of_another_direction_turn_nothing_around(site: Site) -> None:
    """spec R21: isolated by elements in HTML, by characters in titles and attributes"""
    site.sql("UPDATE jobboard.applicant SET language = 'ar'")
    with site.browser(site.ada) as browser:
        mine, job = browser.get("/my-jobs").text, browser.get(f"/jobs/{site.jobs[0]}").text
    assert "<title>\u2068Harbour master’s data engineer\u2069, \u2068Harbour &amp; Pine\u2069 ·" in job
    assert "<h1><bdi>Harbour master’s data engineer</bdi></h1>" in job
    assert 'data-said="\u2068Harbour master’s data engineer\u2069، \u2068Harbour &amp; Pine\u2069: ' in mine
    assert "<bdi>UTC</bdi>" in mine or "<bdi>Europe/Berlin</bdi>" in mine
    for page in (mine, job):
        assert not re.search(r'="[^"<]*(<bdi|&lt;bdi)|<title>[^<]*<bdi', page)
        assert "\u2068" not in re.sub(r'<title>.*?</title>|="[^"]*"', "", page)


def test_the_mailed_link_of_an_arabic_sign_in_can_be_opened(site: Site) -> None:
    """spec R21, R24: nothing invisible stands beside it"""
    with site.browser(headers={"Accept-Language": "ar"}) as browser:
        browser.post("/sign-in", data={"email": "ada@applicant.example"})
        mail = site.mailbox.mail()
        assert mail["Content-Language"] == "ar"
        assert str(mail["Subject"]).startswith("رابط تسجيل دخولكم")
        assert "مدة صلاحية الرابط: \u206815 دقيقة\u2069." in mail.get_content()
        assert browser.get(site.mailbox.link()).status_code == 303
        assert browser.get("/my-jobs").status_code == 200


@pytest.mark.parametrize(
    ("duration", "language", "said"),
    [
        (timedelta(hours=72), "en", "72 hours"),
        (timedelta(hours=1), "fr", "1\u00a0heure"),
        (timedelta(minutes=90), "es", "90 minutos"),
        (timedelta(seconds=30), "de", "30 Sekunden"),
        (timedelta(hours=1), "ar", "ساعة"),
        (timedelta(hours=2), "ar", "ساعتان"),
        (timedelta(hours=3), "ar", "3 ساعات"),
        (timedelta(hours=72), "ar", "72 ساعة"),
        (timedelta(hours=100), "ar", "100 ساعة"),
    ],
)
def test_lengths_of_time_have_the_plural_that_the_language_wants(duration: timedelta, language: str, said: str) -> None:
    """spec R21, R26"""
    assert lasting(duration, language) == said
