"""Customers' admins sign in by a mailed link; the session's cookie fits where it is needed (spec R24, R26)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.jobboard.consent.conftest import ATS
from tests.jobboard.consent.stand import HANNA, NOBODY, Stand, standing
from unghost.jobboard.links import LINK_LIFE, For

_ASK = {"framed": "", "client_id": "", "origin": ""}


@pytest.fixture
def secure_stand(database_url: str, tmp_path: Path) -> Iterator[Stand]:
    """A board that is reached by https, through a proxy."""
    with standing(database_url, tmp_path, ATS, base_url="https://board.example") as running:
        yield running


def test_a_mailed_link_signs_an_admin_in_and_leads_to_the_integration(stand: Stand) -> None:
    """Spec R24."""
    with stand.browser(None) as client:
        answer = client.post("/admin/sign-in", data={**_ASK, "email": HANNA.upper(), "client_id": stand.client_id})
        assert answer.status_code == 303
        assert "is on its way" in client.get(answer.headers["location"]).text
        link = stand.mailroom.link()
        assert HANNA not in link
        opened = client.get(link)
        assert opened.headers["location"] == f"/admin/consent?client_id={stand.client_id}"
        assert f"Signed in as {HANNA}" in client.get(opened.headers["location"]).text
    mail = stand.mailroom.mails[0]
    assert (mail["To"], mail["Auto-Submitted"]) == (HANNA, "auto-generated")


def test_the_mail_is_in_the_language_of_the_page(stand: Stand) -> None:
    """Spec R21, R24."""
    with stand.browser(None) as client:
        client.post("/admin/sign-in", data={**_ASK, "email": HANNA}, headers={"Accept-Language": "de"})
        stand.mailroom.link()
    assert stand.mailroom.mails[0]["Subject"] == "Ihr Anmeldelink für unghost"


def test_the_answer_never_tells_whether_an_address_is_an_admins(stand: Stand) -> None:
    """Spec R24."""
    with stand.browser(None) as client:
        answers = [client.post("/admin/sign-in", data={**_ASK, "email": email}) for email in (NOBODY, HANNA)]
        stand.mailroom.link()
    strangers, admins = ((answer.status_code, answer.headers["location"], answer.content) for answer in answers)
    assert strangers == admins
    assert [mail["To"] for mail in stand.mailroom.mails] == [HANNA]


def test_an_unusable_address_is_answered_with_what_is_wanted(stand: Stand) -> None:
    """Spec R24."""
    with stand.browser(None) as client:
        for email in ("", "hanna", "a b@c.example", "x@y\r\nBcc: y@z.example", "@", "x" * 400 + "@y.example"):
            answer = client.post("/admin/sign-in", data={**_ASK, "email": email}, follow_redirects=True)
            assert "Give an address such as name@company.example." in answer.text
            assert 'aria-invalid="true"' in answer.text


def test_a_link_ends_after_its_life_and_one_for_something_else_is_none(stand: Stand) -> None:
    """Spec R24."""
    with stand.browser(None) as client:
        link = stand.login_url()
        stand.clock.ahead += LINK_LIFE + timedelta(seconds=1)
        expired = client.get(link)
        applicants = stand.links.make(For.APPLICANT_LINK, 1, stand.clock.now() + LINK_LIFE)
        others = [
            client.get("/admin/sign-in", params={"word": word}) for word in (applicants, "", "x" * 5000, "\x00.é")
        ]
    assert expired.status_code == 403 and "has expired" in expired.text
    for answer in others:
        assert answer.status_code == 403 and "not one of ours" in answer.text
        assert "set-cookie" not in answer.headers
    assert "set-cookie" not in expired.headers


def test_under_plain_http_the_cookie_stays_on_the_boards_own_site(stand: Stand) -> None:
    """Spec R24: a Secure cookie would not be kept there."""
    with stand.browser(None) as client:
        cookie = client.get(stand.login_url()).headers["set-cookie"]
    assert cookie.startswith("unghost-admin=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")


def test_under_https_the_cookie_may_be_set_in_a_frame_and_only_for_that_ats(secure_stand: Stand) -> None:
    """Spec R24, R26: partitioned, so the session in one ATS's page is not that in another's."""
    stand = secure_stand
    with stand.browser(None) as client:
        cookie = client.get(stand.login_url()).headers["set-cookie"]
        assert cookie.startswith("__Host-unghost-admin=")
        assert cookie.endswith("; Path=/; HttpOnly; Secure; SameSite=None; Partitioned")
        word = parse_qs(urlsplit(stand.login_url()).query)["word"][0]
        handed = client.post("/admin/session", data={"word": word}, headers={"Origin": "https://board.example"})
    assert handed.status_code == 204
    assert handed.headers["set-cookie"].endswith("; Path=/; HttpOnly; Secure; SameSite=None; Partitioned")


def test_a_word_handed_over_that_is_not_good_gives_no_session(stand: Stand) -> None:
    """Spec R24."""
    with stand.browser(None) as client:
        for word in ("", "x", stand.links.make(For.ADMIN_SESSION, 1, None)):
            answer = client.post("/admin/session", data={"word": word})
            assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_signing_out_ends_the_session(stand: Stand) -> None:
    """Spec R24."""
    with stand.browser() as client:
        answer = client.post("/admin/sign-out", data={**_ASK, "framed": "1", "client_id": "c", "origin": ATS})
        assert answer.headers["location"].startswith("/consent/widget?client_id=c&origin=")
        assert "Sign in as an administrator" in client.get("/admin/consent").text


def test_the_frame_holds_the_form_only_where_the_session_would_be_seen(stand: Stand) -> None:
    """Spec R24, R26: in another site's page it offers the board's own window alone."""
    with stand.browser(None) as client:
        pages = {
            site: client.get(stand.frame_path(), headers={"Sec-Fetch-Site": site}).text
            for site in ("same-site", "cross-site")
        }
    for page in pages.values():
        assert f'href="/admin/consent?client_id={stand.client_id}" target="_blank" rel="opener"' in page
    assert 'name="email"' in pages["same-site"] and 'name="email"' not in pages["cross-site"]


def test_a_mail_server_that_is_away_changes_nothing_in_the_answer_and_no_address_is_logged(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Spec R24."""
    caplog.set_level(0, "unghost")
    with standing(database_url, tmp_path, ATS, smtp_url="smtp://127.0.0.1:9") as stand, stand.browser(None) as client:
        answer = client.post("/admin/sign-in", data={**_ASK, "email": HANNA})
        assert answer.status_code == 303
        assert client.get(answer.headers["location"]).status_code == 200
    said = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("unghost"))
    written = capfd.readouterr()
    assert "UNGHOST_SMTP_URL" in said
    assert HANNA not in said + written.out + written.err
