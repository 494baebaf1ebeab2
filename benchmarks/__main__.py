"""`python -m benchmarks`: measures everything, prints it, and writes docs/benchmarks.md and its plot."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from rich.console import Console

from benchmarks import plan, plot, population, programs, report
from benchmarks.measurements import Length, Measurement, Numbers

_FULL, _QUICK = Length(4.0, 1.0, 12_000), Length(1.0, 0.5, 1_000)
_APPLICATIONS, _FEW = 120_000, 24_000
_HERE = Path(__file__).parent
_RESULTS = _HERE / "results"
_DOCS = programs.ROOT / "docs"
#: Columns of output that goes into a file.
_WIDTH = 140


def main() -> int:
    """0: all targets are met. 1: some are not. 2: it could not be measured."""
    given = _arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    if not Path("/proc/stat").exists():
        console.print("processor time is read from /proc: measure on Linux")
        return 2
    length, rounds = (_QUICK, 1) if given.quick else (_FULL, 3)
    length = Length(given.seconds or length.seconds, length.warm_up, length.mails)
    rounds = given.rounds or rounds
    chosen = [m for m in plan.measured() if given.only in f"{m.group}: {m.name}"]
    if not chosen:
        console.print(f"nothing has {given.only!r} in its name: there are {', '.join(_names())}")
        return 2
    try:
        with console.status("filling the database") as status:
            results, machine = _measure(console, status.update, chosen, length, rounds, few=given.quick)
    except programs.Failed as error:
        console.print(str(error), style="red", markup=False)
        return 2
    for table in report.tables(results):
        report.show(console, table)
    targets = report.targets(results)
    report.show(console, targets)
    if warning := report.disturbed(results):
        console.print(f"[yellow]{warning}[/yellow]")
    _keep(results, machine, length, rounds)
    if given.write or not (given.quick or given.only):
        _write(results, machine, length, rounds, few=given.quick)
        console.print("docs/benchmarks.md and docs/benchmarks.svg are written")
    return int(any(row[-1] == "NOT met" for row in targets.rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything works")
    parser.add_argument("--only", default="", help="measure only what has these words in its name")
    parser.add_argument("--rounds", type=int, help="rounds; the median of them counts")
    parser.add_argument("--seconds", type=float, help="how long each measurement takes")
    parser.add_argument("--write", action="store_true", help="write docs/ even if it is quick or not everything")
    return parser.parse_args()


def _names() -> list[str]:
    return list(dict.fromkeys(m.group for m in plan.measured()))


def _measure(
    console: Console, status: object, chosen: list[Measurement], length: Length, rounds: int, *, few: bool
) -> tuple[report.Results, dict[str, str]]:
    done = 0

    def say(measurement: Measurement, number: int, numbers: Numbers) -> None:
        nonlocal done
        done += 1
        rates = ", ".join(f"{numbers[n]:,.0f} {n}" for n in ("reports/s", "mails/s") if n in numbers)
        late = ", ".join(
            f"{n[:-3]} {numbers[n]:,.1f} ms" for n in ("p99 ms", "mail p99 ms", "page p99 ms") if n in numbers
        )
        console.print(
            f"[dim]{done}/{len(chosen) * rounds}[/dim] {measurement.group}, {measurement.name}: {rates}, {late}"
        )
        assert callable(status)
        status(f"round {number} of {rounds}, {done} of {len(chosen) * rounds} measured")

    with population.ground(_RESULTS, _FEW if few else _APPLICATIONS) as ground:
        machine = _machine(ground)
        return plan.run(chosen, ground, length, rounds, say), machine


def _machine(ground: population.Ground) -> dict[str, str]:
    with psycopg.connect(ground.server) as connection:
        version = connection.info.server_version
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return {
        "processors": f"{os.cpu_count()} × {model[1] if model else platform.machine()}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "PostgreSQL": f"{version // 10000}.{version % 10000}",
        "one fdatasync": f"{population.sync_microseconds(ground.folder):.0f} µs",
    }


def _keep(results: report.Results, machine: dict[str, str], length: Length, rounds: int) -> None:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    kept = {
        "machine": machine,
        "rounds": rounds,
        "seconds": length.seconds,
        "results": {f"{group}: {name}": numbers for (group, name), numbers in results.items()},
    }
    (_RESULTS / f"{at}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")


def _write(results: report.Results, machine: dict[str, str], length: Length, rounds: int, *, few: bool) -> None:
    warning = report.disturbed(results)
    told = next((n for (group, _), n in results.items() if group == plan.TOLD), {"pages": 0})
    page = (_HERE / "page.md").read_text(encoding="utf-8")
    filled = {
        "warning": f"> **{warning}**\n\n" if warning else "",
        "targets": report.markdown(report.targets(results)),
        "tables": "\n\n".join(f"**{t.title}**\n\n{report.markdown(t)}" for t in report.tables(results)),
        "machine": ", ".join(
            value if name in ("processors", "system") else f"{name} {value}" for name, value in machine.items()
        ),
        "rounds": str(rounds),
        "seconds": f"{length.seconds:g}",
        "warm_up": f"{length.warm_up:g}",
        "when": datetime.now(UTC).strftime("%d %B %Y"),
        "columns": report.COLUMNS,
        "applications": f"{_FEW if few else _APPLICATIONS:,}",
        "pages": f"{told['pages']:g}",
    }
    for name, text in filled.items():
        page = page.replace(f"{{{name}}}", text)
    (_DOCS / "benchmarks.md").write_text(page, encoding="utf-8")
    plot.draw(results, _DOCS / "benchmarks.svg")


if __name__ == "__main__":
    sys.exit(main())
