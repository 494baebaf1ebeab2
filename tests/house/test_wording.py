"""All languages say the same things: the same keys, the same kinds, the same values filled in."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from babel import Locale

from tests.house.sources import SOURCE

FOLDERS = sorted(
    path for path in (SOURCE / "jobboard" / "wording").iterdir() if path.is_dir() and any(path.glob("*.toml"))
)
LANGUAGES = {path.stem for folder in FOLDERS for path in folder.glob("*.toml")}


def said(value: Any, key: str = "") -> Iterator[tuple[str, type, frozenset[str], bool]]:
    """Each key, whether it is a sentence or paragraphs, the names it fills in, and whether anything is said."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from said(inner, f"{key}.{name}" if key else name)
        return
    paragraphs = value if isinstance(value, list) else [value]
    names = {name for text in paragraphs for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    yield key, type(value), frozenset(names), all(text.strip() for text in paragraphs) and bool(paragraphs)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_all_languages_have_the_same_keys_and_fill_in_the_same_values(folder: Any) -> None:
    found = {
        path.stem: {key: rest for key, *rest in said(tomllib.loads(path.read_text(encoding="utf-8")))}
        for path in folder.glob("*.toml")
    }
    assert set(found) == LANGUAGES
    for language, keys in found.items():
        assert keys.keys() == found["en"].keys(), language
        assert {key: rest for key, rest in keys.items() if rest != found["en"][key]} == {}, language
        assert [key for key, rest in keys.items() if not rest[-1]] == [], f"{language} says nothing"


#: Words that no other language of ours has; a sentence with one was left in English.
ENGLISH = re.compile(r"\b(the|your|you|and|with|this|that|are|has|been|of|for)\b", re.IGNORECASE)
#: What is said the same in another language.
SHARED = {"Organisation", "_, in _"}
#: What good typography of a language does not have: its marks and its spaces are part of the translation.
WRONG = {
    "en": r"[„«»]",
    "de": r"[”«»]",
    "fr": r"[^\u00a0][:;!?»]|«(?!\u00a0)|[“”]",
    "es": r"[“”]|^[^¿]*\?|^[^¡]*!",
    "ar": r"[,;?“”]",
}


def sentences(language: str) -> Iterator[tuple[str, str]]:
    """Where it stands, and each sentence and paragraph without its blanks."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        else:
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts(inner)

    for folder in FOLDERS:
        path = folder / f"{language}.toml"
        for sentence in texts(tomllib.loads(path.read_text(encoding="utf-8"))):
            yield folder.name, re.sub(r"\{[a-z_]*\}", "_", sentence)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_language_is_named_as_pages_and_dates_name_it(language: str) -> None:
    assert re.fullmatch("[a-z]{2,3}", language)
    assert Locale.parse(language).get_language_name(language)


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_nothing_is_left_in_english(language: str) -> None:
    """spec R21"""
    english = {sentence for _, sentence in sentences("en") if re.search("[a-z]", sentence)} - SHARED
    left = [said for said in sentences(language) if said[1] in english or ENGLISH.search(said[1])]
    assert left == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_each_language_has_its_own_marks(language: str) -> None:
    """Add a new language to WRONG."""
    wrong = re.compile(rf"{WRONG[language]}|['\"]")
    assert [said for said in sentences(language) if wrong.search(said[1])] == []
