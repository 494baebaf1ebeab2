"""Processor time of process trees and of the whole machine, from /proc (Linux).

Time, not load: what a process used does not change much when something else runs beside it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def tree(roots: Iterable[int]) -> set[int]:
    """These processes and all that descend from them."""
    children = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children[pid]
    return found


def seconds(roots: Iterable[int]) -> float:
    """Processor seconds that the trees have used since they began, children that have ended included."""
    used = 0
    for pid in tree(roots):
        fields = _stat(pid)
        used += sum(int(field) for field in fields[11:15]) if fields else 0
    return used / _TICK


def machine() -> tuple[float, float]:
    """Seconds that all processors were busy, and that were stolen by the machine's host, since it was started."""
    user, nice, system, _idle, _wait, irq, softirq, steal = (
        int(field) / _TICK for field in (_PROC / "stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    )
    return user + nice + system + irq + softirq, steal


def _stat(pid: int) -> list[str]:
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return []


@dataclass(frozen=True)
class Moment:
    """The processor time used so far, by group of processes, and when that was read."""

    at: float
    groups: Mapping[str, float]
    busy: float
    stolen: float


def moment(groups: Mapping[str, Iterable[int]]) -> Moment:
    """Read it now."""
    busy, stolen = machine()
    return Moment(perf_counter(), {name: seconds(roots) for name, roots in groups.items()}, busy, stolen)


def between(first: Moment, last: Moment, count: int) -> dict[str, float]:
    """Microseconds per piece of work for each group, and the shares of the machine that others and its host took."""
    each = {name: last.groups[name] - first.groups[name] for name in first.groups}
    whole = (last.at - first.at) * (os.cpu_count() or 1)
    used = {f"{name} µs": 1e6 * spent / max(1, count) for name, spent in each.items()}
    return used | {
        "others %": 100 * max(0.0, last.busy - first.busy - sum(each.values())) / whole,
        "stolen %": 100 * (last.stolen - first.stolen) / whole,
    }
