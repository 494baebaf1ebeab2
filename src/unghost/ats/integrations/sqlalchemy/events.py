"""Opt-in: records a change of stage when a session flushes it, in the session's transaction (spec R29).

Calls of `ats.record` are surer. Blind: what passes by the unit of work is not seen: `update()` and `insert()`
statements, `bulk_…` methods, raw SQL, other programs. Views and résumés change no stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapper
from sqlalchemy.sql import ClauseElement

from unghost import ats
from unghost.ats.activity import of_kind
from unghost.ats.integrations.moves import move, table


def connect(
    model: type[Any], *, stage: str, stages: Mapping[Any, str], ats_id: str | Callable[[Any], str | int] = "id"
) -> Callable[[], None]:
    """Record when a flush moves an instance of `model`, or of what inherits from it, to another stage.

    `stage`: the mapped attribute; `stages`: its values with the activities they are, e.g. `{"declined": "rejected"}`;
    leaving a rejected one is `unrejected`. `ats_id`: the attribute that is the ATS's own id, or what gives it. Gives
    what undoes this. Raises `RecordError`.
    """
    known = table(stages)
    identify = attrgetter(ats_id) if isinstance(ats_id, str) else ats_id

    def record(connection: Connection, target: Any, old: object) -> None:
        new = getattr(target, stage)
        if isinstance(new, ClauseElement):
            raise ats.RecordError(f"{stage} is set to an SQL expression: set the value, so that it can be recorded")
        kinds = list(move(known, old, new))
        if kinds:
            ats.record(connection, *(of_kind(kind, identify(target)) for kind in kinds))

    def updated(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
        if inspect(target).attrs[stage].history.has_changes():
            record(connection, target, _stored(mapper, connection, target, stage))

    def inserted(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
        record(connection, target, None)

    event.listen(model, "before_update", updated, propagate=True)
    event.listen(model, "after_insert", inserted, propagate=True)

    def disconnect() -> None:
        event.remove(model, "before_update", updated)
        event.remove(model, "after_insert", inserted)

    return disconnect


def _stored(mapper: Mapper[Any], connection: Connection, target: Any, stage: str) -> object:
    """The stage in the database. Locked: of two moves at once the later sees the earlier."""
    column = mapper.columns[stage]
    key = zip(mapper.primary_key, inspect(target).identity, strict=True)
    rows = select(column).where(*(each == value for each, value in key))
    return connection.scalar(rows.with_for_update())
