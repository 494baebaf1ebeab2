"""A name is no message: what anyone may write into a mail to a stranger (spec R28)."""

from __future__ import annotations

import pytest

from unghost.jobboard.rules.naming import unfit


@pytest.mark.parametrize(
    "name",
    [
        "Zoë O'Brien-李",
        "王",
        "Æ",
        "Müller, J. R. (she/her)",
        "علی‌رضا",
        "श्रीमान् क्‍ष",
        "X Æ A-12",
        "Mr. 7",
        "Wwwilma",
        "http Nguyễn",
    ],
)
def test_names_of_people_are_taken(name: str) -> None:
    assert unfit(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Win at https://evil.example/x", "web address"),
        ("WWW.evil.example", "web address"),
        ("Ada \u202egnp.exe", "invisible"),
        ("\u2066Ada\u2069", "invisible"),
        ("A\u200bda", "invisible"),
        ("A\u00adda", "invisible"),
        ("\ufeffAda", "invisible"),
        ("\u200d", "no letter"),
        ("!!! ???", "no letter"),
        ("🎉🎉", "no letter"),
    ],
)
def test_what_is_no_name_is_said(name: str, said: str) -> None:
    assert said in (unfit(name) or "")
