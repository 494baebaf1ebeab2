"""Reads the fields of a JSON object one by one; the first that does not fit ends it with its refusal (spec R4, R6).

Pure. A field that is null counts as left out, for some clients send all they have; unknown fields are nobody's here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

from unghost.wire.lifecycle import moment
from unghost.wire.refusals import Refusal, Refused, kind, shown

#: Times from 1973 to 2100: what lies below is seconds, what lies above micro- or nanoseconds.
_EARLIEST, _LATEST = 100_000_000_000, 4_102_444_800_000
LONGEST_URL = 2000

_Read = TypeVar("_Read")


class Unfit(Exception):
    """A field does not fit. `refused` is what the caller is told."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refused = Refused(refusal, message)


def or_refused(read: Callable[[], _Read]) -> _Read | Refused:
    """What is read, or why it cannot be."""
    try:
        return read()
    except Unfit as unfit:
        return unfit.refused


class Fields:
    """A JSON object. `at` stands before the names of its fields in messages, such as `patch.$set.`."""

    def __init__(self, given: object, wanted: str, at: str = "") -> None:
        if not isinstance(given, dict):
            what = at.rstrip(".") or "the body"
            raise Unfit(Refusal.MALFORMED_BODY, f"{what} is {kind(given)}; want {wanted}")
        self._given: dict[str, object] = given
        self._at = at

    def name(self, field: str) -> str:
        """A field's name as messages have it."""
        return self._at + field

    def has(self, field: str) -> bool:
        """Is the field there, and not null?"""
        return self._given.get(field) is not None

    def names(self) -> list[str]:
        """The fields that are there."""
        return list(self._given)

    def value(self, field: str) -> object:
        """A field as it is."""
        return self._given.get(field)

    def within(self, field: str, wanted: str) -> Fields | None:
        """The object in a field, or None if it is left out."""
        return Fields(self._given[field], wanted, f"{self.name(field)}.") if self.has(field) else None

    def text(self, field: str, longest: int, *, lines: bool = False) -> str | None:
        """A text, on one line unless `lines`; None if it is left out."""
        given = self._given.get(field)
        return None if given is None else text(self.name(field), given, longest, lines=lines)

    def needed(self, field: str, longest: int, *, lines: bool = False) -> str:
        """A text that must be there."""
        found = self.text(field, longest, lines=lines)
        if found is None:
            raise Unfit(Refusal.MISSING_FIELD, f"{self.name(field)} is missing; want text of 1 to {longest} characters")
        return found

    def texts(self, field: str, most: int, longest: int) -> tuple[str, ...] | None:
        """Several texts; None if they are left out."""
        given, name = self._given.get(field), self.name(field)
        if given is None:
            return None
        if not isinstance(given, list):
            raise Unfit(Refusal.WRONG_TYPE, f"{name} is {kind(given)}; want an array of strings")
        if len(given) > most:
            raise Unfit(Refusal.BAD_VALUE, f"{name} has {len(given)} entries; want at most {most}")
        return tuple(text(f"{name}[{nth}]", each, longest) for nth, each in enumerate(given))

    def one_of(self, field: str, values: Collection[str]) -> str | None:
        """One of these; None if it is left out."""
        given = self._given.get(field)
        if given is None:
            return None
        if not isinstance(given, str) or given not in values:
            got = shown(given) if isinstance(given, str) else kind(given)
            raise Unfit(Refusal.BAD_VALUE, f"{self.name(field)} is {got}; want {' or '.join(values)}")
        return given

    def url(self, field: str) -> str | None:
        """An address of the web; None if it is left out."""
        found = self.text(field, LONGEST_URL)
        return None if found is None else url(self.name(field), found)

    def time(self, field: str) -> datetime | None:
        """A moment in milliseconds since 1970, as a number or a string of digits; None if it is left out."""
        given, name = self._given.get(field), self.name(field)
        if given is None:
            return None
        if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 19:
            given = int(given)
        if isinstance(given, bool) or not isinstance(given, int):
            got = shown(given) if isinstance(given, str | float) else kind(given)
            raise Unfit(Refusal.WRONG_TYPE, f"{name} is {got}; want an integer, milliseconds since 1970")
        if not _EARLIEST <= given <= _LATEST:
            like = ": this looks like seconds" if 0 < given < _EARLIEST else ""
            raise Unfit(
                Refusal.BAD_TIME,
                f"{name} is {shown(given)}{like}; want milliseconds since 1970, {_EARLIEST} to {_LATEST}",
            )
        return moment(given)


def text(name: str, given: object, longest: int, *, lines: bool = False) -> str:
    """A text as it may be stored. Raises `Unfit`."""
    if not isinstance(given, str):
        raise Unfit(Refusal.WRONG_TYPE, f"{name} is {kind(given)}; want a string")
    if not given.strip():
        raise Unfit(Refusal.BAD_VALUE, f"{name} is empty; want text of 1 to {longest} characters")
    if len(given) > longest:
        raise Unfit(Refusal.BAD_VALUE, f"{name} has {len(given)} characters; want at most {longest}")
    unwanted = ("Cs",) if lines else ("Cc", "Cs", "Zl", "Zp")
    if "\0" in given or any(unicodedata.category(character) in unwanted for character in given):
        wanted = "text without NUL" if lines else "one line of text without control characters"
        raise Unfit(Refusal.BAD_VALUE, f"{name} has a character that cannot be kept; want {wanted}")
    return given


def url(name: str, given: str) -> str:
    """An http or https address. Raises `Unfit`."""
    wanted = "want an address such as https://ats.example/path"
    try:
        parts = urlsplit(given)
        fits = given.startswith(("http://", "https://")) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not given.isascii() or any(character in given for character in " \\\"'<>"):
        raise Unfit(Refusal.BAD_VALUE, f"{name} is {shown(given)}; {wanted}")
    if parts.username is not None or parts.password is not None:
        raise Unfit(Refusal.BAD_VALUE, f"{name} holds a user name or password; {wanted}")
    return given
