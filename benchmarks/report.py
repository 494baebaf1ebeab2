"""What the numbers say: tables, and how far the targets of the issue are met. For the terminal and for docs/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks import plan
from benchmarks.measurements import Numbers

Results = Mapping[tuple[str, str], Numbers]

_ACCEPTING = ("reports/s", "p50 ms", "p99 ms", "board µs", "postgres µs", "load µs", "lost", "duplicated")
_TELLING = (
    "mail p50 ms",
    "mail p99 ms",
    "event p99 ms",
    "page p99 ms",
    "dispatcher µs",
    "lost",
    "mails lost",
    "mails duplicated",
)
_BACKLOG = ("mails/s", "dispatcher µs", "lost", "duplicated")
#: Shares of the machine above which the numbers are no good, in percent.
_MUCH = 5.0


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; the first two columns are words, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(results: Results) -> list[Table]:
    """All that was measured."""
    groups = (
        (
            "Accepting",
            _ACCEPTING,
            (plan.SINGLE, plan.BATCH, plan.RATE, plan.PEER, plan.HTTP_FLOOR, plan.DATABASE_FLOOR),
        ),
        ("Telling at 550 reports a second", _TELLING, (plan.TOLD, plan.PEER_TOLD)),
        ("Working off a backlog of mails", _BACKLOG, (plan.BACKLOG,)),
    )
    found = []
    for title, columns, wanted in groups:
        rows = [
            (group, name, *(_number(numbers, column) for column in columns))
            for (group, name), numbers in results.items()
            if group in wanted
        ]
        if rows:
            found.append(Table(title, ("what", "how", *columns), rows))
    return found


def targets(results: Results) -> Table:
    """The issue's targets beside what was measured."""
    rows: list[tuple[str, ...]] = []

    def row(what: str, wanted: str, value: float | None, unit: str, met: bool) -> None:
        if value is not None:
            shown = f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
            rows.append((what, wanted, f"{shown}{unit}", "met" if met else "NOT met"))

    singles = [n for (group, _), n in results.items() if group == plan.SINGLE]
    # Of those that keep the latency the fastest; if none does, it is not met whatever the rate.
    single = max((n["reports/s"] for n in singles if n["p99 ms"] < 50), default=0.0 if singles else None)
    batch = best(results, plan.BATCH, "batches of 100")
    row("single reports, p99 under 50 ms", "≥ 11,000/s", single, "/s", (single or 0) >= 11_000)
    row("batches of 100", "≥ 30,000/s", batch, "/s", (batch or 0) >= 30_000)
    told = next((n for (group, _), n in results.items() if group == plan.TOLD), None)
    if told:
        row("a mail reaches SMTP at 550/s, p99", "< 1,000 ms", told["mail p99 ms"], " ms", told["mail p99 ms"] < 1000)
        row("an open page changes at 550/s, p99", "< 250 ms", told["page p99 ms"], " ms", told["page p99 ms"] < 250)
    peer = best(results, plan.PEER)
    if single and peer:
        row("times the straightforward service's rate", "≥ 5", single / peer, "", single / peer >= 5)
    wrong = sum(n.get(name, 0) for n in results.values() for name in plan.SUMMED)
    rows.append(("lost, duplicated, refused or unseen", "0", f"{wrong:,}", "met" if not wrong else "NOT met"))
    for processes in ("1 process", "2 processes"):
        floor, own = best(results, plan.HTTP_FLOOR, processes), best(results, plan.SINGLE, processes)
        if floor and own:
            rows.append((f"of the HTTP floor's rate, {processes}", "–", f"{100 * own / floor:.0f} %", "–"))
    return Table("Targets", ("what", "wanted", "measured", ""), rows)


def best(results: Results, group: str, part: str = "") -> float | None:
    """The highest rate in a group, of those whose name has this part."""
    return max(
        (n["reports/s"] for (g, name), n in results.items() if g == group and f"{part}," in f"{name},"), default=None
    )


def disturbed(results: Results) -> str | None:
    """A warning if something else ran on the machine meanwhile."""
    others = max((n.get("others %", 0.0) for n in results.values()), default=0.0)
    stolen = max((n.get("stolen %", 0.0) for n in results.values()), default=0.0)
    if others < _MUCH and stolen < _MUCH:
        return None
    return (
        f"Other programs took up to {others:.0f} % of the machine during a measurement and its host {stolen:.0f} %: "
        "these numbers are too low. Measure again on an idle machine."
    )


def _number(numbers: Numbers, column: str) -> str:
    value = numbers.get(column)
    if value is None:
        return "–"
    if column.endswith(("/s", "µs")) or isinstance(value, int) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}"


def show(console: Console, table: Table) -> None:
    """A table on the terminal: what is measured stands as a heading above how."""
    headed = table.title != "Targets"
    shown = RichTable(title=table.title, title_justify="left", title_style="bold")
    for nth, column in enumerate(table.columns[headed:]):
        shown.add_column(column, justify="right" if nth else "left", no_wrap=True)
    before = ""
    for row in table.rows:
        if headed and row[0] != before:
            shown.add_section()
            shown.add_row(f"[bold]{row[0]}[/bold]")
        before = row[0]
        shown.add_row(f"  {row[1]}" if headed else row[0], *row[1 + headed :])
    console.print(shown)


def markdown(table: Table) -> str:
    """A table for docs/."""
    words = 2 if table.title != "Targets" else 1
    rule = ["---" if nth < words else "--:" for nth in range(len(table.columns))]
    lines = [table.columns, rule, *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


COLUMNS = """*board*, *postgres*, *load* and *dispatcher* are the microseconds of processor time that the web processes,
PostgreSQL, the load generator and the dispatchers spent on one report or mail, whole process trees counted."""
