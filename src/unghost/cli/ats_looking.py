"""`unghost ats status`, `dead` and `redrive`: what waits, what cannot be reported, and once more (spec R31)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unghost.cli import reading
from unghost.cli.ats import HERE, Config
from unghost.cli.frame import out

if TYPE_CHECKING:
    from unghost.ats.store.administering import Customer

Organization = Annotated[str | None, Parameter(help="Only this customer's.")]
Reason = Annotated[str | None, Parameter(help="Only those with this reason, e.g. UNKNOWN_APPLICATION.")]
#: Dead letters that are listed unless more are asked for.
_SOME = 50
#: An activity that is put off for longer is not on its way.
_LONG = timedelta(hours=1)


def status(*, config: Config = HERE) -> int:
    """Show for each customer what waits, what is dead, and what is wrong. Exit code 1 if anything is.

    An activity that is put off for more than an hour is wrong, too: the clock of one side may be.
    """
    from rich.table import Table

    from unghost.ats.store import administering
    from unghost.clock import SystemClock

    with config.database() as engine:
        found = administering.customers(engine)
    now = SystemClock().now()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in ("destination", "organization", "waiting", "oldest", "dead", "trouble"):
        table.add_column(column, justify="right" if column in ("waiting", "dead") else "left")
    for one in found:
        table.add_row(
            one.destination, str(one.organization), str(one.waiting), _age(one.oldest, now), str(one.dead),
            _trouble(one.trouble, one.attempt_at, now),
        )  # fmt: skip
    console = out()
    console.print(table if found else "no customers yet: add one by `unghost ats customer add`", soft_wrap=True)
    ahead = {one.id: _moment(one.put_off_until) - now for one in found}
    for one in found:
        if ahead[one.id] > timedelta(0):
            until = f"the last until {_moment(one.put_off_until):%Y-%m-%d %H:%M} UTC"
            console.print(f"{_name(one)}: {_activities(one.put_off)} put off, {until}: {one.why}", soft_wrap=True)
    return int(any(one.trouble or one.dead or ahead[one.id] > _LONG for one in found))


def held_up(config: Config) -> list[str]:
    """A line for each customer whose activities wait because something is wrong. Raises `SettingsError`."""
    from unghost.ats.store import administering
    from unghost.clock import SystemClock

    with config.database() as engine:
        found = administering.customers(engine)
    now = SystemClock().now()
    return [
        f"{_name(one)}: {_activities(one.waiting)} waiting, {_trouble(one.trouble, one.attempt_at, now)}"
        for one in found
        if one.trouble and one.waiting
    ]


def dead(
    *,
    organization: Organization = None,
    reason: Reason = None,
    limit: Annotated[int, Parameter(help="How many are listed.")] = _SOME,
    config: Config = HERE,
) -> int:
    """List dead letters, the oldest first, each with its reason and the remedy."""
    from unghost.ats.store import administering

    whose = None if organization is None else reading.organization(organization)
    with config.database() as engine:
        found = administering.dead_letters(engine, whose, reason, max(1, min(limit, 100_000)))
    console = out()
    for one in found:
        at = f"{_moment(one.performed_at):%Y-%m-%d %H:%M}"
        which = f"urn:li:jobApplication:{one.number} of {one.organization} at {one.destination}"
        console.print(f"{one.id}  {one.activity} at {at}, {which}", soft_wrap=True)
        console.print(f"    {one.reason}: {one.detail or 'the board gave no sentence'}", soft_wrap=True)
    if found:
        console.print("when the reason is mended: `unghost ats redrive`")
    else:
        console.print("no dead letters")
    return 0


def redrive(*, organization: Organization = None, reason: Reason = None, config: Config = HERE) -> int:
    """Put dead letters back into their lines, and try customers in trouble at once."""
    from unghost.ats.activity import milliseconds
    from unghost.ats.store import administering
    from unghost.clock import SystemClock

    whose = None if organization is None else reading.organization(organization)
    with config.database() as engine:
        back, woken = administering.redrive(engine, whose, reason, milliseconds(SystemClock().now()))
    out().print(f"{back} dead letter(s) wait again; {woken} customer(s) in trouble are tried at once")
    return 0


def _name(one: Customer) -> str:
    return f"{one.destination} / urn:li:organization:{one.organization}"


def _activities(count: int) -> str:
    return f"{count:,} activity" if count == 1 else f"{count:,} activities"


def _trouble(trouble: str | None, attempt_at: int, now: datetime) -> str:
    if trouble is None:
        return ""
    again = _moment(attempt_at) - now
    return f"{trouble} (tried again in {_short(again)})" if again > timedelta(0) else trouble


def _age(recorded_at: int | None, now: datetime) -> str:
    return _short(now - _moment(recorded_at)) if recorded_at else ""


def _short(wait: timedelta) -> str:
    seconds = max(0, int(wait.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=min(milliseconds, 10**14))
