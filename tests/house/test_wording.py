"""All languages say the same things: the same keys, the same kinds, the same values filled in."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

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
