"""Every applicant received, what was reported, what is missing; and the back-fill of it (spec R33).

Goes through the applications a page at a time, each in a transaction of its own, so that memory stays flat and nobody
waits long. Must not print.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from unghost.ats import history as histories
from unghost.ats.activity import UNDOING, Kind, milliseconds
from unghost.ats.history import History
from unghost.ats.missing import Happened, Known, missing
from unghost.ats.stages import Stages
from unghost.ats.store import covering

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_PAGE = 500
#: States in which a rejection does not stand.
_TAKEN_BACK = ("cancelled", "withdrawn")


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's numbers. Applications: `received`, `silent` (without any activity), `unviewed`.

    The rest counts activities in the outbox. `cancelled`: all that is not told, for it was undone or has no word.
    """

    id: int
    destination: str
    organization: int
    received: int
    silent: int
    unviewed: int
    sent: int
    waiting: int
    dead: int
    cancelled: int

    @property
    def name(self) -> str:
        """As people know it."""
        return f"{self.destination} / urn:li:organization:{self.organization}"


@dataclass(frozen=True, slots=True)
class Gap:
    """What happened to an application and is not in the outbox."""

    customer_id: int
    application_id: int
    number: int
    ats_id: str
    kind: Kind
    at: int
    stage: str


@dataclass(frozen=True, slots=True)
class Page:
    """How many applications were looked at, how many of them the history knows, and what is missing of them."""

    looked_at: int
    known: int
    gaps: Sequence[Gap]


def summary(connection: Connection) -> list[Customer]:
    """The numbers of each customer."""
    received, states = covering.received(connection), covering.states(connection)
    active, viewed = covering.with_activity(connection), covering.with_activity(connection, Kind.VIEWED)

    def counted(customer: int, *names: str) -> int:
        return sum(states.get((customer, name), 0) for name in names)

    return [
        Customer(
            id=id,
            destination=destination,
            organization=organization,
            received=received.get(id, 0),
            silent=received.get(id, 0) - active.get(id, 0),
            unviewed=received.get(id, 0) - viewed.get(id, 0),
            sent=counted(id, "sent"),
            waiting=counted(id, "waiting"),
            dead=counted(id, "dead"),
            cancelled=counted(id, "cancelled", "withdrawn", "not_reportable"),
        )
        for id, destination, organization in covering.customers(connection)
    ]


def look(engine: Engine, history: History, stages: Stages) -> Iterator[Page]:
    """What is missing, page by page. Raises `HistoryError`."""
    return _pages(engine, history, stages, None)


def backfill(engine: Engine, history: History, stages: Stages, now: datetime) -> Iterator[Page]:
    """Record what is missing, page by page: what a page says is committed. Raises `HistoryError`.

    Any number may run at once: a page's applications are locked before it is looked what is missing.
    """
    return _pages(engine, history, stages, now)


def _pages(engine: Engine, history: History, stages: Stages, now: datetime | None) -> Iterator[Page]:
    after = 0
    with engine.begin() as connection:
        selected = covering.columns(connection, history.query)
    while selected is not None:
        with engine.begin() as connection:
            applications = covering.page(connection, after, _PAGE, lock=now is not None)
            if not applications:
                return
            changes = _changes(connection, applications, history, selected)
            found = list(_gaps(connection, applications, changes, history, stages))
            if now is not None and found:
                covering.write(connection, [_row(gap, now) for gap in found])
        after = applications[-1].id
        yield Page(len(applications), sum(one.id in changes for one in applications), found)


def _changes(
    connection: Connection, applications: Sequence[covering.Application], history: History, selected: covering.Columns
) -> dict[int, list[tuple[str | None, int]]]:
    """(stage, moment) of each change that the history has of these applications, by their ids."""
    ids = list(dict.fromkeys(each.ats_id for each in applications))
    changes: dict[tuple[str, str | None], list[tuple[str | None, int]]] = {}
    for ats_id, organization, stage, at in covering.history(connection, history.query, selected, ids):
        changes.setdefault((ats_id, organization), []).append((stage, histories.moment(at, history.zone)))
    customers = {each.customer_id for each in applications}
    organizations = covering.organizations(connection, customers) if selected.organization else {}
    named = {one.id: (one.ats_id, organizations.get(one.customer_id)) for one in applications}
    return {id: changes[name] for id, name in named.items() if name in changes}


def _gaps(
    connection: Connection,
    applications: Sequence[covering.Application],
    changes: Mapping[int, list[tuple[str | None, int]]],
    history: History,
    stages: Stages,
) -> Iterator[Gap]:
    known: dict[int, list[Known]] = {}
    for application_id, activity, at, state in covering.outbox(connection, [each.id for each in applications]):
        known.setdefault(application_id, []).append(Known(activity, at, state not in _TAKEN_BACK))
    tolerance = round(history.tolerance.total_seconds() * 1000)
    for one in applications:
        happened = [Happened(*act) for act in stages.acts(changes.get(one.id, []))]
        for each in missing(happened, known.get(one.id, []), tolerance):
            if each.at >= history.since:
                yield Gap(one.customer_id, one.id, one.number, one.ats_id, each.kind, each.at, each.stage)


def _row(gap: Gap, now: datetime) -> dict[str, object]:
    return {
        "customer_id": gap.customer_id,
        "application_id": gap.application_id,
        "activity": str(gap.kind),
        "performed_at": gap.at,
        "now": milliseconds(now),
    }


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the history: how often it was entered, and of that by applications from a board."""

    name: str | None
    kind: Kind | None
    is_mapped: bool
    entered: int
    from_a_board: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would have been reported: the most frequent stage first, those that never occur at the end.

    `left`: how often applications from a board left a rejection's stage, which is `unrejected`.
    """

    stages: Sequence[Stage]
    left: int


def dry_run(connection: Connection, history: History, stages: Stages) -> DryRun:
    """Count the past. Raises `HistoryError`."""
    # Without a row nothing is asked of its columns.
    selected = covering.columns(connection, history.query) or covering.Columns(str, organization=False)
    counted = covering.changes(connection, history.query, selected)
    found = [Stage(name, stages.kind(name), stages.knows(name), count, board) for name, count, board in counted]
    seen = {each.name for each in found}
    found += [Stage(name, kind, True, 0, 0) for name, kind in stages.kinds.items() if name not in seen]
    rejections = [name for name, kind in stages.kinds.items() if kind is Kind.REJECTED]
    ends = rejections + [name for name, kind in stages.kinds.items() if kind in UNDOING]
    left = covering.left(connection, history.query, selected, rejections, ends) if rejections else 0
    return DryRun(found, left)


@dataclass(frozen=True, slots=True)
class Coverage:
    """All of it. `missing`: how many gaps each customer has, None if nobody can tell; `gaps`, `unviewed`: the first.

    `is_blind`: there is a history, and it knows none of the applications.
    """

    at: datetime
    customers: Sequence[Customer]
    missing: Mapping[int, int] | None
    gaps: Sequence[Gap]
    unviewed: Sequence[covering.Application]
    is_blind: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, as far as anybody can tell."""
        return not self.missing and not self.is_blind


def whole(engine: Engine, history: History | None, stages: Stages | None, now: datetime, most: int) -> Coverage:
    """The numbers of everybody, with the first `most` gaps and applications never viewed. Raises `HistoryError`."""
    gaps: list[Gap] = []
    counts: Counter[int] = Counter()
    known = 0
    if history is not None and stages is not None:
        for page in look(engine, history, stages):
            known += page.known
            counts.update(gap.customer_id for gap in page.gaps)
            gaps.extend(page.gaps[: max(0, most - len(gaps))])
    with engine.begin() as connection:
        customers = summary(connection)
        is_asked = history is not None and stages is not None
        is_blind = is_asked and not known and any(each.received for each in customers)
        return Coverage(
            now,
            customers,
            counts if is_asked and not is_blind else None,
            gaps,
            covering.unviewed(connection, most),
            is_blind,
        )
