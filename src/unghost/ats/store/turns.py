"""A turn's work: due lines read, sending announced, outcomes settled while the fence holds (spec R30, R31, R34).

Must not decide what is sent: line.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, Engine, TextClause, bindparam, text

from unghost.ats.activity import UNDOING, Kind
from unghost.ats.allowance import Allowance
from unghost.ats.line import Rejection, Waiting
from unghost.ats.store.database import dialect_of
from unghost.ats.store.dispatching import Turn

#: Stands in `reason` of a rejection from before it is sent until its answer is settled.
SENDING = "sending"


@dataclass(frozen=True, slots=True)
class Line:
    """One application: its waiting activities in order, and its rejections before them if something undoes one."""

    waiting: Sequence[Waiting]
    past: Sequence[Rejection]


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of an activity. `attempt_at` only of one that waits on; `tried`: attempts that were made."""

    id: int
    state: str
    attempt_at: int | None = None
    report_id: str | None = None
    reason: str | None = None
    detail: str | None = None
    tried: int = 1


_DUE = text(
    """
SELECT application_id FROM unghost_activity WHERE customer_id = :customer AND attempt_at <= :now
ORDER BY attempt_at, id LIMIT :limit
"""
)
# What is to be taken back costs no allowance, and the hold is running.
_UNDOINGS = text(
    """
SELECT application_id FROM unghost_activity WHERE customer_id = :customer AND attempt_at <= :now
  AND activity IN ('unrejected', 'candidate_withdrew')
ORDER BY attempt_at, id LIMIT :limit
"""
)
_LINES = """
SELECT a.id, a.application_id, p.number, a.activity, a.performed_at, a.recorded_at, a.attempt_at, a.reason,
       a.attempts
FROM unghost_activity a JOIN unghost_application p ON p.id = a.application_id
WHERE a.application_id IN :ids AND a.attempt_at IS NOT NULL ORDER BY a.id
"""
_PAST = """
SELECT id, application_id, state, report_id FROM unghost_activity
WHERE application_id IN :ids AND activity = 'rejected' AND state IN ('sent', 'dead') ORDER BY id
"""
_UNDONE = """
SELECT DISTINCT application_id FROM unghost_activity
WHERE application_id IN :ids AND attempt_at IS NOT NULL AND activity IN ('unrejected', 'candidate_withdrew')
"""
_ANNOUNCE = "UPDATE unghost_activity SET reason = 'sending' WHERE id IN :ids"
_SPEND = text(
    """
UPDATE unghost_customer SET bucket_level = :level, bucket_at = :at, quota_day = :day, quota_used = :used
WHERE id = :id AND turn = :turn
"""
)
_FENCE = text("UPDATE unghost_customer SET turn = turn WHERE id = :id AND turn = :turn")
_PROGRESS = text("UPDATE unghost_customer SET failures = 0, trouble = NULL WHERE id = :id AND turn = :turn")

# One statement for a whole wave, whatever became of each; the rows come as JSON.
_SETTLE = {
    "postgresql": """
UPDATE unghost_activity a SET state = g.state, attempt_at = g.attempt_at, attempts = a.attempts + g.tried,
    report_id = coalesce(g.report_id, a.report_id), reason = g.reason, detail = g.detail,
    settled_at = CASE g.state WHEN 'waiting' THEN NULL ELSE :now END
FROM json_to_recordset(CAST(:given AS json)) AS g (id bigint, state text, attempt_at bigint, report_id text,
    reason text, detail text, tried int)
WHERE a.id = g.id""",
    "mysql": """
UPDATE unghost_activity a JOIN JSON_TABLE(:given, '$[*]' COLUMNS (id bigint PATH '$.id',
    state varchar(20) PATH '$.state', attempt_at bigint PATH '$.attempt_at', report_id varchar(190) PATH '$.report_id',
    reason varchar(190) PATH '$.reason', detail text PATH '$.detail', tried int PATH '$.tried')) g ON g.id = a.id
SET a.state = g.state, a.attempt_at = g.attempt_at, a.attempts = a.attempts + g.tried,
    a.report_id = coalesce(g.report_id, a.report_id), a.reason = g.reason, a.detail = g.detail,
    a.settled_at = CASE g.state WHEN 'waiting' THEN NULL ELSE :now END""",
    "sqlite": """
UPDATE unghost_activity SET state = g.state, attempt_at = g.attempt_at, attempts = attempts + g.tried,
    report_id = coalesce(g.report_id, unghost_activity.report_id), reason = g.reason, detail = g.detail,
    settled_at = CASE g.state WHEN 'waiting' THEN NULL ELSE :now END
FROM (SELECT json_extract(value, '$.id') AS id, json_extract(value, '$.state') AS state,
    json_extract(value, '$.attempt_at') AS attempt_at, json_extract(value, '$.report_id') AS report_id,
    json_extract(value, '$.reason') AS reason, json_extract(value, '$.detail') AS detail,
    json_extract(value, '$.tried') AS tried FROM json_each(:given)) AS g
WHERE unghost_activity.id = g.id""",
}
_SETTLES = {dialect: text(statement) for dialect, statement in _SETTLE.items()}


def read(engine: Engine, turn: Turn, now: int, limit: int, *, undoings: bool = False) -> list[Line]:
    """The lines of applications of which something is due, those that wait longest first; or only an undoing is."""
    with engine.begin() as connection:
        values = {"customer": turn.customer_id, "now": now, "limit": limit}
        due = list(dict.fromkeys(row[0] for row in connection.execute(_UNDOINGS if undoings else _DUE, values)))
        if not due:
            return []
        waiting: dict[int, list[Waiting]] = {id: [] for id in due}
        for row in _among(connection, _LINES, due).all():
            waiting[row.application_id].append(_waiting(row))
        undone = [id for id, rows in waiting.items() if any(row.activity in UNDOING for row in rows)]
        past: dict[int, list[Rejection]] = {}
        if undone:
            for row in _among(connection, _PAST, undone):
                sent_as = (row.report_id or "") if row.state == "sent" else None
                past.setdefault(row.application_id, []).append(Rejection(row.id, row.application_id, sent_as))
    return [Line(rows, past.get(id, ())) for id, rows in waiting.items() if rows]


def announce(engine: Engine, turn: Turn, sending: Iterable[Waiting], spent: Allowance) -> set[int] | None:
    """Note what is about to be sent: the allowance is spent, rejections are marked. None: the turn is lost.

    Gives the applications whose rejection was undone at this moment: theirs must not be sent.
    """
    rejections = {row.application_id: row.id for row in sending if row.activity == Kind.REJECTED and not row.sending}
    values = {
        "id": turn.customer_id, "turn": turn.turn,
        "level": spent.level, "at": spent.at, "day": spent.day, "used": spent.used,
    }  # fmt: skip
    with engine.begin() as connection:
        if not connection.execute(_SPEND, values).rowcount:
            return None
        if not rejections:
            return set()
        undone = {row[0] for row in _among(connection, _UNDONE, list(rejections))}
        ids = [id for application, id in rejections.items() if application not in undone]
        if ids:
            _among(connection, _ANNOUNCE, ids)
    return undone


def settle(engine: Engine, turn: Turn, settled: Sequence[Settled], now: int, *, progress: bool) -> bool:
    """Store what became of activities, in one transaction. False: the turn is another's by now, nothing is stored.

    `progress`: the board took something, so the way is open.
    """
    with engine.begin() as connection:
        fence: Mapping[str, object] = {"id": turn.customer_id, "turn": turn.turn}
        if not _held(connection, fence, progress=progress):
            return False
        given = msgspec.json.encode(settled).decode()
        connection.execute(_SETTLES[dialect_of(connection)], {"given": given, "now": now})
    return True


def _held(connection: Connection, fence: Mapping[str, object], *, progress: bool) -> bool:
    """Whether the turn still holds; its customer is locked until the end of the transaction."""
    return connection.execute(_PROGRESS if progress else _FENCE, dict(fence)).rowcount > 0


def _among(connection: Connection, statement: str, ids: Sequence[int]) -> CursorResult[Any]:
    """Run a statement about these ids: PostgreSQL plans one array a hundred times faster than a thousand values."""
    if dialect_of(connection) == "postgresql":
        given = "{" + ",".join(map(str, ids)) + "}"
        return connection.execute(_arrays(statement), {"ids": given})
    return connection.execute(_lists(statement), {"ids": ids})


@cache
def _arrays(statement: str) -> TextClause:
    return text(statement.replace("IN :ids", "= ANY (CAST(:ids AS bigint[]))"))


@cache
def _lists(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("ids", expanding=True))


def _waiting(row: Any) -> Waiting:
    id, application_id, number, activity, performed_at, recorded_at, attempt_at, reason, attempts = row  # not by name:
    sending = reason == SENDING  # that is slower
    return Waiting(id, application_id, number, activity, performed_at, recorded_at, attempt_at, sending, attempts)
