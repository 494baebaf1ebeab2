"""What may stand in which room: imports, clocks, SQL, names of modules."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.house.sources import ROOT, modules, strings

SQL_ROOMS = ("ats/store/", "jobboard/store/", "outbox/", "postgres/")
SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|(CREATE|ALTER|DROP)\s+(TABLE|SCHEMA|INDEX|DATABASE)\s"
    r"|WITH\s+\w+\s+AS\s*\(|LISTEN\s|NOTIFY\s|TRUNCATE\s|LOCK\s+TABLE\s)"
)
DATABASE_CLOCK = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp)\(\)|\bcurrent_(timestamp|date)\b", re.IGNORECASE
)
# `unghost doctor` compares the two clocks.
ASKS_THE_DATABASES_CLOCK = "jobboard/store/administering.py"
CLOCKS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime"},
    "utils": {"localtime", "formatdate"},
}
NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "service", "misc", "base"}


def test_the_import_rules_hold() -> None:
    checker = Path(sys.executable).with_name("lint-imports")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    checked = subprocess.run([checker, "--no-logo"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_only_the_clock_reads_the_time_of_day() -> None:
    wrong = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in ("time", "email.utils"):
                wrong += [
                    f"{path}:{node.lineno} imports {name.name}"
                    for name in node.names
                    if name.name in CLOCKS["time"] | CLOCKS["utils"]
                ]
            if isinstance(node, ast.Attribute) and path != "clock.py":
                owner = node.value
                of = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
                if node.attr in CLOCKS.get(of, ()):
                    wrong.append(f"{path}:{node.lineno} uses {of}.{node.attr}")
    assert not wrong, "ask the clock that is handed around, below the edges take `now`: " + "; ".join(wrong)


def test_statements_take_now_as_a_parameter() -> None:
    wrong = [
        f"{path}:{line}"
        for path, tree in modules()
        if path.startswith(("jobboard/", "outbox/")) and path != ASKS_THE_DATABASES_CLOCK
        for line, string in strings(tree)
        if SQL.search(string) and DATABASE_CLOCK.search(string)
    ]
    assert not wrong, "the database's clock cannot be wound: bind `now`: " + "; ".join(wrong)


def test_only_stores_outbox_and_postgres_speak_sql() -> None:
    wrong = []
    for path, tree in modules():
        if path.startswith(SQL_ROOMS):
            continue
        wrong += [f"{path}:{line} has a statement" for line, string in strings(tree) if SQL.match(string)]
        wrong += [
            f"{path}:{node.lineno} calls .{node.func.attr}()"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("execute", "executemany")
        ]
    assert not wrong, "put the statement into jobboard/store: " + "; ".join(wrong)


def test_modules_are_named_for_what_they_are() -> None:
    wrong = [path for path, _ in modules() if set(Path(path).with_suffix("").parts) & NAMES]
    assert not wrong, f"say what it is for: {wrong}"
