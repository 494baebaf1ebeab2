"""How the board API says no: a table of codes, and one sentence for each case that names the field (spec R4).

Messages never repeat a person's data: of a field that may hold some only the name and what is wanted is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import msgspec

from unghost.wire.refusals import shown

Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: HTTP status, what it means, and does the same call later help?"""

    status: int
    meaning: str
    again: bool = False


class BoardRefusal(Enum):
    """Every refusal of the board API by its name, which is the `code` in the answer."""

    MALFORMED_BODY = Row(400, "the body is not JSON in UTF-8")
    BAD_FIELD = Row(400, "a field is missing, unknown, or not usable as it is")
    BAD_PATH = Row(400, "a name in the path is not usable")
    MISSING_KEY = Row(401, "no board key was sent, or it is not one of this board's")
    NO_KEYS = Row(403, "the board has no keys, so its API is closed")
    UNKNOWN_PATH = Row(404, "there is nothing at this address")
    UNKNOWN_CUSTOMER = Row(404, "there is no such customer")
    UNKNOWN_JOB = Row(404, "there is no such job")
    UNKNOWN_APPLICANT = Row(404, "there is no such applicant")
    UNKNOWN_APPLICATION = Row(404, "there is no such application")
    WRONG_VERB = Row(405, "the address does not answer this HTTP method")
    ADDRESS_TAKEN = Row(409, "the e-mail address belongs to another applicant")
    NUMBER_TAKEN = Row(
        409,
        "the application's number belongs to another one, or it has another number already",
    )
    ERASED = Row(410, "the applicant, or the application's number, was erased and is not taken back")
    TOO_LARGE = Row(413, "the body is larger than 1 MiB")
    UNAVAILABLE = Row(503, "the job board cannot reach its database", again=True)


class BoardRefused(Exception):
    """A refusal with its sentence. `field`: the path of the field at fault, e.g. `job.externalId`."""

    def __init__(
        self,
        refusal: BoardRefusal,
        message: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.message = message
        self.field = field
        self.headers = headers or {}


class Unfit(ValueError):
    """A value that a check does not let through. `field`: its name on the wire, inside its object."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def decode(decoder: msgspec.json.Decoder[Shape], body: bytes) -> Shape:
    """Read a body. Raises `BoardRefused` (MALFORMED_BODY, BAD_FIELD)."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _bad_field(error) from None
    except UnicodeDecodeError:
        raise BoardRefused(BoardRefusal.MALFORMED_BODY, "the body is not UTF-8; want JSON in UTF-8") from None
    except msgspec.DecodeError as error:
        what = "empty or cut off" if "truncated" in str(error) else str(error).removeprefix("JSON is malformed: ")
        raise BoardRefused(
            BoardRefusal.MALFORMED_BODY,
            f"the body is not JSON: {what}; want one JSON object",
        ) from None
    except RecursionError:
        raise BoardRefused(
            BoardRefusal.MALFORMED_BODY,
            "the body is nested too deeply; want one flat JSON object",
        ) from None


_AT = re.compile(r"^(?P<said>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]*)`$")
_EXPECTED = re.compile(r"^Expected (?P<wanted>.*?)(?:, got (?P<got>.*))?$", re.DOTALL)
_KINDS = {
    "`str`": "a string",
    "`int`": "an integer",
    "`float`": "a fraction",
    "`bool`": "true or false",
    "`object`": "an object",
    "`array`": "an array",
    "`null`": "null",
}


def _bad_field(error: msgspec.ValidationError) -> BoardRefused:
    """msgspec's finding as a sentence of ours."""
    match = _AT.match(str(error))
    assert match is not None  # the pattern matches every text
    said, path = match["said"], (match["path"] or "").lstrip(".").replace("[...]", "")
    if isinstance(error.__cause__, Unfit):
        field = _under(path, error.__cause__.field)
        return _refused(field, f"{field} {error.__cause__.message}")
    if (unknown := _UNKNOWN.match(said)) is not None:
        field = _under(path, shown(unknown["name"])[1:-1])
        return _refused(
            field,
            f"{field} is not a field of this request; want only those that /docs lists",
        )
    if (missing := _MISSING.match(said)) is not None:
        field = _under(path, missing["name"])
        return _refused(field, f"{field} is missing; want it in the body")
    if (expected := _EXPECTED.match(said)) is not None:
        got = f"is {_kind(expected['got'])}" if expected["got"] else "is not usable"
        return _refused(
            path or None,
            f"{path or 'the body'} {got}; want {_kind(expected['wanted'])}",
        )
    return _refused(path or None, f"{path or 'the body'} is not usable: {shown(said)[1:-1]}")


def _refused(field: str | None, message: str) -> BoardRefused:
    return BoardRefused(BoardRefusal.BAD_FIELD, message, field)


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(said: str) -> str:
    for kind, words in _KINDS.items():
        said = said.replace(kind, words)
    return said
