"""The job board's settings, read once from the environment and handed around; never a global.

Each is `UNGHOST_<NAME>`, or `UNGHOST_<NAME>_FILE` naming a file that holds the value (for secrets).
docs/reference/settings.md is generated from here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unghost.jobboard.rules.allowance import Limits
from unghost.jobboard.rules.policy import DEFAULT, Place, Policy, policy
from unghost.jobboard.rules.reach import Network

PREFIX = "UNGHOST_"


class SettingsError(Exception):
    """A setting that cannot be used. The message names it and the remedy."""


def _text(value: str) -> str:
    if not value:
        raise ValueError("is empty: give it a value or leave it out")
    return value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"is {value!r}: give an address such as https://jobs.example")
    return value.rstrip("/")


def _database(value: str) -> str:
    if not re.match(r"postgres(ql)?://", value):
        raise ValueError("is not a PostgreSQL URL: give postgresql://user:password@host:5432/name")
    return value


def _smtp(value: str) -> str:
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname or port == -1:
        raise ValueError("is not an SMTP URL: give smtp://host:25, smtp+starttls://user:password@host:587 or smtps://…")
    return value


def _count(least: int, most: int = 999_999_999) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"is {value!r}: give a whole number, {least} or more, and {most} at most")
        return int(value)

    return read


def duration(value: str) -> timedelta:
    """Read `90s`, `15m`, `72h` or `3d`. Raises `ValueError` with the remedy."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", value.strip())
    if not match:
        raise ValueError(f"is {value!r}: give a number with s, m, h or d, such as 72h")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def _contract(value: str) -> str:
    if value not in ("seed", "2024-05"):
        raise ValueError(f"is {value!r}: the revisions are seed and 2024-05")
    return value


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _origins(value: str) -> tuple[str, ...]:
    return tuple(_own_origin(part) for part in _list(value))


def _own_origin(given: str) -> str:
    """An origin as browsers write it in `Origin`."""
    written = given.lower().removesuffix("/")
    found = re.fullmatch(r"(https?)://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?", written)
    if not found:
        raise ValueError(f"has {given!r}: give scheme, host and port, such as https://jobs.example, without a wildcard")
    usual = {"https": ":443", "http": ":80"}[found[1]]
    return written.removesuffix(usual) if found[2] == usual else written


def _addresses(value: str) -> tuple[str, ...]:
    addresses = tuple(address.lower() for address in _list(value))
    for address in addresses:
        if not re.fullmatch(r"[^\s@]+@[^\s@]+", address):
            raise ValueError(f"has {address!r}: give e-mail addresses such as ops@jobs.example, by commas")
    return addresses


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part) for part in _list(value))
    except ValueError as error:
        raise ValueError(f"is {value!r}: give networks such as 10.20.0.0/16, by commas ({error})") from None


def _holds(value: str) -> Mapping[str, timedelta]:
    return {action: duration(wait) for action, wait in (_pair(part) for part in _list(value))}


def _places(value: str) -> Mapping[str, tuple[Place, ...]]:
    read = {}
    for action, names in (_pair(part) for part in _list(value)):
        try:
            read[action] = tuple(Place(name) for name in names.split("+") if name)
        except ValueError:
            raise ValueError(f"has {names!r}: places are {', '.join(Place)}, joined by +") from None
    return read


def _pair(part: str) -> tuple[str, str]:
    action, sign, rest = part.partition("=")
    if not sign or action not in DEFAULT:
        raise ValueError(f"has {part!r}: write ACTION=value with an ACTION of {', '.join(DEFAULT)}")
    return action, rest


def _setting(read: Callable[[str], Any], help: str, default: Any = MISSING, secret: bool = False) -> Any:
    metadata = {"read": read, "help": help, "secret": secret}
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a deployment of the job board can choose."""

    database_url: str | None = _setting(
        _database, "PostgreSQL 15 or newer. Unset: an embedded server in the data directory.", None, secret=True
    )
    data_dir: Path = _setting(Path, "Where the embedded PostgreSQL and generated keys live.", Path(".unghost"))
    base_url: str = _setting(
        _origin, "The address under which applicants and ATSs reach the board.", "http://127.0.0.1:8400"
    )
    board_name: str = _setting(_text, "The job board's name on pages and in mails.", "unghost")
    smtp_url: str | None = _setting(
        _smtp, "The mail server: smtp://, smtp+starttls:// or smtps://. Unset: mails wait.", None, secret=True
    )
    mail_from: str = _setting(_text, "The sender of all mails: an address or Name <address>.", "jobs@localhost")
    secret_key: str | None = _setting(
        _text, "Signs links and sessions. Unset: made once and kept in the data directory.", None, secret=True
    )
    board_keys: tuple[str, ...] = _setting(
        _list, "Keys with which the board's own back end calls the board API, by commas.", (), secret=True
    )
    board_token_key: str | None = _setting(
        _text, "Key of the HS256 tokens with which the board signs its members in (spec R24).", None, secret=True
    )
    status_origins: tuple[str, ...] = _setting(
        _origins, "Origins whose pages may show an applicant's own status, e.g. https://jobs.example (spec R23).", ()
    )
    operators: tuple[str, ...] = _setting(
        _addresses,
        "Addresses of those who may see the operator pages, by commas. Unset: there are none (spec R42).",
        (),
    )
    contract: str = _setting(
        _contract, "Contract revision: seed demands integrationContext, 2024-05 derives it (spec R2).", "2024-05"
    )
    token_life: timedelta = _setting(duration, "How long an access token is valid (spec R11).", timedelta(minutes=30))
    policy_holds: Mapping[str, timedelta] = _setting(_holds, "Own holds, e.g. APPLICATION_REJECTED=96h (spec R13).", {})
    policy_places: Mapping[str, tuple[Place, ...]] = _setting(
        _places, "Own places, e.g. RESUME_DOWNLOADED=EMAIL+MY_JOBS (spec R13).", {}
    )
    policy_enabled: tuple[str, ...] = _setting(
        _list, "Rows of the policy that are off by default and wanted on (spec R13).", ()
    )
    queue_limit: int = _setting(
        _count(1), "Reports that may wait for a commit in one process; beyond it 503 (spec R12).", 8000
    )
    rate_per_second: int | None = _setting(
        _count(1, 100_000),
        "Reports a second of one child application; beyond it 429. Unset: no limit (spec R12).",
        None,
    )
    rate_burst: int | None = _setting(
        _count(1), "Reports of one child application that may come at once. Unset: one second's.", None
    )
    daily_quota: int | None = _setting(
        _count(1), "Reports of one child application from 00:00 UTC to 24:00; beyond it 429. Unset: no limit.", None
    )
    mail_connections: int = _setting(_count(1), "Open connections to the mail server per dispatcher.", 8)
    mail_patience: timedelta = _setting(
        duration, "How long a mail that is put off is tried again before it is given up.", timedelta(days=3)
    )
    lease: timedelta = _setting(
        duration, "How long a dispatcher may hold a notice before another takes it.", timedelta(seconds=60)
    )
    webhook_networks: tuple[Network, ...] = _setting(
        _networks, "Networks where ATSs' webhooks may be in spite of being private, e.g. 10.20.0.0/16 (spec R28).", ()
    )
    dkim_domain: str | None = _setting(_text, "Domain that signs mails with DKIM.", None)
    dkim_selector: str = _setting(_text, "Selector of the DKIM key.", "unghost")
    dkim_key: str | None = _setting(_text, "The DKIM private key, PEM.", None, secret=True)
    log_format: str = _setting(_text, "json, or text for people.", "text")

    @property
    def policy(self) -> Policy:
        """The policy with this deployment's overrides. Raises `SettingsError`."""
        try:
            return policy(places=self.policy_places, holds=self.policy_holds, enabled=frozenset(self.policy_enabled))
        except ValueError as error:
            raise SettingsError(f"{PREFIX}POLICY_…: {error}") from None

    @property
    def limits(self) -> Limits | None:
        """What each child application may report; None: as much as it likes (spec R12)."""
        if self.rate_per_second is None and self.daily_quota is None:
            return None
        return Limits(self.rate_per_second, self.rate_burst or self.rate_per_second or 1, self.daily_quota)

    def environment(self) -> dict[str, str]:
        """The `UNGHOST_…` variables that give these settings back: what a child process is started with."""
        return {
            PREFIX + f.name.upper(): _write(getattr(self, f.name))
            for f in fields(self)
            if getattr(self, f.name) not in (None, (), {})
        }


def _write(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{round(value.total_seconds())}s"
    if isinstance(value, Mapping):
        return ",".join(f"{k}={'+'.join(v) if isinstance(v, tuple) else _write(v)}" for k, v in value.items())
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises `SettingsError`, in one sentence, for an unknown or unusable one."""
    known = {f.name.upper(): f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for variable, given in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX)
        if name not in known and name.endswith("_FILE"):
            name, given = name.removesuffix("_FILE"), _contents(variable, given)
        if name not in known:
            raise SettingsError(f"{variable} is not a setting: unghost knows {', '.join(PREFIX + k for k in known)}")
        setting = known[name]
        try:
            values[setting.name] = setting.metadata["read"](given)
        except ValueError as error:
            raise SettingsError(f"{variable} {error}") from None
    settings = Settings(**values)
    settings.policy  # noqa: B018  (an unusable policy is refused at start)
    if settings.rate_burst is not None and settings.rate_per_second is None:
        raise SettingsError(f"{PREFIX}RATE_BURST stands alone: give {PREFIX}RATE_PER_SECOND too, or leave it out")
    if settings.log_format not in ("json", "text"):
        raise SettingsError(f"{PREFIX}LOG_FORMAT is {settings.log_format!r}: give json or text")
    return settings


def _contents(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{variable} names {path!r}, which cannot be read: {error.strerror}") from None
