"""`python -m benchmarks.sandbox`: how long a sandbox keeps a person waiting: started, reset, wound; and its fixture.

One sandbox as its users start it, its inbox and dispatchers included, on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from rich.console import Console

from benchmarks import processor
from benchmarks.report import Table, show
from benchmarks.reports import FIRST, PER_APPLICANT
from unghost.jobboard.rules.policy import REJECTED
from unghost.postgres import Embedded
from unghost.sandbox.talk import Control, send
from unghost.wire.lifecycle import milliseconds
from unghost.wire.restli import PATHS

#: The sandbox's process, what it printed, its control server.
Running = tuple[int, dict[str, Any], Control]
_RESULTS = Path(__file__).parent / "results"
_BATCH, _TESTS = 100, 40
_SUITE = """
import pytest

@pytest.mark.parametrize("nth", range({count}))
def test_viewed(unghost_board, nth):
    assert unghost_board.applied()
"""


def main() -> int:
    """0: all targets are met. 1: some are not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that everything works")
    parser.add_argument("--held", type=int, help="held rejections to wind over")
    given = parser.parse_args()
    held = given.held or (1_000 if given.quick else 10_000)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    rows: list[tuple[str, ...]] = []

    def say(what: str, got: str, target: str, met: bool) -> None:
        rows.append((what, target, got, "met" if met else "NOT met"))
        console.print(f"[dim]{what}: {got}[/dim]")

    folder = _RESULTS / f"sandbox-{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        with started(folder):
            pass
        began = perf_counter()
        with started(folder) as sandbox:
            took = perf_counter() - began
            say("ready, at a second start", f"{took:.2f} s", "under 3 s", took < 3)
            taken = [_reset(sandbox) for _ in range(10)]
            took = statistics.median(taken)
            say("reset", f"{took:.2f} s, at most {max(taken):.2f} s", "under 1 s", took < 1)
            took, spent = wound(sandbox, folder, held)
            say(f"72 hours over {held:,} held rejections", f"{took:.1f} s ({spent})", "under 10 s", took < 10)
            took = _reset(sandbox)
            say("reset after that", f"{took:.2f} s", "under 1 s", took < 1)
        each = fixture(folder, 5 if given.quick else _TESTS)
        say("the fixture, beyond the first test", f"{each:.0f} ms", "under 50 ms", each < 50)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    show(console, Table(f"The sandbox (load of the machine at the end: {load})", ("", "target", "measured", ""), rows))
    return int(any(row[-1] == "NOT met" for row in rows))


@contextmanager
def started(folder: Path) -> Iterator[Running]:
    """A sandbox on this data directory: its process, what it printed, its control server."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNGHOST_")}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "unghost", "sandbox", "--json", "--port", "0", "--control-port", "0"),
            *("--data-dir", str(folder)),
        ],
        stdout=subprocess.PIPE,
        env=inherited,
    )
    assert process.stdout is not None
    try:
        line = json.loads(process.stdout.readline())
        yield process.pid, line, Control(line["control_url"])
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def _reset(sandbox: Running) -> float:
    began = perf_counter()
    sandbox[2].ask("POST", "reset", {"to": "empty"})
    return perf_counter() - began


def wound(sandbox: Running, folder: Path, held: int) -> tuple[float, str]:
    """Seconds to wind 72 hours over so many rejections, each of which makes a mail; what a mail cost the processor."""
    process, line, control = sandbox
    control.ask("POST", "reset", {"to": "story"})
    _fill(folder, held)
    _report(line, control, held)
    parts = {name: [pid] for name, pid in _parts(process).items()}
    before = {name: processor.seconds(roots) for name, roots in parts.items()}
    began = perf_counter()
    control.ask("POST", "clock/advance", {"by": "72h1m"})
    took = perf_counter() - began
    spent = {name: 1000 * (processor.seconds(roots) - before[name]) / held for name, roots in parts.items()}
    mails = json.loads(send("GET", line["inbox_url"], headers={"Accept": "application/json"}).content)
    told = sum("mira" not in mail["to"] and "jonas" not in mail["to"] for mail in mails)
    assert told == held, f"{told} of {held} were told"
    return took, ", ".join(f"{name} {each:.2f} ms" for name, each in spent.items()) + " a mail"


def _parts(root: int) -> dict[str, int]:
    """The sandbox's processes by what they are."""
    found = {}
    for pid in processor.tree([root]):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "unghost.sandbox.child" in command:
            kind = command[command.index("unghost.sandbox.child") + 1]
            found[f"{kind} 2" if kind in found else kind] = pid
        elif command[0].endswith("postgres"):
            found["PostgreSQL"] = pid
    return found


def _fill(folder: Path, applications: int) -> None:
    """Applications with the story's first customer, twelve of each applicant."""
    server = Embedded(folder)
    given = {"first": FIRST, "each": PER_APPLICANT, "count": applications}
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute(
            """INSERT INTO jobboard.applicant (id, email, name, language, time_zone, created_at)
               SELECT %(first)s + n, 'applicant-' || n || '@applicants.example', 'Applicant ' || n,
                      CASE n %% 2 WHEN 0 THEN 'en' ELSE 'de' END, 'Europe/Berlin', now()
               FROM generate_series(0, (%(count)s - 1) / %(each)s) n""",
            given,
        )
        connection.execute(
            """INSERT INTO jobboard.job (id, organization, external_id, title, location, listed_at)
               SELECT %(first)s + n, 12345, 'J-' || n, 'Engineer ' || n, 'Lisbon', now()
               FROM generate_series(0, %(each)s - 1) n""",
            given,
        )
        connection.execute(
            """INSERT INTO jobboard.application (number, job_id, organization, applicant_id, submitted_at)
               SELECT %(first)s + n, %(first)s + n %% %(each)s, 12345, %(first)s + n / %(each)s,
                      now() - interval '1 day' FROM generate_series(0, %(count)s - 1) n""",
            given,
        )
    server.stop()


def _report(line: dict[str, Any], control: Control, count: int) -> None:
    """Reject all of them, in batches."""
    form = f"grant_type=client_credentials&client_id={line['client_id']}&client_secret={line['client_secret']}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    token = send("POST", f"{line['base_url']}/oauth/v2/accessToken", form.encode(), kind).json()["access_token"]
    at = milliseconds(datetime.fromisoformat(control.ask("GET", "clock")["now"]))
    headers = {"Authorization": f"Bearer {token}", "X-RestLi-Method": "batch_create"}
    for begin in range(0, count, _BATCH):
        elements = [
            {"jobApplicationId": f"urn:li:jobApplication:{FIRST + nth}", "action": REJECTED, "performedAt": at}
            for nth in range(begin, min(count, begin + _BATCH))
        ]
        answer = send("POST", line["base_url"] + PATHS[0], json.dumps({"elements": elements}).encode(), headers)
        assert {element["status"] for element in answer.json()["elements"]} == {201}, answer.content[:500]
    control.ask("POST", "settle")


def fixture(folder: Path, tests: int) -> float:
    """Milliseconds that the set-up of `unghost_board` takes, the first test's apart: the median."""
    suite = folder / "suite" / "test_suite.py"
    suite.parent.mkdir()
    suite.write_text(_SUITE.format(count=tests + 1), encoding="utf-8")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--durations=0", "-vv"]
    there = ["--rootdir", str(suite.parent), "-c", os.devnull, str(suite)]
    done = subprocess.run([*run, *there], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    taken = sorted(float(found) for found in re.findall(r"([0-9.]+)s setup", done.stdout))[:-1]
    assert taken, done.stdout
    return 1000 * statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
