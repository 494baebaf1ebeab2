"""Runs a suite of somebody who tests their ATS with the plugin: pytest in a process and a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.running import environment

PLUGIN = "unghost.sandbox.pytest_plugin"


@dataclass(frozen=True)
class Outcome:
    """What became of a suite. `failures`: the message of each test that failed, by its name; `passed`: their names."""

    code: int
    passed: set[str]
    failures: dict[str, str]
    said: str


def begin(folder: Path, suite: str, *options: str, **variables: str) -> subprocess.Popen[str]:
    """Start pytest on a suite. Of the plugins that are installed here it loads this one alone, and xdist for `-n`."""
    (folder / "test_ats.py").write_text(suite)
    plugins = [PLUGIN, *(["xdist.plugin"] if "-n" in options else [])]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", "report.xml"),
            *(word for plugin in plugins for word in ("-p", plugin)),
            *options,
        ],
        cwd=folder,
        env=_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _environment(**variables: str) -> dict[str, str]:
    """None of what pytest and xdist tell the children of this run."""
    kept = environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", **variables)
    return {name: value for name, value in kept.items() if not name.startswith(("PYTEST_XDIST_", "PYTEST_CURRENT_"))}


def run(folder: Path, suite: str, *options: str, **variables: str) -> Outcome:
    """Run a suite to its end."""
    process = begin(folder, suite, *options, **variables)
    said, _ = process.communicate(timeout=280)
    passed, failures = set(), {}
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        bad = [*case.findall("failure"), *case.findall("error")]
        if bad:
            failures[case.attrib["name"]] = bad[0].attrib["message"]
        else:
            passed.add(case.attrib["name"])
    return Outcome(process.returncode, passed, failures, said)


def ini(folder: Path, text: str) -> None:
    """The suite's pytest.ini."""
    (folder / "pytest.ini").write_text(f"[pytest]\n{text}\n")


def waiting(folder: Path) -> str:
    """A suite with one test that uses the board and then waits for ever; the board's address is in `there`."""
    os.mkfifo(folder / "never")
    return """
from pathlib import Path
def test_waits(unghost_board):
    Path("unfinished").write_text(unghost_board.base_url)
    Path("unfinished").rename("there")
    Path("never").read_text()
"""
