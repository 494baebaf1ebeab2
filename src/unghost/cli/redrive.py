"""`unghost redrive`: puts back what was given up at the board's end, to be tried once more (spec R42)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from unghost.cli import reading
from unghost.cli.frame import HERE, Where, Wrong, board, out, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unghost.jobboard.store.redriving import DeadLetter

#: Dead letters that are listed by --dry-run.
_SOME = 50
_ONE = {"mail": "mail", "delivery": "application", "webhook": "webhook"}


def redrive(
    kind: Annotated[
        Literal["mail", "delivery", "webhook"],
        Parameter(
            help="mail: given up as undeliverable; delivery: an application that a webhook did not take; "
            "webhook: one that is blocked."
        ),
    ],
    *,
    application: Annotated[str | None, Parameter(help="Only this application's.")] = None,
    customer: Annotated[str | None, Parameter(help="Only this customer's.")] = None,
    action: Annotated[str | None, Parameter(help="Only mails about this action, e.g. APPLICATION_VIEWED.")] = None,
    newer_than: Annotated[str | None, Parameter(help="Only what came in so long ago at most, such as 7d.")] = None,
    dry_run: Annotated[bool, Parameter(help="Only list them, the newest first.", negative="")] = False,
    where: Where = HERE,
) -> int:
    """Put dead letters back; dispatchers try them at once. Without a filter all of the kind.

    Nobody is told anything twice by it. A mail keeps its Message-ID, and whether it may still be told is asked anew.
    """
    number = None if application is None else reading.application(application)
    organization = None if customer is None else reading.organization(customer)
    age = None if newer_than is None else reading.duration("--newer-than", newer_than)
    if application is not None and kind == "webhook":
        raise Wrong("--application fits no webhook: give --customer, or redrive the delivery")
    if action is not None and kind != "mail":
        raise Wrong("--action fits mails only: leave it out")

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard import logs
        from unghost.jobboard.store import redriving
        from unghost.jobboard.store.redriving import Kind, Which

        now = SystemClock().now()
        since = now - age if age else None
        which = Which(kind=Kind(kind), application=number, organization=organization, action=action, since=since)
        if dry_run:
            async with board(where) as connection:
                found = await redriving.dead_letters(connection, which, before=None, limit=_SOME)
                count = await redriving.count(connection, which)
            _list(found, count, kind)
            return 0
        log = logs.of_a_command(where.settings().log_format)
        back = spoken_for = 0
        while True:
            async with board(where) as connection:
                done = await redriving.redrive(connection, which, now)
            log.info(
                "redriven", operator="command line", kind=kind, back=done.back, spoken_for=done.spoken_for,
                application=number, organization=organization, action=action, since=since and since.isoformat(),
            )  # fmt: skip
            back, spoken_for = back + done.back, spoken_for + done.spoken_for
            if done.back + done.spoken_for < redriving.MOST:
                break
        others = f"; {spoken_for} not, for the applicant was told the same, or will be" if spoken_for else ""
        out().print(f"{back} {_ONE[kind]}{'' if back == 1 else 's'} put back{others}")
        return 0

    return run(work())


def _list(found: Sequence[DeadLetter], count: int, kind: str) -> None:
    console = out()
    for one in found:
        of = f", application {one.application}" if one.application else ""
        whose = f" of {one.customer} ({one.organization})" if one.customer else ""
        console.print(f"{one.at:%Y-%m-%d %H:%M}  {one.what}{of}{whose}", soft_wrap=True)
        console.print(f"    {one.detail or 'no answer was kept'}", soft_wrap=True)
    console.print(f"{count} {_ONE[kind]}{'' if count == 1 else 's'} would be put back" if count else "none")
