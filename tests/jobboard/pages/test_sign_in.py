"""Signing in by a mailed link or by the job board's token (spec R24)."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import httpx2
import jwt
import pytest

from tests.jobboard.pages.site import Site, standing
from unghost.jobboard.links import For


def ask(site: Site, email: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    with site.browser(headers=headers) as browser:
        return browser.post("/sign-in", data={"email": email})


def opens(site: Site, path: str) -> bool:
    """Whether the address signs somebody in."""
    with site.browser() as browser:
        return browser.get(path).status_code == 303 and browser.get("/my-jobs").status_code == 200


def test_a_mailed_link_signs_in_and_may_be_opened_again(site: Site) -> None:
    assert ask(site, "ADA@applicant.example").status_code == 200
    mail = site.mailbox.mail()
    assert mail["To"] == "ada@applicant.example"
    assert mail["Subject"] == "Your link to sign in to unghost"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "ada" not in site.mailbox.link()
    for _ in range(2):
        assert opens(site, site.mailbox.link())


def test_the_mail_is_in_the_language_of_the_page(site: Site) -> None:
    ask(site, "ada@applicant.example", {"Accept-Language": "de"})
    assert site.mailbox.mail()["Subject"] == "Ihr Link zum Anmelden bei unghost"
    assert site.mailbox.mail()["Content-Language"] == "de"


def test_the_answer_does_not_say_whether_an_address_is_known(site: Site) -> None:
    unknown, known = ask(site, "nobody@applicant.example"), ask(site, "ada@applicant.example")
    assert unknown.status_code == known.status_code == 200
    assert unknown.text == known.text
    site.mailbox.mail()
    assert [mail["To"] for mail in site.mailbox.mails] == ["ada@applicant.example"]


def test_a_mailbox_is_not_flooded(site: Site) -> None:
    for _ in range(8):
        ask(site, "ada@applicant.example")
    ask(site, "ben@bystander.example")
    site.mailbox.mail(5)
    assert [mail["To"] for mail in site.mailbox.mails].count("ada@applicant.example") == 5
    site.clock.ahead = timedelta(minutes=16)
    ask(site, "ada@applicant.example")
    site.mailbox.mail(6)


@pytest.mark.parametrize("email", ["", "x", "a@b@c", "x" * 5000, "a\0@b.example", "<script>@x"])
def test_what_is_no_address_is_said_beside_the_field(site: Site, email: str) -> None:
    answer = ask(site, email)
    assert answer.status_code == 422
    assert "Enter a complete e-mail address" in answer.text
    assert "<script>@" not in answer.text


def test_a_link_expires(site: Site) -> None:
    link = site.link(site.ada)
    site.clock.ahead = timedelta(minutes=15, seconds=1)
    with site.browser() as browser:
        answer = browser.get(link)
    assert answer.status_code == 401
    assert "This link has expired" in answer.text


def test_a_session_ends_after_thirty_days(site: Site) -> None:
    with site.browser(site.ada) as browser:
        site.clock.ahead = timedelta(days=29)
        assert browser.get("/my-jobs").status_code == 200
        site.clock.ahead = timedelta(days=31)
        assert browser.get("/my-jobs").status_code == 303


def test_words_for_anything_else_do_not_sign_in(site: Site) -> None:
    words = [site.links.make(purpose, site.ada, None) for purpose in For if purpose is not For.APPLICANT_LINK]
    for word in (*words, "", "x", "%00", "%ff", "[" * 3000, site.link(site.ada)[-20:]):
        assert not opens(site, f"/sign-in?word={word}")


def test_signing_out_ends_the_session_and_only_a_form_does_it(site: Site) -> None:
    with site.browser(site.ada) as browser:
        assert browser.get("/sign-out").status_code == 405
        assert browser.get("/my-jobs").status_code == 200
        assert browser.post("/sign-out").headers["location"] == "/jobs"
        assert browser.get("/my-jobs").status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site, database_url: str, tmp_path: Path) -> None:
    with site.browser() as browser:
        plain = browser.get(site.link(site.ada)).headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    word = plain.partition("=")[2].partition(".")[0]
    assert b"ada" not in base64.urlsafe_b64decode(word + "==").lower()


def test_behind_https_the_cookie_is_secure(database_url: str, tmp_path: Path) -> None:
    with standing(database_url, tmp_path, base_url="https://jobs.example") as site, site.browser() as browser:
        assert "Secure" in browser.get(site.link(site.ada)).headers["set-cookie"]
        ours = browser.post("/sign-in", data={"email": "x@y.example"}, headers={"Origin": "https://jobs.example"})
        assert ours.status_code == 200


def test_the_boards_own_token_signs_its_member_in(site: Site) -> None:
    assert opens(site, f"/sign-in?token={site.member_token()}")
    assert opens(site, f"/sign-in?token={site.member_token(aud=['unghost', 'other'], iat=0)}")


def test_a_token_expires_by_the_services_own_clock(site: Site) -> None:
    old = site.member_token()
    site.clock.ahead = timedelta(minutes=2)
    assert not opens(site, f"/sign-in?token={old}")
    assert opens(site, f"/sign-in?token={site.member_token()}")
    later = int((site.clock.now() + timedelta(minutes=5)).timestamp())
    assert not opens(site, f"/sign-in?token={site.member_token(nbf=later, exp=later + 60)}")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_no_other_token_signs_anybody_in(site: Site) -> None:
    bad = {
        "of another key": site.member_token(key="another key, which is long enough for it"),
        "of another algorithm": site.member_token(algorithm="HS512"),
        "unsigned": jwt.encode({"sub": "member-ada", "aud": "unghost", "exp": 9_999_999_999}, "", "none"),
        "for somebody else": site.member_token(aud="elsewhere"),
        "for statuses alone": site.member_token(aud="unghost-status"),
        "for nobody": site.member_token(aud=None),
        "for ever": site.member_token(exp=None),
        "with an odd end": site.member_token(exp="soon"),
        "with a true end": site.member_token(exp=True),
        "without a subject": site.member_token(sub=None),
        "of a stranger": site.member_token(sub="member-nobody"),
        "of a NUL": site.member_token(sub="\0"),
        "no token": "x.y.z",
        "deep": "W1t" * 3000 + ".x.y",
        "empty": "",
    }
    assert {why for why, given in bad.items() if opens(site, f"/sign-in?token={given}")} == set()


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_without_a_key_no_token_is_taken(database_url: str, tmp_path: Path) -> None:
    with standing(database_url, tmp_path, board_token_key=None) as site:
        assert not opens(site, f"/sign-in?token={site.member_token()}")
        assert not opens(site, f"/sign-in?token={site.member_token(key='None')}")


@pytest.mark.parametrize("smtp_url", [None, "smtp://127.0.0.1:1"])
def test_without_a_mail_server_the_page_still_answers(database_url: str, tmp_path: Path, smtp_url: str | None) -> None:
    with standing(database_url, tmp_path, smtp_url=smtp_url) as site:
        assert ask(site, "ada@applicant.example").status_code == 200
        with site.browser() as browser:
            assert browser.get("/jobs").status_code == 200
