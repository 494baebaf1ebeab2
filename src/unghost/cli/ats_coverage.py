"""`unghost ats coverage` and `unghost ats backfill`: what is missing in the outbox, and recording it (spec R33)."""

from __future__ import annotations

import json as json_module
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from unghost.cli.ats_tables import Config, tables
from unghost.cli.frame import Wrong, out
from unghost.clock import SystemClock

if TYPE_CHECKING:
    from unghost.ats.coverage import Coverage, Gap

#: Rows of a list on a screen, and of one in JSON or on the page.
_MOST, _MOST_IN_FULL = 50, 1000
BLIND = (
    "The history has a change of none of the applications received, so nothing can be said of them: let [history] "
    "query select as application_id the ids that you give to record, the column ats_id of unghost_application."
)


def coverage(
    *,
    gaps: Annotated[bool, Parameter(help="List what is missing, and who was never viewed.", negative="")] = False,
    json: Annotated[bool, Parameter(help="Print JSON.", negative="")] = False,
    html: Annotated[Path | None, Parameter(help="Write it as a page into this file.")] = None,
    config: Config = None,
) -> int:
    """Say of every applicant received what was reported and what is missing.

    Exit code 1: something is missing, or the history knows none of the applications.
    """
    from unghost.ats.coverage import whole

    with tables(config) as own:
        most = _MOST_IN_FULL if json or html else _MOST
        found = whole(own.engine, own.history, own.stages, SystemClock().now(), most)
    if html is not None:
        from unghost.ats.integrations.coverage_page import page

        html.write_text(page(found), encoding="utf-8")
    if json:
        print(json_module.dumps(_data(found, gaps), indent=2, ensure_ascii=False))
    elif html is None:
        _table(found)
        if gaps:
            _lists(found)
    return 0 if found.is_whole else 1


def backfill(
    *,
    dry_run: Annotated[bool, Parameter(help="Record nothing, say only how much would be.", negative="")] = False,
    config: Config = None,
) -> int:
    """Record what `unghost ats coverage` says is missing, with the moments of the history. Once more adds nothing.

    Exit code 1: the history knows none of the applications.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from unghost.ats import coverage

    with tables(config) as own:
        history, stages = own.past()
        with own.engine.begin() as connection:
            total = sum(customer.received for customer in coverage.summary(connection))
        pages = (
            coverage.look(own.engine, history, stages)
            if dry_run
            else coverage.backfill(own.engine, history, stages, SystemClock().now())
        )
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        recorded = known = 0
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
            task = progress.add_task("applications", total=total)
            for page in pages:
                recorded += len(page.gaps)
                known += page.known
                progress.update(task, advance=page.looked_at)
    if total and not known:
        out().print(BLIND, soft_wrap=True)
        return 1
    if dry_run:
        out().print(f"{_activities(recorded)} would be recorded; nothing was")
    else:
        out().print(f"{_activities(recorded)} recorded" if recorded else "nothing was missing")
    return 0


def _activities(count: int) -> str:
    return f"{count:,} activity" if count == 1 else f"{count:,} activities"


def _table(found: Coverage) -> None:
    from rich.table import Table
    from rich.text import Text

    console = out()
    if not found.customers:
        raise Wrong("there is no customer yet: add one to unghost_customer")
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("customer", overflow="fold")
    for name in ("received", "no activity", "never viewed", "sent", "waiting", "dead", "not told", "missing"):
        table.add_column(name, justify="right")
    for each in found.customers:
        missing = "?" if found.missing is None else f"{found.missing.get(each.id, 0):,}"
        numbers = (each.received, each.silent, each.unviewed, each.sent, each.waiting, each.dead, each.cancelled)
        is_bad = found.missing is not None and found.missing.get(each.id, 0) > 0
        table.add_row(each.name, *(f"{number:,}" for number in numbers), Text(missing, "red" if is_bad else ""))
    console.print(table)
    console.print()
    console.print(sentence(found))


def sentence(found: Coverage) -> str:
    """What the numbers come to, with what to do."""
    if found.is_blind:
        return BLIND
    if found.missing is None:
        return (
            "What is missing cannot be said without the ATS's history: write [stages] and [history] into unghost.toml, "
            "and try them by `unghost ats stages`."
        )
    total = sum(found.missing.values())
    if not total:
        return "Nothing is missing: all that the history says stands in the outbox."
    verb = "is" if total == 1 else "are"
    return (
        f"{_activities(total)} {verb} missing: `unghost ats coverage --gaps` lists them, "
        "`unghost ats backfill` records them."
    )


def _lists(found: Coverage) -> None:
    from rich.table import Table

    console = out()
    names = {customer.id: customer.name for customer in found.customers}
    if found.gaps:
        table = Table(title="Missing", title_justify="left", box=None, padding=(0, 3, 0, 0), header_style="bold")
        for name in ("customer", "application", "id in the ATS", "activity", "stage", "at"):
            table.add_column(name, overflow="fold")
        for gap in found.gaps:
            what = (gap.ats_id, str(gap.kind), gap.stage, moment(gap.at))
            table.add_row(names[gap.customer_id], f"urn:li:jobApplication:{gap.number}", *what)
        console.print()
        console.print(table)
        _more(len(found.gaps), sum((found.missing or {}).values()))
    if found.unviewed:
        table = Table(title="Never viewed", title_justify="left", box=None, padding=(0, 3, 0, 0), header_style="bold")
        for name in ("customer", "application", "id in the ATS", "received"):
            table.add_column(name, overflow="fold")
        for one in found.unviewed:
            row = (f"urn:li:jobApplication:{one.number}", one.ats_id, moment(one.received_at))
            table.add_row(names[one.customer_id], *row)
        console.print()
        console.print(table)
        _more(len(found.unviewed), sum(customer.unviewed for customer in found.customers))


def _more(shown: int, total: int) -> None:
    if total > shown:
        out().print(f"and {total - shown:,} more: --json lists {_MOST_IN_FULL:,}")


def moment(at: int) -> str:
    """A moment as people read it; 0 is one that nobody wrote down."""
    if not at:
        return "not known"
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at):%Y-%m-%d %H:%M:%S} UTC"


def _data(found: Coverage, lists: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "at": found.at.isoformat(),
        "missing": None if found.missing is None else sum(found.missing.values()),
        "customers": [
            {
                "destination": each.destination,
                "organization": f"urn:li:organization:{each.organization}",
                "received": each.received,
                "no_activity": each.silent,
                "never_viewed": each.unviewed,
                "sent": each.sent,
                "waiting": each.waiting,
                "dead": each.dead,
                "not_told": each.cancelled,
                "missing": None if found.missing is None else found.missing.get(each.id, 0),
            }
            for each in found.customers
        ],
    }
    if lists:
        data["gaps"] = [_gap(gap) for gap in found.gaps]
        data["unviewed"] = [
            {"application": f"urn:li:jobApplication:{one.number}", "ats_id": one.ats_id, "received_at": one.received_at}
            for one in found.unviewed
        ]
    return data


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "application": f"urn:li:jobApplication:{gap.number}",
        "ats_id": gap.ats_id,
        "activity": str(gap.kind),
        "stage": gap.stage,
        "performed_at": gap.at,
    }
