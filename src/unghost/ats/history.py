"""The ATS's own history of stages: `[history]` in unghost.toml, and the moments in it (spec R33). Pure.

`query` gives one row for each change of stage, with the columns application_id, stage and at; and organization, where
customers have ids that are alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from unghost.ats.activity import milliseconds

_NAMES = ("query", "time_zone", "tolerance", "since")
#: What stands in the outbox this near to a moment of the history is the same act.
TOLERANCE = timedelta(seconds=60)
#: A number of milliseconds below this is of seconds: it would be a moment of 1973.
_SECONDS_BELOW = 100_000_000_000
_LAST = 253_402_300_799_999


class HistoryError(ValueError):
    """The history cannot be used. The message is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class History:
    """What `[history]` says. `zone`: of moments that have none; `since`: earlier ones are left alone, milliseconds."""

    query: str
    zone: tzinfo | None = None
    tolerance: timedelta = TOLERANCE
    since: int = 0


def read(table: Mapping[str, Any] | None) -> History | None:
    """The table as TOML gives it; None: there is none. Raises `HistoryError`."""
    if table is None:
        return None
    for name in table:
        if name not in _NAMES:
            raise HistoryError(f"history.{name} is not a setting: there are {', '.join(_NAMES)}")
    query = table.get("query")
    if not isinstance(query, str) or not re.match(r"\s*(?:SELECT|WITH)\b", query, re.IGNORECASE):
        raise HistoryError('history.query is no query: write "SELECT …, …, … " with application_id, stage and at')
    zone = None if table.get("time_zone") is None else _zone(table["time_zone"])
    since = table.get("since")
    return History(
        query=query.strip().rstrip(";"),
        zone=zone,
        tolerance=_tolerance(table.get("tolerance", "60s")),
        since=0 if since is None else moment(since, zone, "history.since"),
    )


def moment(given: object, zone: tzinfo | None, name: str = "at") -> int:
    """A moment of the history in milliseconds: a number of them, an ISO text, or a datetime. Raises `HistoryError`."""
    if isinstance(given, str):
        given = _iso(name, given)
    if isinstance(given, datetime):
        if given.tzinfo is None:
            if zone is None:
                raise HistoryError(
                    f"{name} is {given.isoformat()} without a time zone: say which one it is in, "
                    'e.g. time_zone = "UTC" in [history]'
                )
            given = given.replace(tzinfo=zone)
        given = milliseconds(given.astimezone(UTC))
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        raise HistoryError(f"{name} is of the type {type(given).__name__}: select milliseconds, an ISO text or a time")
    if not _SECONDS_BELOW <= given <= _LAST:
        raise HistoryError(f"{name} is {given}: select milliseconds since 1970; seconds times 1000 are")
    return int(given)


def _iso(name: str, given: str) -> datetime:
    try:
        return datetime.fromisoformat(given.strip())
    except ValueError:
        raise HistoryError(
            f"{name} is {given[:40]!r}: select milliseconds, an ISO 8601 text such as 2026-11-05T17:00Z, or a time"
        ) from None


def _zone(given: object) -> tzinfo:
    try:
        return ZoneInfo(str(given))
    except (OSError, ValueError, KeyError):  # not found is a KeyError
        raise HistoryError(f'history.time_zone is {given!r}: give a name such as "UTC" or "Europe/Berlin"') from None


def _tolerance(given: object) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([smh])", given) if isinstance(given, str) else None
    if not found:
        raise HistoryError(f'history.tolerance is {given!r}: give seconds, minutes or hours, such as "60s" or "5m"')
    return timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours"}[found[2]]: int(found[1])})
