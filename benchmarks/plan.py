"""Which measurements there are, in rounds, and what becomes of their numbers: the median of each."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import measurements, telling
from benchmarks.measurements import Length, Measurement, Numbers
from benchmarks.population import Ground

SINGLE, BATCH, RATE = "single reports", "batches", "fixed rate"
TOLD, PEER_TOLD, BACKLOG = "telling", "straightforward service, mails", "backlog"
PEER, HTTP_FLOOR, DATABASE_FLOOR = "straightforward service", "floor, HTTP alone", "floor, database alone"
#: These must be 0 whatever was measured, so they are added up.
SUMMED = ("lost", "duplicated", "mails lost", "mails duplicated", "unseen", "refused")


def measured() -> list[Measurement]:
    """All of them, in the order of a round."""
    found = []

    def add(group: str, name: str, take: Callable[..., Numbers], *given: Any) -> None:
        found.append(Measurement(group, name, partial(take, *given)))

    for processes in (1, 2):
        for connections in (64, 128, 256):
            add(
                SINGLE,
                f"{_processes(processes)}, {connections} connections",
                measurements.singles,
                processes,
                connections,
            )
    add(SINGLE, "2 processes, 128 connections, a checkpoint amid", measurements.sustained, 2, 128)
    for processes, batch in ((1, 100), (1, 1000), (2, 100)):
        add(BATCH, f"{_processes(processes)}, batches of {batch}", measurements.batches, processes, batch)
    for rate in (550, 5500):
        add(RATE, f"1 process, {rate:,}/s", measurements.at_rate, 1, rate)
    add(TOLD, "1 process, 1 dispatcher, 550/s", telling.told, 550)
    for processes in (1, 2):
        add(BACKLOG, f"{processes} dispatcher{'s' * (processes > 1)}", telling.drained, processes)
    for processes, connections in ((1, 64), (2, 64), (2, 128)):
        name = f"{_processes(processes)}, {connections} connections"
        add(PEER, name, measurements.peer, processes, connections, None)
    add(PEER_TOLD, "1 process, 1 worker, 550/s", telling.peer_told, 550)
    for processes in (1, 2):
        add(HTTP_FLOOR, f"{_processes(processes)}, 128 connections", measurements.floor, processes, 128)
    add(DATABASE_FLOOR, "1 connection, groups of 128", measurements.statements, 128)
    return found


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count > 1)}"


def run(
    chosen: list[Measurement],
    ground: Ground,
    length: Length,
    rounds: int,
    say: Callable[[Measurement, int, Numbers], None],
) -> dict[tuple[str, str], Numbers]:
    """Measure in rounds, so that what drifts with time drifts for all; `say` is told each as it is there."""
    taken: dict[tuple[str, str], list[Numbers]] = {}
    for number in range(1, rounds + 1):
        for measurement in chosen:
            numbers = measurement.take(ground, length)
            taken.setdefault((measurement.group, measurement.name), []).append(numbers)
            say(measurement, number, numbers)
    return {key: _together(each) for key, each in taken.items()}


def _together(each: list[Numbers]) -> Numbers:
    found: Numbers = {}
    for name, first in each[0].items():
        if isinstance(first, bool):
            found[name] = any(numbers[name] for numbers in each)
        elif isinstance(first, int | float):
            values = [numbers[name] for numbers in each]
            found[name] = sum(values) if name in SUMMED else statistics.median(values)
    return found
