"""The INSERT by which an activity is recorded: built, not run (spec R29, R30). Pure.

It copies from the application's row: one that did not come from a board has none. It locks that row until the ATS
commits: two transactions cannot number activities of one application against the order in which they commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """A statement with its values. `counts`: 1 if its rows are activities written, 0 if it only locks."""

    sql: str
    values: tuple[Value, ...]
    counts: int = 1


def statements(activity: Activity, now: datetime, dialect: str, mark: Mark) -> Iterator[Statement]:
    """One INSERT for each 500 ids. `dialect`: one of `DIALECTS`."""
    ids = activity.ats_ids
    for first in range(0, max(len(ids), 1), _MOST_IDS):
        some = ids[first : first + _MOST_IDS]
        # MySQL may number the rows of a bulk INSERT before it has locked their applications: locked beforehand.
        if dialect == "mysql" and len(some) > 1:
            yield _lock(activity, some, dialect, mark)
        yield _insert(activity, some, now, dialect, mark)


def _insert(activity: Activity, some: tuple[str, ...], now: datetime, dialect: str, mark: Mark) -> Statement:
    number, text, lock = _WAYS[dialect]
    recorded_at = milliseconds(now)
    performed_at = recorded_at if activity.at is None else milliseconds(activity.at)
    values: list[Value] = [str(activity.kind), performed_at, recorded_at, recorded_at]
    where = _where(activity, some, values, mark)
    types = (text, number, number, number)
    given = ", ".join(f"CAST({mark(nth)} AS {type})" for nth, type in enumerate(types, 1))
    sql = (
        "INSERT INTO unghost_activity (customer_id, application_id, activity, performed_at, recorded_at, attempt_at) "
        f"SELECT a.customer_id, a.id, {given} FROM unghost_application a WHERE {where} ORDER BY a.id{lock}"
    )
    return Statement(sql, tuple(values))


def _lock(activity: Activity, some: tuple[str, ...], dialect: str, mark: Mark) -> Statement:
    values: list[Value] = []
    where = _where(activity, some, values, mark)
    sql = f"SELECT a.id FROM unghost_application a WHERE {where} ORDER BY a.id{_WAYS[dialect][2]}"
    return Statement(sql, tuple(values), counts=0)


def _where(activity: Activity, some: tuple[str, ...], values: list[Value], mark: Mark) -> str:
    """The condition that names the applications; its values are added to `values`."""

    def marked(value: Value) -> str:
        values.append(value)
        return mark(len(values))

    if activity.application is not None:
        where = f"a.number = {marked(activity.application)}"
    else:
        where = f"a.ats_id IN ({', '.join(marked(one) for one in some)})"
    if activity.organization is not None:
        where += (
            " AND a.customer_id IN (SELECT c.id FROM unghost_customer c"
            f" WHERE c.organization = {marked(activity.organization)})"
        )
    return where
