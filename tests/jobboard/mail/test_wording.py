"""The sentences: all there in every language, negotiated, and never code."""

from __future__ import annotations

import string

import pytest

from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.wording import Wording, load


@pytest.mark.parametrize("language", load().languages)
def test_every_language_says_everything_with_the_same_blanks(language: str) -> None:
    """spec R21"""
    english, other = load().sentences["en"], load().sentences[language]
    assert set(other) == set(english)
    for key, said in english.items():
        assert _blanks(said) == _blanks(other[key]), key
        assert isinstance(said, str) == isinstance(other[key], str), key


def _blanks(said: str | tuple[str, ...]) -> set[str]:
    text = said if isinstance(said, str) else " ".join(said)
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("action", DEFAULT)
def test_every_action_of_the_policy_has_its_wording(action: str) -> None:
    """spec R13, R21"""
    wording = load()
    for key in ("subject", "preheader", "heading", "note_title", "note", "when", "status", "explanation"):
        assert wording.sentences["en"][f"{action.lower()}.{key}"]
    assert wording.paragraphs("en", f"{action.lower()}.body", job="J", company="C")


def test_viewed_says_what_it_means_and_what_it_does_not() -> None:
    """spec R21"""
    no_decision = {
        "en": "not a decision",
        "de": "keine Entscheidung",
        "fr": "pas une décision",
        "es": "no es una decisión",
        "ar": "ليس هذا قرارًا",
    }
    for language in load().languages:
        for action in ("application_viewed", "resume_downloaded"):
            for key in ("note", "explanation"):
                said = load().say(language, f"{action}.{key}")
                assert no_decision[language].lower() in said.lower(), (language, action, key)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("pt, de;q=0.4, en;q=0.5", "en"),
        ("fr-CA, fr;q=0.9, en;q=0.8", "fr"),
        ("en;q=0.2, es-419;q=0.7, pt;q=0.9", "es"),
        ("ar-EG", "ar"),
        ("arc, est, frr", "en"),
        ("xx, de;q=0.1", "de"),
        ("de;q=0, *", "en"),
        ("de;q=x;;,,\x00" * 500, "de"),
        ("DE_ch", "de"),
    ],
)
def test_the_browser_s_wishes_are_met_as_far_as_can_be(header: str | None, language: str) -> None:
    assert load().negotiate(header) == language


def test_a_value_with_braces_is_only_text() -> None:
    assert load().say("en", "mail.greeting", name="{0.__class__} {board}") == "Hello {0.__class__} {board},"


def test_direction_comes_from_the_language() -> None:
    """spec R21"""
    wording = Wording({"en": {}, "ar": {}, "he": {}, "fr": {}})
    assert {language: wording.direction(language) for language in ("ar-EG", "he", "fr", "en", "tlh")} == {
        "ar-EG": "rtl",
        "he": "rtl",
        "fr": "ltr",
        "en": "ltr",
        "tlh": "ltr",
    }


def test_values_are_isolated_where_they_could_turn_the_sentence_and_an_address_alone_never() -> None:
    """spec R21"""
    wording = Wording({"en": {"a.b": "{x}!", "a.c": "{x}"}, "ar": {"a.b": "{x}!", "a.c": "{x}"}})
    assert wording.say("en", "a.b", x="Ferry") == "Ferry!"
    assert wording.say("en", "a.b", x="مرفأ") == "\u2068مرفأ\u2069!"
    assert wording.say("ar", "a.b", x="Ferry") == "\u2068Ferry\u2069!"
    assert wording.say("ar", "a.c", x="https://a.example/") == "https://a.example/"


def test_what_is_not_there_is_a_key_error() -> None:
    wording = Wording({"en": {"a.b": "{x}"}})
    with pytest.raises(KeyError):
        wording.say("en", "a.c")
    with pytest.raises(KeyError):
        wording.say("en", "a.b")
