"""Prometheus metrics of the job board (spec R41). Labels are our own tokens only: never a name, an address or a number.

With several processes on one machine prometheus-client joins them through PROMETHEUS_MULTIPROC_DIR.
"""

from __future__ import annotations

import os
from collections import Counter as Counted
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from unghost.jobboard.rules.plan import Planned, State

REPORTS = Counter("unghost_reports", "Reports answered, by code: ACCEPTED or the refusal's name.", ["code"])
GROUP_SIZE = Histogram(
    "unghost_commit_group_reports", "Reports stored in one commit.", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
)
TOLD = Counter(
    "unghost_notices_told", "Notices told: by a dispatcher, or on a page by the report's commit.", ["action", "place"]
)
WITHHELD = Counter(
    "unghost_notices_withheld",
    "Notices withheld, when their report came or when about to be told.",
    ["action", "place", "reason"],
)
ATTEMPTS = Counter("unghost_attempts", "Attempts to tell, by outcome.", ["place", "outcome"])
DELIVERIES = Counter("unghost_deliveries", "Attempts to deliver an application to a webhook, by outcome.", ["outcome"])
CHALLENGES = Counter("unghost_challenges", "Challenges of webhooks, by outcome.", ["outcome"])
OFF_SITE = Counter("unghost_jobs_turned_off_site", "Jobs whose first application could not be delivered.")
LATENESS = Histogram(
    "unghost_lateness_seconds",
    "From the moment a notice was due to the moment it was told.",
    ["place"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 86400),
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def count(code: str, reports: int = 1) -> None:
    """Count answered reports. Looking a label up and writing the shared file cost more than an addition."""
    counter = _reports.get(code)
    if counter is None:
        counter = _reports[code] = REPORTS.labels(code)
    counter.inc(reports)


def stored(notices: Iterable[tuple[str, Planned]]) -> None:
    """Count notices, each with its action, that were told or withheld by being stored; what waits is counted later."""
    for (action, place, state, reason), number in Counted(
        (action, n.place, n.state, n.reason) for action, n in notices if n.state is not State.WAITING
    ).items():
        if state is State.TOLD:
            TOLD.labels(action, place).inc(number)
        else:
            WITHHELD.labels(action, place, reason).inc(number)


_reports: dict[str, Counter] = {}


def exposition(gauges: dict[str, tuple[str, float]]) -> bytes:
    """Every metric in Prometheus' text form; `gauges` (name -> help, value) are read from the database."""
    lines = "".join(f"# HELP {n} {help}\n# TYPE {n} gauge\n{n} {value}\n" for n, (help, value) in gauges.items())
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return generate_latest(_together(folder) if folder else REGISTRY) + lines.encode()


def expose(host: str, port: int, folder: Path) -> None:
    """Answer /metrics in a thread, for processes that have no web server. Raises `OSError` if the port is taken."""
    start_http_server(port, host, registry=_together(str(folder)))


def _together(folder: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    return registry
