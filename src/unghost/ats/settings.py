"""The ATS end's settings: one TOML file, `unghost.toml`, read once and handed around; never a global (spec R31, R35).

Tables that others read (`[stages]`, `[history]`, `[webhook]`) are handed through untouched.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unghost.ats import secret as secrets

#: The variable that names the file, and the file that is read without it.
VARIABLE, FILE = "UNGHOST_ATS_CONFIG", "unghost.toml"
KINDS = ("linkedin", "unghost")
LINKEDIN, LINKEDIN_TOKENS = "https://api.linkedin.com", "https://www.linkedin.com/oauth/v2/accessToken"
#: Tables of the file that are another module's to read.
_OTHERS = ("stages", "history", "webhook")


class SettingsError(Exception):
    """A setting that cannot be used. The message is one sentence that names it and the remedy."""


class DatabaseError(SettingsError):
    """The ATS's database cannot be used as the settings name it. The message is one sentence with the remedy."""


@dataclass(frozen=True, kw_only=True)
class DestinationSettings:
    """Where activities go. `rate_per_second`, `daily_quota`: for each customer, None without limit.

    `batch`: most reports in one call; `connections`: open at once; `timeout`: for one
    answer, at most a sixth of the lease.
    """

    name: str
    kind: str
    base_url: str
    token_url: str
    rate_per_second: float | None = None
    burst: int = 100
    daily_quota: int | None = None
    batch: int = 1000
    connections: int = 32
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a deployment of the ATS's end can choose.

    `grace`: how long a rejection waits before it is sent, so that it can be undone (spec R34). `lease`: how long a
    customer may be held by one dispatcher; `concurrency`: customers that one works on at once.
    """

    database_url: str = field(repr=False)
    grace: timedelta = timedelta(0)
    lease: timedelta = timedelta(seconds=60)
    concurrency: int = 8
    destinations: Mapping[str, DestinationSettings]
    others: Mapping[str, Mapping[str, Any]]


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the file: this one, else the one that UNGHOST_ATS_CONFIG names, else ./unghost.toml.

    Raises `SettingsError`, in one sentence, for an unknown or unusable setting.
    """
    path = path or Path(environ.get(VARIABLE) or FILE)
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        said = error.strerror or str(error)
        raise SettingsError(f"{path} cannot be read ({said}): write it, or name another by {VARIABLE}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    return _settings(read, environ)


def secret(given: str, environ: Mapping[str, str] = os.environ) -> str:
    """A secret itself, or what `env:NAME` or `file:PATH` holds. Raises `SettingsError`."""
    try:
        return secrets.read(given, environ)
    except secrets.SecretError as error:
        raise SettingsError(str(error)) from None


def duration(given: str) -> timedelta:
    """`90s`, `15m`, `72h` or `3d`. Raises `ValueError` with the remedy."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", given)
    if not match:
        raise ValueError('give a number with s, m, h or d, such as "15m"')
    return timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]: int(match[1])})


def _settings(read: dict[str, Any], environ: Mapping[str, str]) -> Settings:
    tables = ("ats", "destinations", *_OTHERS)
    for name, table in read.items():
        if name not in tables or not isinstance(table, dict):
            raise SettingsError(f"{name} is not a table of this file: there are {', '.join(f'[{t}]' for t in tables)}")
    values = _read("ats", read.get("ats", {}), _ATS)
    if "database_url" not in values:
        raise SettingsError('ats.database_url is missing: give the ATS\'s own database, e.g. "env:DATABASE_URL"')
    values["database_url"] = secret(values["database_url"], environ)
    return Settings(
        **values,
        destinations={name: _destination(name, table) for name, table in read.get("destinations", {}).items()},
        others={name: read[name] for name in _OTHERS if name in read},
    )


def _destination(name: str, table: Any) -> DestinationSettings:
    where = f"destinations.{name}"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name):
        raise SettingsError(f"[{where}] has a name with other signs: use letters, digits, - and _")
    if not isinstance(table, dict):
        raise SettingsError(f"{where} is not a table: write [{where}]")
    values = _read(where, table, _DESTINATION)
    if "kind" not in values:
        raise SettingsError(f"{where}.kind is missing: give {' or '.join(KINDS)}")
    if values["kind"] == "linkedin":
        values.setdefault("base_url", LINKEDIN)
        values.setdefault(
            "token_url",
            LINKEDIN_TOKENS if values["base_url"] == LINKEDIN else f"{values['base_url']}/oauth/v2/accessToken",
        )
    elif "base_url" not in values:
        raise SettingsError(f"{where}.base_url is missing: give the job board's address, such as https://jobs.example")
    values.setdefault("token_url", f"{values['base_url']}/oauth/v2/accessToken")
    return DestinationSettings(name=name, **values)


def _read(where: str, table: Mapping[str, Any], known: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    values = {}
    for key, given in table.items():
        if key not in known:
            raise SettingsError(f"{where}.{key} is not a setting: there are {', '.join(known)}")
        try:
            values[key] = known[key](given)
        except ValueError as error:
            shown = "no URL" if key == "database_url" else ascii(given)[:100]
            raise SettingsError(f"{where}.{key} is {shown}: {error}") from None
    return values


def _text(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError("give a text in quotes")
    return given


def _wait(given: Any) -> timedelta:
    return duration(_text(given))


def _lease(given: Any) -> timedelta:
    lease = _wait(given)
    if lease < timedelta(seconds=2):
        raise ValueError("give two seconds or more")
    return lease


def _kind(given: Any) -> str:
    if given not in KINDS:
        raise ValueError(f"give {' or '.join(KINDS)}")
    return str(given)


def _url(given: Any) -> str:
    text = _text(given)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        usable = usable and parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("give an address such as https://jobs.example")
    return text.rstrip("/")


def _count(most: int) -> Callable[[Any], int]:
    def read(given: Any) -> int:
        if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most:
            raise ValueError(f"give a whole number from 1 to {most}")
        return given

    return read


def _rate(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 1e6:
        raise ValueError("give a number above 0")
    return float(given)


_ATS: Mapping[str, Callable[[Any], Any]] = {
    "database_url": _text,
    "grace": _wait,
    "lease": _lease,
    "concurrency": _count(256),
}
_DESTINATION: Mapping[str, Callable[[Any], Any]] = {
    "kind": _kind,
    "base_url": _url,
    "token_url": _url,
    "rate_per_second": _rate,
    "burst": _count(1_000_000),
    "daily_quota": _count(10**12),
    "batch": _count(1000),
    "connections": _count(1000),
    "timeout": _lease,
}
