"""Every sentence that applicants, customers' admins and their mail programs read, by folder and language (spec R21).

One folder per action (its name in small letters) plus `mail`, `pages`, `consent`, …; one TOML file per language in
it. Adding a language is adding its files. Must not decide what is told: it only says it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from babel import Locale

from unghost.jobboard.isolation import isolated

#: The language that is used where an applicant's own is not there.
DEFAULT_LANGUAGE = "en"

Said = str | tuple[str, ...]

_ONE_BLANK = re.compile(r"\{[a-z_]+\}")


@dataclass(frozen=True, slots=True)
class Wording:
    """All sentences: language -> key with dots -> a sentence, or paragraphs."""

    sentences: Mapping[str, Mapping[str, Said]]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are, the default one first."""
        return tuple(sorted(self.sentences, key=lambda language: (language != DEFAULT_LANGUAGE, language)))

    def resolve(self, language: str) -> str:
        """The language that is spoken to someone who wants `language`: `de-AT` gets `de`, an unknown one `en`."""
        wanted = language.strip().lower().replace("_", "-")
        if wanted in self.sentences:
            return wanted
        base = wanted.partition("-")[0]
        return base if base in self.sentences else DEFAULT_LANGUAGE

    def unfilled(self, language: str, key: str) -> str:
        """The sentence of `key` (folder, dot, TOML keys) with its blanks. Raises `KeyError` where there is none."""
        said = self.sentences[self.resolve(language)][key]
        if not isinstance(said, str):
            raise KeyError(f"{key} is paragraphs, not a sentence")
        return said

    def unfilled_paragraphs(self, language: str, key: str) -> tuple[str, ...]:
        """The paragraphs of `key` with their blanks. Raises `KeyError` where there are none."""
        said = self.sentences[self.resolve(language)][key]
        if isinstance(said, str):
            raise KeyError(f"{key} is a sentence, not paragraphs")
        return said

    def say(self, language: str, key: str, **values: str) -> str:
        """The sentence of `key`, `{name}` filled from `values`, each isolated where its direction may differ.

        Raises `KeyError` for a key or a value that is not there.
        """
        return self._filled(language, self.unfilled(language, key), values)

    def paragraphs(self, language: str, key: str, **values: str) -> tuple[str, ...]:
        """The paragraphs of `key`, each filled from `values`. Raises `KeyError` as `say` does."""
        return tuple(self._filled(language, paragraph, values) for paragraph in self.unfilled_paragraphs(language, key))

    def _filled(self, language: str, said: str, values: Mapping[str, str]) -> str:
        if _ONE_BLANK.fullmatch(said):  # nothing beside it, and an address has to stay clickable
            return said.format_map(values)
        direction = self.direction(language)
        return said.format_map({name: isolated(value, direction) for name, value in values.items()})

    def direction(self, language: str) -> str:
        """`rtl` for languages written from right to left, else `ltr`."""
        return _direction(self.resolve(language))

    def negotiate(self, accept_language_header: str | None) -> str:
        """The best language for an `Accept-Language` header; any text is taken, none or nonsense gives the default."""
        wishes = []
        for position, part in enumerate((accept_language_header or "")[:1000].split(",")):
            tag, _, parameters = part.partition(";")
            quality = re.fullmatch(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", parameters)
            weight = float(quality[1]) if quality else 1.0
            if weight > 0 and (tag := tag.strip()):
                wishes.append((-weight, position, tag))
        for _, _, tag in sorted(wishes):
            found = self.resolve(tag)
            if tag == "*" or tag.lower().startswith(found):
                return found
        return DEFAULT_LANGUAGE


@cache
def _direction(language: str) -> str:
    return str(Locale.parse(language).text_direction)


@cache
def load() -> Wording:
    """Read all wording that is installed with the program; once per process."""
    sentences: dict[str, dict[str, Said]] = {}
    for folder in files(__name__).iterdir():
        if folder.is_dir():
            for language, key, said in _read(folder):
                sentences.setdefault(language, {})[f"{folder.name}.{key}"] = said
    return Wording(sentences)


def _read(folder: Traversable) -> Iterator[tuple[str, str, Said]]:
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            for key, said in _flat(tomllib.loads(file.read_text(encoding="utf-8"))):
                yield file.name.removesuffix(".toml"), key, said


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Said]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield prefix + name, tuple(str(paragraph) for paragraph in value)
        else:
            yield prefix + name, str(value)
