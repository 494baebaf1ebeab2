"""Only operators see the operator's pages; nobody else learns anything (spec R24, R42)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from tests.jobboard.operator.desk import DANA, EMIL, PAGES, link, signed_in
from tests.jobboard.pages.site import SECRET, Site, standing
from unghost.jobboard.links import For, Links
from unghost.jobboard.operators import Operator


def ask(site: Site, email: str, **headers: str) -> httpx2.Response:
    with site.browser(headers=headers) as browser:
        return browser.post("/operator/sign-in", data={"email": email})


def test_a_mailed_link_signs_an_operator_in_and_may_be_opened_again(site: Site) -> None:
    assert ask(site, DANA.upper()).status_code == 200
    mail = site.mailbox.mail()
    assert (mail["To"], mail["Subject"]) == (DANA, "Sign in to unghost as an operator")
    assert "dana" not in site.mailbox.link()
    for _ in range(2):
        with site.browser() as browser:
            assert browser.get(site.mailbox.link()).headers["location"] == "/operator"
            for path in PAGES:
                assert browser.get(path).status_code == 200, path


def test_the_answer_does_not_say_who_is_an_operator(site: Site) -> None:
    known, unknown = ask(site, DANA), ask(site, "ada@applicant.example")
    assert known.status_code == unknown.status_code == 200
    assert known.text == unknown.text
    site.mailbox.mail()
    ask(site, EMIL)
    site.mailbox.mail(1)
    assert [mail["To"] for mail in site.mailbox.mails] == [DANA, EMIL]


def test_a_mailbox_is_not_flooded(site: Site) -> None:
    for _ in range(8):
        ask(site, DANA)
    ask(site, EMIL)
    site.mailbox.mail(5)
    assert [mail["To"] for mail in site.mailbox.mails].count(DANA) == 5


@pytest.mark.parametrize("email", ["", "x", "a@b@c", "x" * 5000, "a\0@b.example", "<script>@x"])
def test_what_is_no_address_is_said_beside_the_field(site: Site, email: str) -> None:
    answer = ask(site, email)
    assert answer.status_code == 422
    assert "Give an address such as" in answer.text
    assert "<script>@" not in answer.text


def test_strangers_applicants_and_customers_admins_get_nothing(site: Site) -> None:
    [(admin,)] = site.sql(
        """INSERT INTO jobboard.customer_admin (organization, email, created_at)
           VALUES (12345, 'hanna@harbour.example', now()) RETURNING id"""
    )
    session = site.clock.now() + timedelta(days=1)
    as_admin = {"unghost-admin": site.links.make(For.ADMIN_SESSION, admin, session)}
    as_ada = {"unghost_applicant": site.links.make(For.APPLICANT_SESSION, site.ada, session)}
    for cookies in ({}, as_admin, as_ada):
        with site.browser() as browser:
            browser.cookies.update(cookies)
            for path in PAGES:
                answer = browser.get(path, params={"application": site.applications[site.jobs[0], site.ada]})
                assert (answer.status_code, answer.headers["location"]) == (303, "/operator/sign-in")
                assert answer.text == ""
            put_back = browser.post("/operator/dead-letters", data={"kind": "mail", "sure": "on"})
            assert put_back.headers["location"] == "/operator/sign-in"


def test_no_other_word_is_a_session(site: Site) -> None:
    id = Operator(DANA).id
    words = [site.links.make(purpose, id, None) for purpose in For if purpose is not For.OPERATOR_SESSION]
    words += [site.links.make(For.OPERATOR_SESSION, Operator("mallory@board.example").id, None)]
    words += [Links("another key").make(For.OPERATOR_SESSION, id, None), "", "x", "%00", str(id)]
    for word in words:
        with site.browser() as browser:
            browser.cookies.set("unghost-operator", word)
            assert browser.get("/operator").headers["location"] == "/operator/sign-in", word


def test_links_and_sessions_end(site: Site) -> None:
    old = link(site)
    with signed_in(site) as browser:
        site.clock.ahead = timedelta(minutes=16)
        refused = browser.get(old)
        assert refused.status_code == 401
        assert "This link has expired" in refused.text
        assert browser.get("/operator").status_code == 200
        site.clock.ahead = timedelta(hours=12, minutes=1)
        assert browser.get("/operator").status_code == 303


def test_signing_out_ends_the_session_and_only_a_form_does_it(site: Site) -> None:
    with signed_in(site) as browser:
        assert browser.get("/operator/sign-out").status_code == 405
        assert browser.post("/operator/sign-out", headers={"Origin": "https://evil.example"}).status_code == 403
        assert browser.get("/operator").status_code == 200
        assert browser.post("/operator/sign-out").headers["location"] == "/operator/sign-in"
        assert browser.get("/operator").status_code == 303


def test_an_address_taken_out_of_the_setting_is_signed_out(site: Site, database_url: str, tmp_path: Path) -> None:
    word = site.links.make(For.OPERATOR_SESSION, Operator(DANA).id, site.clock.now() + timedelta(hours=1))
    site.sql("TRUNCATE jobboard.customer, jobboard.applicant, jobboard.oauth_application CASCADE")
    with standing(database_url, tmp_path, operators=(EMIL,)) as other, other.browser() as browser:
        browser.cookies.set("unghost-operator", word)
        assert browser.get("/operator").status_code == 303


def test_without_operators_there_are_no_operator_pages(database_url: str, tmp_path: Path) -> None:
    with standing(database_url, tmp_path) as site, site.browser() as browser:
        for path in (*PAGES, "/operator/sign-in"):
            assert browser.get(path).status_code == 404, path
        assert browser.post("/operator/sign-in", data={"email": DANA}).status_code == 404
        assert browser.post("/operator/dead-letters", data={"kind": "mail"}).status_code == 404


def test_the_pages_run_no_script_and_are_kept_by_nobody(site: Site) -> None:
    with signed_in(site) as browser:
        for path in (*PAGES, "/operator/sign-in"):
            answer = browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
            assert answer.headers["cache-control"] == "no-store"
            assert "<script" not in answer.text and "<style" not in answer.text and " style=" not in answer.text


def test_behind_https_the_cookie_is_bound_to_the_host(database_url: str, tmp_path: Path) -> None:
    with standing(database_url, tmp_path, base_url="https://jobs.example", operators=(DANA,)) as site:
        with site.browser() as browser:
            cookie = browser.get(link(site)).headers["set-cookie"]
        assert cookie.startswith("__Host-unghost-operator=")
        assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
        assert "dana" not in cookie
    assert SECRET not in cookie
