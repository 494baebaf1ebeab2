"""`unghost explain`: why was or wasn't this applicant told, from the recruiter's click to the mailbox (spec R17).

A tool for the operator: it shows notices that are held. The applicant's address is masked.
"""

from __future__ import annotations

import json as json_module
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unghost.cli import reading
from unghost.cli.frame import HERE, Where, Wrong, board, out, run, tombstones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unghost.jobboard.store.explaining import Action, Application, Delivery


def explain(
    application: Annotated[str, Parameter(help="urn:li:jobApplication:12345678, or 12345678 alone.")],
    *,
    json: Annotated[bool, Parameter(help="Print JSON.", negative="")] = False,
    where: Where = HERE,
) -> int:
    """Say why the applicant of an application was or wasn't told, action by action, place by place."""
    number = reading.application(application)

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.reasons import as_data
        from unghost.jobboard.store import erasing, explaining

        known, erased_at = tombstones(where), None
        async with board(where) as connection:
            found = await explaining.application(connection, number)
            actions = await explaining.actions(connection, number)
            delivery = await explaining.delivery(connection, number)
            if found is None and known is not None:
                erased_at = await erasing.erased_at(connection, known.of_application(number))
        if erased_at is not None:
            raise Wrong(
                f"application {number} was erased with its applicant at {_moment(erased_at)}: nothing about it is "
                "kept, and reports about it are answered 404"
            )
        if found is None:
            perhaps = "" if known else ", or was erased, which only the board's secret key can tell"
            raise Wrong(f"no application {number}: it was never received here{perhaps}")
        now = SystemClock().now()
        if json:
            print(json_module.dumps(as_data(found, actions, delivery, now), indent=2))
        else:
            _page(found, actions, delivery, now)
        return 0

    return run(work())


def _page(application: Application, actions: Sequence[Action], delivery: Delivery | None, now: datetime) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from unghost.jobboard.reasons import delivered, sentence

    console = out()
    head = Table.grid(padding=(0, 3))
    head.add_column(style="bold", no_wrap=True)
    head.add_column(overflow="fold")
    head.add_row("application", f"urn:li:jobApplication:{application.number}")
    head.add_row("job", f"{application.job} at {application.customer} (urn:li:organization:{application.organization})")
    head.add_row("submitted", _moment(application.submitted_at))
    head.add_row("to the ATS", delivered(delivery))
    head.add_row("consent now", _consent(application))
    head.add_row("mails go to", f"{application.mail_to}{_preferences(application)}")
    console.print(head)
    for action in actions:
        console.print()
        console.print(Text(action.action, "bold"), Text(f"performed {_moment(action.performed_at)}"))
        console.print(Text(f"  received {_moment(action.received_at)}, {_by(action)}", "dim"))
        table = Table.grid(padding=(0, 3))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for notice in action.notices:
            said = Text(sentence(action, notice, now=now))
            if notice.detail:
                said.append(f"\nlast answer: {notice.detail}", "dim")
            table.add_row(notice.place, Text(notice.state, _STYLES[notice.state]), said)
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
        if not action.notices:
            console.print("  it has no place in the policy: nobody is told")


_STYLES = {"told": "green", "waiting": "yellow", "withheld": "red"}


def _by(action: Action) -> str:
    if action.reported_by is None:
        return "by the job board itself, which asks no consent"
    consent = "on" if action.consent_then else "off"
    return f"by {action.reported_by}; applicant notifications were {consent} then"


def _consent(application: Application) -> str:
    box = "on" if application.consent_now else "off"
    if application.consent_changed_at is None:
        return f"{box}, never changed"
    return f"{box}, since {_moment(application.consent_changed_at)} by {application.consent_changed_by}"


def _preferences(application: Application) -> str:
    if application.mail_suppressed:
        return f" (no more: {application.mail_suppressed})"
    if not application.status_mails:
        return " (status mails are turned off)"
    return "" if application.viewed_mails else " (mails about views are turned off)"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
