"""Turning mails off: the page behind the signed link, and one-click (spec R19)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.jobboard.board_server import Board, serving
from tests.jobboard.telling.board import NOW, SECRET
from unghost.jobboard.links import For, Links

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"


@pytest.fixture
def board(database_url: str, tmp_path: Path) -> Iterator[Board]:
    """A board with ada, who reads German."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            """INSERT INTO jobboard.applicant (id, email, name, language, created_at)
               VALUES (7, 'ada@applicant.example', 'Ada', 'de', now())"""
        )
    with serving(database_url, tmp_path, secret_key=SECRET) as running:
        yield running


def word(purpose: For, applicant: int = 7) -> str:
    """A signed word as mails carry it."""
    return quote(Links(SECRET).make(purpose, applicant, None))


def wants(database_url: str) -> tuple[bool, bool]:
    """(mails about views, status mails) of ada."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT viewed_mails, status_mails FROM jobboard.applicant WHERE id = 7").fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("path", ["/preferences", "/preferences/one-click"])
@pytest.mark.parametrize("purpose", [For.VIEWED_MAILS, For.STATUS_MAILS, For.PREFERENCES])
def test_opening_a_link_shows_the_choice_in_the_applicant_s_language_and_changes_nothing(
    board: Board, database_url: str, path: str, purpose: For
) -> None:
    answer = board.ask("GET", f"{path}?word={word(purpose)}", key=None)
    assert answer.status == 200
    page = answer.body.decode()
    assert '<html lang="de"' in page
    assert page.count('type="checkbox"') == 2 and page.count(" checked") == 2
    assert "Ada" not in page and "ada@" not in page
    assert "no-store" in answer.headers["cache-control"]
    assert wants(database_url) == (True, True)


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        (b"", (False, False)),
        (b"status_mails=on", (False, True)),
        (b"viewed_mails=on", (True, False)),
        (b"viewed_mails=on&status_mails=on", (True, True)),
    ],
)
def test_the_form_saves_what_is_ticked(board: Board, database_url: str, form: bytes, wanted: tuple[bool, bool]) -> None:
    saved = board.ask("POST", f"/preferences?word={word(For.STATUS_MAILS)}", raw=form, key=None, headers=FORM)
    assert saved.status == 303
    shown = board.ask("GET", saved.headers["location"], key=None)
    assert "Gespeichert" in shown.body.decode()
    assert len(re.findall(r" checked", shown.body.decode())) == sum(wanted)
    assert wants(database_url) == wanted


@pytest.mark.parametrize(("purpose", "wanted"), [(For.VIEWED_MAILS, (False, True)), (For.STATUS_MAILS, (True, False))])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ONE_CLICK, "application/x-www-form-urlencoded"),
        (
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_one_click_turns_off_what_the_mail_was_about(
    board: Board, database_url: str, purpose: For, wanted: tuple[bool, bool], body: bytes, content_type: str
) -> None:
    """RFC 8058: no cookies, no redirect"""
    for _ in range(2):
        answer = board.ask(
            "POST",
            f"/preferences/one-click?word={word(purpose)}",
            raw=body,
            key=None,
            headers={"Content-Type": content_type},
        )
        assert answer.status == 200
        assert answer.headers["set-cookie"] is None
    assert wants(database_url) == wanted


@pytest.mark.parametrize(
    "bad",
    ["", "word=", "word=nonsense", "word=%00%ff%ed%a0%80", f"word={word(For.APPLICANT_SESSION)}", "word=" + "a" * 5000],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/preferences"), ("POST", "/preferences"), ("POST", "/preferences/one-click")]
)
def test_a_word_that_is_not_ours_changes_nothing(
    board: Board, database_url: str, method: str, path: str, bad: str
) -> None:
    answer = board.ask(method, f"{path}?{bad}", raw=ONE_CLICK, key=None, headers=FORM)
    assert answer.status == 400
    assert wants(database_url) == (True, True)


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=No", b"\xff\x00", b"x" * 100_000])
def test_a_post_that_is_not_a_one_click_changes_nothing(board: Board, database_url: str, body: bytes) -> None:
    answer = board.ask(
        "POST", f"/preferences/one-click?word={word(For.VIEWED_MAILS)}", raw=body, key=None, headers=FORM
    )
    assert answer.status in (400, 413)
    assert wants(database_url) == (True, True)


def test_a_form_of_any_size_or_shape_is_no_500(board: Board) -> None:
    for body in (b"a=b&" * 3000, b"\xff" * 100, b"status_mails=%00", b"&" * 8000):
        answer = board.ask("POST", f"/preferences?word={word(For.PREFERENCES)}", raw=body, key=None, headers=FORM)
        assert answer.status in (303, 400, 413)


def test_the_link_of_an_applicant_who_was_erased_says_so(board: Board) -> None:
    gone = word(For.PREFERENCES, applicant=8)
    assert board.ask("GET", f"/preferences?word={gone}", key=None).status == 404
    assert board.ask("POST", f"/preferences?word={gone}", raw=b"", key=None, headers=FORM).status == 404
    one_click = f"/preferences/one-click?word={word(For.VIEWED_MAILS, applicant=8)}"
    assert board.ask("POST", one_click, raw=ONE_CLICK, key=None, headers=FORM).status == 200


def test_a_word_of_a_mail_works_years_later(board: Board) -> None:
    purpose = For.VIEWED_MAILS
    assert Links(SECRET).read(purpose, Links(SECRET).make(purpose, 7, None), NOW.replace(year=2046)) == 7
