"""Reads what people type: URNs, addresses, origins, durations. Each complaint is one sentence with the remedy."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from unghost.cli.frame import Wrong
from unghost.wire import urn

_ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,189}")


def organization(given: str) -> int:
    """`urn:li:organization:12345`, or 12345 alone."""
    return _number(urn.ORGANIZATION, given)


def application(given: str) -> int:
    """`urn:li:jobApplication:12345678`, or 12345678 alone."""
    return _number(urn.JOB_APPLICATION, given)


def address(given: str) -> str:
    """An e-mail address, as it is stored for admins: in small letters."""
    if not _ADDRESS.fullmatch(given):
        raise Wrong("that is not an e-mail address: give one such as name@company.example")
    return given.lower()


def text(field: str, given: str) -> str:
    """A name or title. PostgreSQL keeps no NUL character, and UTF-8 no lone surrogate."""
    given = given.strip()
    if not given or "\0" in given or any("\ud800" <= character <= "\udfff" for character in given):
        raise Wrong(f"{field} is {given!r}: give a text that is not empty")
    return given


def origin(given: str) -> str:
    """A page's origin, `https://ats.example` or `http://localhost:3000`, as browsers write it."""
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        raise Wrong(f"{given!r} is not an origin: give one such as https://ats.example") from None
    rest = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in ("http", "https") or not parts.hostname or rest:
        raise Wrong(f"{given!r} is not an origin: give one such as https://ats.example, without a path")
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


def duration(option: str, given: str) -> timedelta:
    """`90s`, `15m`, `72h` or `3d`."""
    from unghost.jobboard.settings import duration as read

    try:
        return read(given)
    except ValueError as error:
        raise Wrong(f"{option} {error}") from None


def moment(option: str, given: str, now: datetime) -> datetime:
    """`now`, milliseconds since the epoch as they stand in a report, or a date with time such as 2026-11-05T17:00Z."""
    if given == "now":
        return now
    try:
        if given.isascii() and given.isdigit():
            return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(given))
        read = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise Wrong(
            f"{option} is {given!r}: give milliseconds since 1970, a time such as 2026-11-05T17:00:00Z, or now"
        ) from None
    if read.tzinfo is None:
        raise Wrong(f"{option} is {given!r} without a time zone: add Z for UTC or an offset such as +02:00")
    return read.astimezone(UTC)


def _number(kind: str, given: str) -> int:
    try:
        return urn.either(kind, given)
    except ValueError as error:
        raise Wrong(f"{given!r} is no {kind}: {error}") from None
