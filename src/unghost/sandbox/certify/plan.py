"""The partner's TOML file: how the ATS is reached and made to act. Read strictly: what cannot be meant is told.

Must not reach anything.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

#: Every act that must be declared, and what it is.
ACTS = {
    "view": "a recruiter opens the applicant's record",
    "download": "a recruiter downloads the résumé",
    "display": "a recruiter sees the résumé in a viewer",
    "reject": "a recruiter rejects the applicant",
    "bulk_reject": "a recruiter rejects several at once",
    "unreject": "a recruiter takes the rejection back",
    "elsewhere": "somebody who applied elsewhere becomes a candidate",
    "restart": "the ATS, with all that reports, is ended and started again",
}
#: What an ATS need not have: `act = "none"`. Without the core there is nothing to certify.
NONE = "none"
CORE = ("view", "download", "reject")
OF_ONE = ("id", "number", "email", "name")
OF_MANY = ("ids", "numbers", "emails")
OF_RUN = ("organization", "board_url", "port", "folder", "python")
#: What msgspec calls a kind of value, and what a person does.
_KINDS = {
    "object": "a table",
    "array": "a list",
    "str": "text in quotes",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "object | null": "a table",
    "array | null": "a list",
    "str | null": "text in quotes",
}
_PLACE = re.compile(r"\{([a-z_]+)\}")


class PlanError(Exception):
    """The file cannot be used. The message is one sentence that names what is wrong and the remedy."""


class How(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How one thing is done: by a call to `url`, by a `command`, or by a `person` who reads this sentence.

    `page`: fetched before; the hidden fields of its forms go into `form`. `find`: of a lookup, a regular expression
    whose group is the ATS's own id.
    """

    url: str | None = None
    method: str | None = None
    headers: dict[str, str] = {}
    form: dict[str, str] | None = None
    json: Any = None
    page: str | None = None
    command: list[str] | None = None
    person: str | None = None
    find: str | None = None

    @property
    def called(self) -> str:
        """The method of the call."""
        return self.method or ("GET" if self.form is None and self.json is None else "POST")

    def texts(self) -> Iterator[str]:
        """Everything in which places may stand."""
        yield from (text for text in (self.url, self.page, self.person, self.find) if text)
        yield from self.command or ()
        for value in (self.headers, self.form, self.json):
            yield from _strings(value)


class _Ats(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    name: str = "the ATS"
    webhook_url: str
    start: list[str] | None = None


class Timeouts(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Seconds. How long each step may take; `quiet`: how long nothing more may come before it is taken as nothing."""

    start: float = 60
    arrive: float = 20
    act: float = 15
    report: float = 20
    quiet: float = 2
    person: float = 600


class _File(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    ats: _Ats
    acts: dict[str, Any]
    login: How | None = None
    lookup: How | None = None
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the file says. An act that is None is one that the ATS has not."""

    name: str
    webhook_url: str
    start: list[str] | None
    acts: Mapping[str, How | None]
    login: How | None
    lookup: How | None
    timeouts: Timeouts = field(default_factory=Timeouts)

    def has(self, act: str) -> bool:
        """Whether the ATS can do it."""
        return self.acts.get(act) is not None or (act == "restart" and self.start is not None)


def load(path: Path) -> Plan:
    """Read the file. Raises `PlanError`."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{path} cannot be read ({error.strerror or error}): name the ATS's TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} is not TOML: {error}") from None
    try:
        read = msgspec.convert(given, _File)
    except msgspec.ValidationError as error:
        raise PlanError(f"{path}: {_plain(error)}") from None
    try:
        return _checked(read)
    except ValueError as error:
        raise PlanError(f"{path}: {error}") from None


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its places filled; a place without a value stays as it is."""
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), text)


def _checked(read: _File) -> Plan:
    if not read.ats.webhook_url.startswith(("http://", "https://")):
        raise ValueError(f"ats.webhook_url is {read.ats.webhook_url[:60]!r}: give where the board sends applications")
    _known("ats.webhook_url", [read.ats.webhook_url], OF_RUN)
    if read.ats.start is not None:
        if not read.ats.start:
            raise ValueError('ats.start is empty: give a command, such as ["bin/our-ats"], or leave it out')
        _known("ats.start", read.ats.start, OF_RUN)
    for name, seconds in msgspec.structs.asdict(read.timeouts).items():
        if not 0 < seconds <= 3600:
            raise ValueError(f"timeouts.{name} is {seconds}: give seconds above 0 and up to 3600")
    if read.login:
        _one_way("login", read.login, OF_RUN)
    if read.lookup:
        _lookup(read.lookup)
    return Plan(
        name=read.ats.name,
        webhook_url=read.ats.webhook_url,
        start=read.ats.start,
        acts=_acts(read),
        login=read.login,
        lookup=read.lookup,
        timeouts=read.timeouts,
    )


def _acts(read: _File) -> dict[str, How | None]:
    if unknown := next((name for name in read.acts if name not in ACTS), None):
        raise ValueError(f"acts.{unknown[:40]} is no act: there are {', '.join(ACTS)}")
    found: dict[str, How | None] = {}
    for name, meaning in ACTS.items():
        given = read.acts.get(name)
        if name == "restart" and read.ats.start is not None:
            if given is not None:
                raise ValueError("acts.restart and ats.start are both there: certify restarts what it started itself")
            continue
        if given is None:
            none = "" if name in CORE else f', or "{NONE}" if your ATS has no such thing'
            raise ValueError(f"acts.{name} is missing: say how {meaning}{none}")
        if given == NONE and name in CORE:
            raise ValueError(f'acts.{name} is "{NONE}", and without it nothing can be certified: say how {meaning}')
        if given == NONE:
            found[name] = None
            continue
        if not isinstance(given, dict):
            none = "" if name in CORE else f', or "{NONE}" if there is no such thing'
            raise ValueError(f"acts.{name} is {given!a:.40}: give a table{none}")
        try:
            how = msgspec.convert(given, How)
        except msgspec.ValidationError as error:
            raise ValueError(_plain(error, f"acts.{name}")) from None
        places = (*OF_RUN, *({"bulk_reject": OF_MANY, "restart": ()}.get(name, OF_ONE)))
        if name == "elsewhere":
            places = (*OF_RUN, "email", "name")
        _one_way(f"acts.{name}", how, places)
        text = " ".join(how.texts())
        if "{id" in text and read.lookup is None:
            raise ValueError(f"acts.{name} wants {{id}} and there is no [lookup]: say how the ATS's own id is found")
        needs = {"bulk_reject": OF_MANY, "restart": ()}.get(name, OF_ONE)
        if needs and how.person is None and not any(f"{{{place}}}" in text for place in needs):
            wanted = ", ".join(f"{{{place}}}" for place in needs)
            raise ValueError(f"acts.{name} does not say whom it is about: put one of {wanted} into it")
        found[name] = how
    return found


def _lookup(how: How) -> None:
    _one_way("lookup", how, (*OF_RUN, "number", "email", "name"))
    if how.person is not None:
        raise ValueError("lookup has person: a person gives no id; give url or command, or leave it out")
    if how.find is None:
        raise ValueError("lookup.find is missing: give a regular expression whose group is the ATS's own id")
    try:
        pattern = re.compile(_PLACE.sub("x", how.find))
    except re.error as error:
        raise ValueError(f"lookup.find is no regular expression ({error}): mend it") from None
    if pattern.groups != 1:
        raise ValueError(f"lookup.find has {pattern.groups} groups: put one pair of brackets around the id")


def _one_way(where: str, how: How, places: tuple[str, ...]) -> None:
    """See that it is done in one way, and that nothing stands there which another way would need."""
    ways = [way for way in ("url", "command", "person") if getattr(how, way) is not None]
    if len(ways) != 1:
        said = f"has {' and '.join(ways)}: give one of them" if ways else "says not how: give url, command or person"
        raise ValueError(f"{where} {said}")
    of_calls = [name for name in ("method", "form", "json", "page") if getattr(how, name) is not None]
    of_calls += ["headers"] if how.headers else []
    if how.url is None and of_calls:
        raise ValueError(f"{where} has {ways[0]} and {of_calls[0]}: {of_calls[0]} belongs to url")
    if how.url is not None and not how.url.startswith(("http://", "https://")):
        raise ValueError(f"{where}.url is {how.url[:60]!r}: give a whole address, such as http://127.0.0.1:5000/…")
    if how.form is not None and how.json is not None:
        raise ValueError(f"{where} has form and json: give one of them")
    if how.page is not None and how.form is None:
        raise ValueError(f"{where} has page without form: the page's hidden fields go into the form, give form = {{}}")
    if how.method == "GET" and (how.form is not None or how.json is not None):
        raise ValueError(f"{where} is a GET with a body: give another method, or put it into the url")
    if how.find is not None and where != "lookup":
        raise ValueError(f"{where} has find: it belongs to [lookup]")
    if how.command == []:
        raise ValueError(f"{where}.command is empty: give the program and its arguments")
    _known(where, how.texts(), places)


def _known(where: str, texts: Iterator[str] | list[str], places: tuple[str, ...]) -> None:
    for text in texts:
        for place in _PLACE.findall(text):
            if place not in places:
                there = ", ".join(f"{{{each}}}" for each in places)
                raise ValueError(f"{where} has the place {{{place}}}, which is not known here: there are {there}")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _plain(error: Exception, within: str = "") -> str:
    said, _, where = str(error).partition(" - at `$")
    where = (within + where.strip("`")).lstrip(".")
    said = re.sub(r"Object contains unknown field `(.*)`", r"there is no setting \1", said)
    said = re.sub(r"Object missing required field `(.*)`", r"\1 is missing", said)
    for word, name in _KINDS.items():
        said = said.replace(f"`{word}`", name)
    said = re.sub(r"Expected (.*), got (.*)", r"this is \2; give \1", said)
    return f"{where}: {said}" if where else said
