"""The INSERT by which an activity is recorded: built, not run (spec R29, R30). Pure.

It copies from the application's row: one that did not come from a board has none. It locks that row until the ATS
commits: two transactions cannot number activities of one application against the order in which they commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from unghost.ats.activity import Activity, milliseconds

#: Ids in one statement: below every database's limit of parameters.
_MOST_IDS = 500

#: How each database writes: a whole number's type in CAST, a text's, and the lock on the applications' rows.
_WAYS = {
    "postgresql": ("bigint", "text", " FOR NO KEY UPDATE OF a"),
    "mysql": ("signed", "char", " FOR UPDATE"),
    "sqlite": ("integer", "text", ""),  # has one writer at a time
}
DIALECTS = tuple(_WAYS)

Value = str | int
Mark = Callable[[int], str]
"""The n-th placeholder of a statement, from 1, as the driver writes it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its values. `counts`: 1 if its rows are activities written, 0 if they are to be read.

    `several`: whether it is an INSERT for several names, of which its number of rows does not tell which came.
    """

    sql: str
    values: tuple[Value, ...]
    counts: int = 1
    several: bool = False


def statements(activity: Activity, now: datetime, dialect: str, mark: Mark) -> Iterator[Statement]:
    """One INSERT for each 500 ids; for several beside it one that gives the names of those that came from a board.

    `dialect`: one of `DIALECTS`.
    """
    for some in _named(activity):
        several = [_select(some, "ats_id", mark, _WAYS[dialect][2])] if len(some.names) > 1 else []
        # MySQL may number the rows of a bulk INSERT before it has locked their applications: locked beforehand.
        before, after = (several, []) if dialect == "mysql" else ([], several)
        yield from before
        yield _insert(activity, some, now, dialect, mark)
        yield from after


def finding(activities: Iterable[Activity], mark: Mark) -> Iterator[Statement]:
    """Find the ids of all applications that these activities name, by whichever names. None is locked."""
    together: dict[tuple[str, int | None], dict[Value, None]] = {}
    for one in activities:
        for some in _named(one):
            together.setdefault((some.column, some.organization), {}).update(dict.fromkeys(some.names))
    for (column, organization), names in together.items():
        for batch in _batches(tuple(names)):
            yield _select(_Some(column, batch, organization), "id", mark)


def locking(ids: Iterable[int], dialect: str, mark: Mark) -> Iterator[Statement]:
    """Lock applications in the order of their ids, whoever names them how: no two can wait for each other."""
    lock = _WAYS[dialect][2]
    for batch in _batches(tuple(sorted(ids))) if lock else ():
        yield _select(_Some("id", batch, None), "id", mark, lock)


@dataclass(frozen=True, slots=True)
class _Some:
    """Applications by one of their names: the values of a column, of one customer or of whichever."""

    column: str
    names: tuple[Value, ...]
    organization: int | None


def _named(activity: Activity) -> Iterator[_Some]:
    if activity.application is not None:
        yield _Some("number", (activity.application,), activity.organization)
    for batch in _batches(activity.ats_ids):
        yield _Some("ats_id", batch, activity.organization)


def _batches(names: tuple[Value, ...]) -> Iterator[tuple[Value, ...]]:
    return (names[first : first + _MOST_IDS] for first in range(0, len(names), _MOST_IDS))


def _insert(activity: Activity, some: _Some, now: datetime, dialect: str, mark: Mark) -> Statement:
    number, text, lock = _WAYS[dialect]
    recorded_at = milliseconds(now)
    performed_at = recorded_at if activity.at is None else milliseconds(activity.at)
    values: list[Value] = [str(activity.kind), performed_at, recorded_at, recorded_at]
    where = _where(some, values, mark)
    types = (text, number, number, number)
    given = ", ".join(f"CAST({mark(nth)} AS {type})" for nth, type in enumerate(types, 1))
    sql = (
        "INSERT INTO unghost_activity (customer_id, application_id, activity, performed_at, recorded_at, attempt_at) "
        f"SELECT a.customer_id, a.id, {given} FROM unghost_application a WHERE {where} ORDER BY a.id{lock}"
    )
    return Statement(sql, tuple(values), several=len(some.names) > 1)


def _select(some: _Some, column: str, mark: Mark, lock: str = "") -> Statement:
    values: list[Value] = []
    where = _where(some, values, mark)
    sql = f"SELECT a.{column} FROM unghost_application a WHERE {where} ORDER BY a.id{lock}"
    return Statement(sql, tuple(values), counts=0)


def _where(some: _Some, values: list[Value], mark: Mark) -> str:
    """The condition that names the applications; its values are added to `values`."""

    def marked(value: Value) -> str:
        values.append(value)
        return mark(len(values))

    where = f"a.{some.column} IN ({', '.join(marked(one) for one in some.names)})"
    if some.organization is not None:
        where += (
            " AND a.customer_id IN (SELECT c.id FROM unghost_customer c"
            f" WHERE c.organization = {marked(some.organization)})"
        )
    return where
