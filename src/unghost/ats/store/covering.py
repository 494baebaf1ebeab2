"""What was received, what stands in the outbox, and the ATS's history beside it, a page at a time (spec R33).

Over SQLAlchemy, as the commands have it. The history is the ATS's own query, asked for one page's applications.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text

from unghost.ats.history import HistoryError

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: How a page's rows are locked while what is missing is recorded; SQLite has one writer at a time.
_LOCKS = {"postgresql": " FOR NO KEY UPDATE", "mysql": " FOR UPDATE", "mariadb": " FOR UPDATE", "sqlite": ""}
#: Ids that the history is asked for at once.
_MOST_IDS = 500
_TEXT = {"postgresql": "text", "mysql": "char", "mariadb": "char", "sqlite": "text"}


class Columns(NamedTuple):
    """What the history's query selects: `id`, the type of its ids; `organization`: whether it has that column."""

    id: type
    organization: bool


class Application(NamedTuple):
    """An application that came from a board."""

    id: int
    customer_id: int
    number: int
    ats_id: str
    received_at: int


def customers(connection: Connection) -> list[Any]:
    """(id, destination, organization) of each customer."""
    statement = "SELECT id, destination, organization FROM unghost_customer ORDER BY destination, organization"
    return list(connection.execute(text(statement)))


def received(connection: Connection) -> dict[int, int]:
    """How many applications each customer has received."""
    return _counts(connection, "SELECT customer_id, COUNT(*) FROM unghost_application GROUP BY customer_id")


def with_activity(connection: Connection, activity: str | None = None) -> dict[int, int]:
    """How many of each customer's applications have an activity in the outbox, any or this one."""
    statement = """SELECT a.customer_id, COUNT(*) FROM unghost_application a
        WHERE EXISTS (SELECT 1 FROM unghost_activity x WHERE x.application_id = a.id"""
    if activity is None:
        return _counts(connection, f"{statement}) GROUP BY a.customer_id")
    return _counts(connection, f"{statement} AND x.activity = :activity) GROUP BY a.customer_id", activity=activity)


def states(connection: Connection) -> dict[tuple[int, str], int]:
    """How many activities of each customer are in each state."""
    statement = "SELECT customer_id, state, COUNT(*) FROM unghost_activity GROUP BY customer_id, state"
    return {(customer, state): count for customer, state, count in connection.execute(text(statement))}


def unviewed(connection: Connection, most: int) -> list[Application]:
    """Applications that no recruiter has opened, as far as the outbox knows, oldest first."""
    statement = """SELECT a.id, a.customer_id, a.number, a.ats_id, a.received_at FROM unghost_application a
        WHERE NOT EXISTS (SELECT 1 FROM unghost_activity x WHERE x.application_id = a.id AND x.activity = 'viewed')
        ORDER BY a.id LIMIT :most"""
    return [Application(*row) for row in connection.execute(text(statement), {"most": most})]


def page(connection: Connection, after: int, size: int, *, lock: bool) -> list[Application]:
    """The next applications behind this id. `lock`: nobody records for them until this transaction ends."""
    statement = """SELECT id, customer_id, number, ats_id, received_at FROM unghost_application
        WHERE id > :after ORDER BY id LIMIT :size"""
    statement += _LOCKS[connection.dialect.name] if lock else ""
    return [Application(*row) for row in connection.execute(text(statement), {"after": after, "size": size})]


def outbox(connection: Connection, ids: Sequence[int]) -> list[Any]:
    """(application_id, activity, performed_at, state) of all activities of these applications."""
    statement = text(
        "SELECT application_id, activity, performed_at, state FROM unghost_activity WHERE application_id IN :ids"
    ).bindparams(bindparam("ids", expanding=True))
    return list(connection.execute(statement, {"ids": list(ids)}))


def write(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Put activities into the outbox. Keys: customer_id, application_id, activity, performed_at, now."""
    statement = """INSERT INTO unghost_activity
        (customer_id, application_id, activity, performed_at, recorded_at, attempt_at)
        VALUES (:customer_id, :application_id, :activity, :performed_at, :now, :now)"""
    connection.execute(text(statement), list(rows))


def organizations(connection: Connection, customers: Iterable[int]) -> dict[int, str]:
    """The number of each of these customers, as a text."""
    statement = text("SELECT id, organization FROM unghost_customer WHERE id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )
    return {id: str(number) for id, number in connection.execute(statement, {"ids": list(customers)})}


def columns(connection: Connection, query: str) -> Columns | None:
    """What the history selects; None: it has no row with an id. Raises `HistoryError`, for ids of two customers too."""
    statement = f"SELECT h.* FROM ({_plain(query)}) h WHERE h.application_id IS NOT NULL LIMIT 1"
    row = connection.execute(text(statement)).mappings().first()
    if row is None:
        return None
    given = row["application_id"]
    kind = int if isinstance(given, int | Decimal) else type(given)
    if kind not in (int, str, UUID):
        raise HistoryError(f"application_id is of the type {kind.__name__}: select it as a number or a text")
    if "organization" in row:
        return Columns(kind, organization=True)
    found = Columns(kind, organization=False)
    shared = _shared(connection)
    for first in range(0, len(shared), _MOST_IDS):
        for ats_id, *_ in history(connection, query, found, shared[first : first + _MOST_IDS]):
            raise HistoryError(
                f"application_id {ats_id[:40]!r} is an application of several customers: let history.query select "
                "the customer's number, too, as organization"
            )
    return found


def history(connection: Connection, query: str, selected: Columns, ats_ids: Sequence[str]) -> list[Any]:
    """(the ATS's id, organization, stage, at) of each change of these applications; both as texts.

    `organization` is None where the history has no such column.
    """
    wanted = {typed: given for given in ats_ids if (typed := _typed(selected.id, given)) is not None}
    if not wanted:
        return []
    organization = "h.organization" if selected.organization else "NULL"
    statement = text(
        f"SELECT h.application_id, {organization}, h.stage, h.at FROM ({_plain(query)}) h "
        "WHERE h.application_id IN :ids"
    ).bindparams(bindparam("ids", expanding=True))
    rows = connection.execute(statement, {"ids": list(wanted)})
    return [
        (wanted[id], None if organization is None else str(organization), stage, at)
        for id, organization, stage, at in rows
        if id in wanted
    ]


def changes(connection: Connection, query: str, selected: Columns) -> list[Any]:
    """(stage, how often it was entered, how often by applications that came from a board)."""
    statement = f"""SELECT h.stage, COUNT(*), SUM(CASE WHEN {_came(connection, selected)} THEN 1 ELSE 0 END)
        FROM ({_plain(query)}) h GROUP BY h.stage ORDER BY COUNT(*) DESC, h.stage"""
    return [(stage, int(count), int(board)) for stage, count, board in connection.execute(text(statement))]


def left(connection: Connection, query: str, selected: Columns, rejections: Sequence[str], ends: Sequence[str]) -> int:
    """How often an application that came from a board left one of `rejections` for a stage that is none of `ends`."""
    of = "h.application_id, h.organization" if selected.organization else "h.application_id"
    statement = text(
        f"""SELECT COUNT(*) FROM (
            SELECT {of}, h.stage, LAG(h.stage) OVER (PARTITION BY {of} ORDER BY h.at) AS was
            FROM ({_plain(query)}) h) h
        WHERE h.was IN :rejections AND (h.stage IS NULL OR h.stage NOT IN :ends) AND {_came(connection, selected)}"""
    ).bindparams(bindparam("rejections", expanding=True), bindparam("ends", expanding=True))
    return int(connection.execute(statement, {"rejections": list(rejections), "ends": list(ends)}).scalar_one())


def _shared(connection: Connection) -> list[str]:
    """The ATS's own ids that several customers have. Two boards of one customer are not meant."""
    statement = """SELECT a.ats_id FROM unghost_application a JOIN unghost_customer c ON c.id = a.customer_id
        GROUP BY a.ats_id HAVING MIN(c.organization) <> MAX(c.organization)"""
    return list(connection.execute(text(statement)).scalars())


def _came(connection: Connection, selected: Columns) -> str:
    """The condition that a row of the history is of an application that came from a board."""
    kind = _TEXT[connection.dialect.name]
    of = (
        f""" AND a.customer_id IN (SELECT c.id FROM unghost_customer c
            WHERE CAST(c.organization AS {kind}) = CAST(h.organization AS {kind}))"""
        if selected.organization
        else ""
    )
    return f"EXISTS (SELECT 1 FROM unghost_application a WHERE a.ats_id = CAST(h.application_id AS {kind}){of})"


def _counts(connection: Connection, statement: str, **values: object) -> dict[int, int]:
    return {row[0]: row[1] for row in connection.execute(text(statement), values)}


def _plain(query: str) -> str:
    """The ATS's query, in which a colon is a colon."""
    return query.replace(":", r"\:")


def _typed(kind: type, given: str) -> int | str | UUID | None:
    try:
        typed = given if kind is str else kind(given)
    except ValueError:
        return None
    return typed if str(typed) == given.lower() or kind is str else None
