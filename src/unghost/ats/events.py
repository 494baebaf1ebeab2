"""Activities as another program sends them over HTTP: plain JSON, or CloudEvents in each of their modes (spec R29).

Pure. All of a request or nothing: each element that cannot be read is named with its field and the remedy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from unghost.ats.activity import Activity, Kind, RecordError, of_kind

MOST = 1000
MOST_BYTES = 4 << 20
_FIELDS = ("application", "activity", "performedAt", "organization")
_LAST = 253_402_300_799_999
#: The end of an event's type says what it is, whatever stands before it: com.example.ats.activity.viewed.
_TYPE = re.compile(r"(?:.*\.)?activity\.([a-z_]+)")
_EVENT, _EVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an element cannot be recorded. `index`: its place, from 0."""

    index: int
    field: str
    message: str


class EventsError(Exception):
    """The request cannot be recorded; nothing of it is."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(each.message for each in refusals))
        self.refusals = refusals


class _Wrong(ValueError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read(content_type: str, headers: Mapping[str, str], body: bytes) -> list[Activity]:
    """The activities of a request, in its order. `headers` have names in small letters. Raises `EventsError`."""
    kind = content_type.partition(";")[0].strip().lower()
    if "ce-specversion" in headers:
        elements: list[Any] = [{name[3:]: unquote(headers[name]) for name in headers if name.startswith("ce-")}]
        reader = _event
    elif kind in ("application/json", _EVENT, _EVENTS):
        given = _json(body)
        if isinstance(given, list) and kind == _EVENT:
            raise _whole(f"one event is wanted: send a list as {_EVENTS}")
        elements = given if isinstance(given, list) else [given]
        reader = _plain if kind == "application/json" else _event
    else:
        raise _whole(f"Content-Type is {kind[:60]!r}: send application/json, {_EVENT} or {_EVENTS}", "Content-Type")
    if not 1 <= len(elements) <= MOST:
        raise _whole(f"{len(elements)} activities are sent: send 1 to {MOST:,}")
    found: list[Activity] = []
    refusals: list[Refusal] = []
    for index, element in enumerate(elements):
        try:
            found.append(reader(element))
        except _Wrong as error:
            refusals.append(Refusal(index, error.field, str(error)))
    if refusals:
        raise EventsError(*refusals)
    return found


def _plain(element: Any) -> Activity:
    if not isinstance(element, dict):
        raise _Wrong("", 'an element is no object: send {"application": "4711", "activity": "viewed"}')
    for name in element:
        if name not in _FIELDS:
            raise _Wrong(name, f"{name[:40]!r} is no field: there are {', '.join(_FIELDS)}")
    return _activity(element, ("application", "activity", "performedAt"), element.get("activity"))


def _event(element: Any) -> Activity:
    if not isinstance(element, dict):
        raise _Wrong("", "an event is no object: send a CloudEvent")
    if element.get("specversion") != "1.0":
        raise _Wrong("specversion", "specversion is not 1.0: send a CloudEvent of that version")
    for name in ("id", "source"):
        if not isinstance(element.get(name), str) or not element[name]:
            raise _Wrong(name, f"{name} is missing: a CloudEvent has one")
    given = element.get("type")
    found = _TYPE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise _Wrong("type", "type does not end with activity. and its word: send e.g. com.example.ats.activity.viewed")
    if element.get("time") is None:
        raise _Wrong("time", "time is missing: give the moment of the act, e.g. 2026-11-05T17:00:00Z")
    return _activity(element, ("subject", "type", "time"), found[1])


def _activity(element: Mapping[str, Any], names: tuple[str, str, str], word: Any) -> Activity:
    application, activity, moment = names
    if not isinstance(word, str) or word not in list(Kind):
        raise _Wrong(activity, f"{activity} is {str(word)[:40]!r}: give one of {', '.join(Kind)}")
    given = element.get(application)
    if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
        raise _Wrong(application, f"{application} is missing: give the ATS's own id of the application, or its URN")
    at = _moment(moment, element.get(moment))
    organization = element.get("organization")
    try:
        of_kind(word, application="1", organization=organization)
    except RecordError as error:
        raise _Wrong("organization", str(error)) from None
    try:
        if isinstance(given, str) and given.startswith("urn:li:"):
            return of_kind(word, application=given, organization=organization, at=at)
        return of_kind(word, given, organization=organization, at=at)
    except RecordError as error:
        raise _Wrong(application, f"{application} cannot be read: {error}") from None


def _moment(name: str, given: Any) -> datetime | None:
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(given, bool) and 100_000_000_000 <= given <= _LAST:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=given)
    if isinstance(given, str):
        try:
            at = datetime.fromisoformat(given)
        except ValueError:
            at = None
        if at is not None and at.tzinfo is None:
            raise _Wrong(name, f"{name} is {given[:40]!r} without a time zone: add Z for UTC or an offset")
        if at is not None and 1973 <= at.year < 9999:
            return at
    raise _Wrong(name, f"{name} is {str(given)[:40]!r}: give milliseconds since 1970, or 2026-11-05T17:00:00Z")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _whole("the body is no JSON: send an object or a list in UTF-8") from None


def _whole(message: str, field: str = "") -> EventsError:
    return EventsError(Refusal(0, field, message))
