"""`unghost doctor`: says what is wrong with the set-up, and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from unghost.cli.frame import HERE, Where, out, run

if TYPE_CHECKING:
    from unghost.jobboard.settings import Settings

#: Clocks further apart than this make holds end early or late by as much.
_SKEW = timedelta(seconds=2)
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is right, and what was seen or how to mend it."""

    what: str
    right: bool
    said: str


def doctor(*, where: Where = HERE) -> int:
    """Look at settings, data directory, database, mail server and keys. Exit code 1 if anything is wrong."""
    from rich.table import Table
    from rich.text import Text

    console = out()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    with console.status("Looking …"):
        findings = list(_findings(where))
    for finding in findings:
        table.add_row(Text("ok", "green") if finding.right else Text("wrong", "bold red"), finding.what, finding.said)
    console.print(table)
    wrong = sum(not finding.right for finding in findings)
    console.print()
    console.print("Everything is in order." if not wrong else f"{wrong} of {len(findings)} must be mended.")
    return 1 if wrong else 0


def _findings(where: Where) -> Iterator[Finding]:
    from unghost.jobboard.settings import SettingsError

    try:
        settings = where.settings()
    except SettingsError as error:
        yield Finding("settings", False, str(error))
        return
    yield Finding("settings", True, "all known, all readable")
    yield _data_dir(settings)
    yield from _database(settings)
    yield _address(settings)
    yield _mail_server(settings)
    yield from _keys(settings)
    yield _operators(settings)


def _data_dir(settings: Settings) -> Finding:
    path = settings.data_dir
    nearest = next((one for one in (path, *path.parents) if one.exists()), Path("/"))
    if not nearest.is_dir():
        return Finding("data directory", False, f"{nearest} is a file: set UNGHOST_DATA_DIR to a directory")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding("data directory", False, f"{nearest} cannot be written: set UNGHOST_DATA_DIR or its rights")
    if path.exists() and path.stat().st_mode & 0o022:
        return Finding("data directory", False, f"others may write to {path}: chmod 700 {path}")
    return Finding("data directory", True, f"{path}{'' if path.exists() else ' (made when it is needed)'}")


def _database(settings: Settings) -> Iterator[Finding]:
    from unghost import postgres
    from unghost.jobboard.settings import SettingsError
    from unghost.sandbox.deployment import deployed

    kind = "server by URL" if settings.database_url else "embedded"
    try:
        with deployed(settings) as reached:
            assert reached.database_url is not None
            said, skew = run(_ask(reached.database_url))
            yield Finding("database", True, f"{kind}, {said}")
            waiting = postgres.pending(reached.database_url)
            if waiting and settings.database_url:
                yield Finding("migrations", False, f"{', '.join(waiting)} not applied: run `unghost migrate`")
            else:
                yield Finding("migrations", True, "applied when it is first served" if waiting else "all applied")
            apart = f"{abs(skew.total_seconds()):.3f} s from the database's"
            if abs(skew) > _SKEW:
                yield Finding(
                    "clock", False, f"{apart}: let both machines keep time by NTP, or holds end at wrong times"
                )
            else:
                yield Finding("clock", True, apart)
    except (postgres.PostgresError, SettingsError, OSError) as error:
        yield Finding("database", False, " ".join(str(error).split()))


async def _ask(url: str) -> tuple[str, timedelta]:
    from unghost.clock import SystemClock
    from unghost.jobboard.store import administering
    from unghost.postgres import connect

    clock = SystemClock()
    async with await connect(url, autocommit=True) as connection:
        before = clock.now()
        theirs, version = await administering.clock_and_version(connection)
        after = clock.now()
    return f"PostgreSQL {version // 10000}.{version % 10000}", theirs - (before + (after - before) / 2)


def _address(settings: Settings) -> Finding:
    parts = urlsplit(settings.base_url)
    host = parts.hostname or ""
    if parts.scheme == "http" and host not in ("127.0.0.1", "localhost", "::1"):
        said = f"{settings.base_url} is not https, so links and secrets go in clear: serve by TLS, set UNGHOST_BASE_URL"
        return Finding("address", False, said)
    answered = _answers(f"{settings.base_url}/healthz")
    if answered is None:
        return Finding("address", True, f"{settings.base_url} (nothing answers there just now: `unghost serve`)")
    if answered:
        return Finding("address", True, f"{settings.base_url} is an unghost that runs")
    said = f"something else than unghost answers at {settings.base_url}: set UNGHOST_BASE_URL to where it is served"
    return Finding("address", False, said)


def _operators(settings: Settings) -> Finding:
    from unghost.jobboard.operators import Operator

    if not settings.operators:
        return Finding("operators", True, "none, so there are no operator pages; UNGHOST_OPERATORS names some")
    names = ", ".join(f"{operator.email} ({operator.name} in logs)" for operator in map(Operator, settings.operators))
    return Finding("operators", True, f"{names}: {settings.base_url}/operator")


def _answers(url: str) -> bool | None:
    import json
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  (settings allow http, https only)
            return bool(json.loads(answer.read(1000)) == {"status": "ok"})
    except urllib.error.HTTPError:
        return False
    except OSError:
        return None
    except ValueError:
        return False


def _mail_server(settings: Settings) -> Finding:
    import smtplib
    import ssl

    if settings.smtp_url is None:
        return Finding(
            "mail server", False, "none is set, so mails wait: set UNGHOST_SMTP_URL, e.g. smtp://localhost:25"
        )
    parts = urlsplit(settings.smtp_url)
    host, where = parts.hostname or "", f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
    port = parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context()
    try:
        if parts.scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=context)
        else:
            client = smtplib.SMTP(host, port, timeout=_SECONDS)
        with client:
            if parts.scheme == "smtp+starttls":
                client.starttls(context=context)
            code, _ = client.noop()
    except (OSError, smtplib.SMTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Finding("mail server", False, f"{where} does not answer ({said}): check UNGHOST_SMTP_URL")
    if code != 250:
        return Finding("mail server", False, f"{where} answers {code}: check UNGHOST_SMTP_URL")
    return Finding("mail server", True, f"{where} answers")


_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


def _keys(settings: Settings) -> Iterator[Finding]:
    from unghost.jobboard import wording
    from unghost.jobboard.links import Links
    from unghost.jobboard.mail import Mails
    from unghost.jobboard.settings import SettingsError

    if settings.secret_key is None:
        yield Finding("secret key", True, f"kept in {settings.data_dir}; set UNGHOST_SECRET_KEY on several machines")
    elif len(settings.secret_key) < 32:
        yield Finding(
            "secret key", False, "shorter than 32 characters: links could be forged; set a longer UNGHOST_SECRET_KEY"
        )
    else:
        yield Finding("secret key", True, "set")
    try:
        Mails(settings, Links("doctor"), wording.load())
    except SettingsError as error:
        yield Finding("sender and DKIM", False, str(error))
        return
    signed = (
        f"signed for {settings.dkim_domain or 'its domain'}"
        if settings.dkim_key
        else "not signed (no UNGHOST_DKIM_KEY)"
    )
    yield Finding("sender and DKIM", True, f"{settings.mail_from}, {signed}")
