"""Triggers that record a stage column's changes, for an ATS in any language: written, not run (spec R29). Pure.

They run in the ATS's own transaction and fire only when the stage changes. Each database's own way of writing them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from unghost.ats.activity import UNDOING, Kind
from unghost.ats.stages import Stages

_LONGEST_NAME = 63
_COLUMNS = "(customer_id, application_id, activity, performed_at, recorded_at, attempt_at)"


class TriggerError(ValueError):
    """No trigger can be written for that. The message is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where the ATS keeps the stage: `table` (schema.table, too), its `id` and its `stage`.

    `organization`: its column with the customer's number, where customers have ids that are alike.
    """

    table: str
    id: str
    stage: str
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class _Writing:
    """How one database writes what differs."""

    name: Callable[[str], str]
    text: Callable[[str], str]
    same: Callable[[str], str]  # a value of a row, as it is compared with a text
    now: str
    lock: str


def _postgresql_text(given: str) -> str:
    quoted = given.replace("'", "''")
    # Whatever standard_conforming_strings says.
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in given else f"'{quoted}'"


def _mysql_text(given: str) -> str:
    # Whatever NO_BACKSLASH_ESCAPES says.
    return f"_utf8mb4 X'{given.encode().hex()}'" if "\\" in given else "'" + given.replace("'", "''") + "'"


_WRITING: Mapping[str, _Writing] = {
    "postgresql": _Writing(
        name=lambda given: '"' + given.replace('"', '""') + '"',
        text=_postgresql_text,
        same=lambda value: f"{value}::text",
        now="floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
        lock=" FOR NO KEY UPDATE OF a",
    ),
    "mysql": _Writing(
        name=lambda given: "`" + given.replace("`", "``") + "`",
        text=_mysql_text,
        same=lambda value: f"CONVERT({value} USING utf8mb4) COLLATE utf8mb4_bin",
        now="TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000",
        lock=" FOR UPDATE",
    ),
    "sqlite": _Writing(
        name=lambda given: '"' + given.replace('"', '""') + '"',
        text=lambda given: "'" + given.replace("'", "''") + "'",
        same=lambda value: f"CAST({value} AS text)",
        now="CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer)",
        lock="",
    ),
}
DIALECTS = tuple(_WRITING)


def statements(dialect: str, column: Column, stages: Stages) -> list[str]:
    """The statements, in order, without a semicolon at the end. Run again they replace the triggers.

    Raises `TriggerError`.
    """
    reported = stages.reported()
    if not reported:
        raise TriggerError("[stages] reports nothing: give at least one stage an activity")
    parts = column.table.split(".")
    named = [*(("table", part) for part in parts), ("id", column.id), ("stage", column.stage)]
    named += [("organization", column.organization)] if column.organization is not None else []
    for what, given in named:
        if not 1 <= len(given) <= _LONGEST_NAME or "\0" in given:
            raise TriggerError(f"the {what} is {given[:70]!r}: give a name of 1 to {_LONGEST_NAME} characters")
    for stage in stages.kinds:
        if "\0" in stage:
            raise TriggerError(f"the stage {stage!r} holds a NUL character: no database keeps one")
    write = {"postgresql": _postgresql, "mysql": _mysql, "sqlite": _sqlite}[dialect]
    return write(_WRITING[dialect], column, stages)


@dataclass(frozen=True, slots=True)
class _Words:
    """The pieces that every database's triggers are made of."""

    table: str
    changed_from: str
    changed_to: str
    entered: str  # the INSERT of what a stage says
    left: str | None  # the INSERT of `unrejected`, when a rejection's stage was left
    triggers: tuple[str, str, str]


def _words(writing: _Writing, column: Column, stages: Stages) -> _Words:
    reported = stages.reported()
    new, old = f"NEW.{writing.name(column.stage)}", f"OLD.{writing.name(column.stage)}"
    came = f"FROM unghost_application a WHERE a.ats_id = {writing.same(f'NEW.{writing.name(column.id)}')}"
    came += f"\n    AND {_of_one_customer(writing, column)}"
    order = f"ORDER BY a.id{writing.lock}"

    def listed(names: list[str]) -> str:
        return ", ".join(writing.text(name) for name in names)

    def insert(activity: str) -> str:
        return (
            f"INSERT INTO unghost_activity {_COLUMNS}\n"
            f"    SELECT a.customer_id, a.id, {activity}, {writing.now}, {writing.now}, 0\n    {came}"
        )

    cases = "".join(f"\n        WHEN {writing.text(stage)} THEN '{kind}'" for stage, kind in reported.items())
    entered = (
        f"{insert(f'CASE {writing.same(new)}{cases} END')}\n    AND {writing.same(new)} IN ({listed([*reported])})"
    )
    rejections = [stage for stage, kind in reported.items() if kind is Kind.REJECTED]
    ends = [stage for stage, kind in reported.items() if kind is Kind.REJECTED or kind in UNDOING]
    left = (
        f"{insert(repr(str(Kind.UNREJECTED)))}\n    AND {writing.same(old)} IN ({listed(rejections)})\n"
        f"    AND ({new} IS NULL OR {writing.same(new)} NOT IN ({listed(ends)})) {order}"
    )
    names = tuple(writing.name(_trigger(column, kind)) for kind in ("insert", "left", "update"))
    return _Words(
        table=".".join(map(writing.name, column.table.split("."))),
        changed_from=writing.same(old),
        changed_to=writing.same(new),
        entered=f"{entered} {order}",
        left=left if rejections else None,
        triggers=(names[0], names[1], names[2]),
    )


def _of_one_customer(writing: _Writing, column: Column) -> str:
    """The condition that it is the customer's application; or that no other customer has the same id."""
    if column.organization is not None:
        organization = writing.same(f"NEW.{writing.name(column.organization)}")
        return (
            "a.customer_id IN (SELECT c.id FROM unghost_customer c"
            f" WHERE {writing.same('c.organization')} = {organization})"
        )
    return (
        "NOT EXISTS (SELECT 1 FROM unghost_application other JOIN unghost_customer o ON o.id = other.customer_id"
        " WHERE other.ats_id = a.ats_id\n"
        "        AND o.organization <> (SELECT c.organization FROM unghost_customer c WHERE c.id = a.customer_id))"
    )


def _trigger(column: Column, kind: str) -> str:
    """A name that tells tables and columns apart, however long theirs are."""
    whole = f"unghost_{column.table.replace('.', '_')}_{column.stage}_{kind}"
    if len(whole.encode()) <= _LONGEST_NAME:
        return whole
    return f"unghost_{sha256(whole.encode()).hexdigest()[:16]}_{kind}"


def _postgresql(writing: _Writing, column: Column, stages: Stages) -> list[str]:
    words = _words(writing, column, stages)
    *schema, _ = (writing.name(part) for part in column.table.split("."))
    function = ".".join([*schema, writing.name(_trigger(column, "changed"))])
    left = f"    IF TG_OP = 'UPDATE' THEN\n    {words.left};\n    END IF;\n" if words.left else ""
    body = f"\nBEGIN\n{left}    {words.entered};\n    RETURN NULL;\nEND\n"
    tag = "$unghost$"
    while tag in body:
        tag = f"${tag.strip('$')}_$"
    insert, _, update = words.triggers
    changed = f"WHEN ({words.changed_from} IS DISTINCT FROM {words.changed_to}) EXECUTE FUNCTION {function}()"
    return [
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {tag}{body}{tag}",
        f"DROP TRIGGER IF EXISTS {insert} ON {words.table}",
        f"CREATE TRIGGER {insert} AFTER INSERT ON {words.table} FOR EACH ROW EXECUTE FUNCTION {function}()",
        f"DROP TRIGGER IF EXISTS {update} ON {words.table}",
        f"CREATE TRIGGER {update} AFTER UPDATE ON {words.table} FOR EACH ROW\n{changed}",
    ]


def _mysql(writing: _Writing, column: Column, stages: Stages) -> list[str]:
    """One statement in each trigger, so that no client needs another DELIMITER; they fire in the order of creation."""
    words = _words(writing, column, stages)
    changed = f"    AND NOT ({words.changed_to} <=> {words.changed_from})"
    made = [(words.triggers[0], "INSERT", words.entered, "")]
    made += [(words.triggers[1], "UPDATE", words.left, changed)] if words.left else []
    made.append((words.triggers[2], "UPDATE", words.entered, changed))
    *schema, _ = (writing.name(part) for part in column.table.split("."))
    qualified = "".join(f"{part}." for part in schema)
    found = [f"DROP TRIGGER IF EXISTS {qualified}{name}" for name in words.triggers]
    for name, event, statement, condition in made:
        before, order, after = statement.rpartition(" ORDER BY ")
        found.append(
            f"CREATE TRIGGER {qualified}{name} AFTER {event} ON {words.table} FOR EACH ROW\n"
            f"{before}{chr(10) if condition else ''}{condition}{order}{after}"
        )
    return found


def _sqlite(writing: _Writing, column: Column, stages: Stages) -> list[str]:
    words = _words(writing, column, stages)
    *schema, table = (writing.name(part) for part in column.table.split("."))
    qualified = "".join(f"{part}." for part in schema)
    insert, _, update = words.triggers
    left = f"    {words.left};\n" if words.left else ""
    changed = f"WHEN {words.changed_to} IS NOT {words.changed_from}\nBEGIN\n{left}    {words.entered};\nEND"
    return [
        f"DROP TRIGGER IF EXISTS {qualified}{insert}",
        f"CREATE TRIGGER {qualified}{insert} AFTER INSERT ON {table} FOR EACH ROW\nBEGIN\n    {words.entered};\nEND",
        f"DROP TRIGGER IF EXISTS {qualified}{update}",
        f"CREATE TRIGGER {qualified}{update} AFTER UPDATE ON {table} FOR EACH ROW\n{changed}",
    ]
