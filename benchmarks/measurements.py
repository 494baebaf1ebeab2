"""Accepting: single reports, batches, fixed rates, and the same load on the peer and on the floor.

Each is a function of the ground and the length and gives numbers by name; names end with their unit. What stores
anything is verified in the database before it counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from time import perf_counter
from typing import Any

from benchmarks import processor, programs
from benchmarks.load import Order, share
from benchmarks.peers.straightforward import DATABASE
from benchmarks.population import ORGANIZATION, Ground
from benchmarks.programs import Failed, Program
from benchmarks.reports import ACTIONS, Reports
from benchmarks.verify import Acknowledged, verify
from unghost.jobboard.rules.plan import Facts, plan
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.store import accepting
from unghost.jobboard.store.accepting import NewAction
from unghost.jobboard.store.lines import Line
from unghost.wire.lifecycle import moment

Numbers = dict[str, Any]
#: Applications of the floor, which stores nothing and so does not care whether they exist.
_ENDLESS = 5_000_000


@dataclass(frozen=True)
class Length:
    """How long a measurement lasts after `warm_up`, in seconds; and how many mails are drained."""

    seconds: float
    warm_up: float
    mails: int


@dataclass(frozen=True)
class Measurement:
    """One line of the result. `group` and `name` name it."""

    group: str
    name: str
    take: Callable[[Ground, Length], Numbers]


def singles(processes: int, connections: int, ground: Ground, length: Length) -> Numbers:
    """Single reports, closed loop."""
    with ground.database() as url, programs.board(url, ground.folder, processes) as (program, port):
        return _loaded(ground, length, url, program, port, connections=connections)


def sustained(processes: int, connections: int, ground: Ground, length: Length) -> Numbers:
    """Single reports for four times as long, with a checkpoint in the middle."""
    longer = replace(length, seconds=4 * length.seconds)
    with ground.database() as url, programs.board(url, ground.folder, processes) as (program, port):
        checkpoint = Timer(length.warm_up + 2 * length.seconds, ground.checkpoint)
        checkpoint.start()
        try:
            return _loaded(ground, longer, url, program, port, connections=connections)
        finally:
            checkpoint.join()


def batches(processes: int, batch: int, ground: Ground, length: Length) -> Numbers:
    """batch_create, closed loop: a thousand or two of reports under way for each process."""
    connections = processes * max(2, 1000 // batch)
    with ground.database() as url, programs.board(url, ground.folder, processes) as (program, port):
        return _loaded(ground, length, url, program, port, connections=connections, batch=batch)


def at_rate(processes: int, rate: float, ground: Ground, length: Length) -> Numbers:
    """Single reports at a fixed rate, open loop."""
    with ground.database() as url, programs.board(url, ground.folder, processes) as (program, port):
        return _loaded(ground, length, url, program, port, connections=256, rate=rate)


def peer(processes: int, connections: int, rate: float | None, ground: Ground, length: Length) -> Numbers:
    """Single reports to the straightforward service, without its mails."""
    warmer = replace(length, warm_up=3 * length.warm_up)  # its connections are opened and introspected one by one
    with ground.database() as url, peers_board(url, ground, processes) as (program, port):
        return _loaded(ground, warmer, url, program, port, connections=connections, rate=rate)


def floor(processes: int, connections: int, ground: Ground, length: Length) -> Numbers:
    """The same requests to bare ASGI that stores nothing."""
    with programs.uvicorn("benchmarks.peers.floor:create", ground.folder, processes, {}) as (program, port):
        endless = Reports(_ENDLESS, ground.since())
        return send(order(ground, length, program, port, connections=connections, reports=endless))[0]


def statements(group: int, ground: Ground, length: Length) -> Numbers:
    """The board's own two statements, group after group on one connection: no HTTP, nothing to judge or plan."""
    with ground.database() as url:
        return asyncio.run(_statements(url, group, ground, length))


async def _statements(url: str, group: int, ground: Ground, length: Length) -> Numbers:
    reports, policy, now = Reports(ground.applications, ground.since()), DEFAULT, datetime.now(UTC)
    deciders = [action for action, rule in policy.items() if rule.decides]
    facts, taken = Facts(consent=True, holds={}), []
    async with await Line(url).connection() as connection:
        groups = {"postgres": [ground.postgres], "load": [os.getpid()]}
        first, count = processor.moment(groups), 0
        while (began := perf_counter()) < first.at + length.seconds and count + group <= reports.count:
            actions = []
            for nth in range(count, count + group):
                (number, act), at = reports.what(nth), moment(reports.since + nth)
                planned = plan(ACTIONS[act], at, now, facts, policy)
                actions.append(NewAction(number, ACTIONS[act], at, ground.child, planned))
            await accepting.known(connection, [(a.application, a.action, a.performed_at) for a in actions], deciders)
            await accepting.store(connection, actions, now, ())
            count += group
            taken.append(perf_counter() - began)
        last = processor.moment(groups)
    taken.sort()
    latencies = {"p50 ms": 1000 * share(taken, 0.5), "p99 ms": 1000 * share(taken, 0.99)}
    return {"reports/s": count / (last.at - first.at), **latencies, **processor.between(first, last, count)}


@contextmanager
def peers_board(url: str, ground: Ground, processes: int) -> Iterator[tuple[Program, int]]:
    """The straightforward service, and the port it listens on."""
    app = "benchmarks.peers.straightforward:create"
    with programs.uvicorn(app, ground.folder, processes, {DATABASE: url}) as (program, port):
        yield program, port


def order(ground: Ground, length: Length, program: Program, port: int, **given: Any) -> Order:
    """An order to load this program, with all three acts of every application unless told otherwise."""
    return replace(
        Order(
            port=port,
            token=ground.token,
            organization=ORGANIZATION,
            reports=Reports(ground.applications, ground.since()),
            records=str(ground.folder),
            connections=0,
            seconds=length.seconds,
            warm_up=length.warm_up,
            groups={"board": [program.pid], "postgres": [ground.postgres]},
        ),
        **given,
    )


def send(order: Order) -> tuple[Numbers, Acknowledged]:
    """Carry out an order in a process of its own; what was measured, and what was acknowledged."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=order.json(),
        cwd=programs.ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Failed(f"the load generator failed: …{done.stderr[-2000:]}")
    measured: Numbers = json.loads(done.stdout)
    return measured, Acknowledged.read(Path(order.records))


def _loaded(ground: Ground, length: Length, url: str, program: Program, port: int, **given: Any) -> Numbers:
    ordered = order(ground, length, program, port, **given)
    measured, acknowledged = send(ordered)
    return measured | verify(url, ordered.reports, acknowledged)
