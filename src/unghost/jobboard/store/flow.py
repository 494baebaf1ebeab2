"""How reports and notices flow, in numbers, for the operator (spec R42). Reads only.

Quick whatever lies in the tables: the newest rows are found by their ids, and counting stops at `MOST`. The operator
sees what is held counted; nobody else may be shown these numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

#: Counting stops here: of reports, of what waits at one place, of what was told.
MOST = 100_000
#: Processes give a report its time and the database its id: by so much the order of the two may differ.
_DISORDER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The actions received since `since`: their ids are greater than `after`.

    Not `whole`: there were more than are counted, and `since` is later than was asked for.
    """

    after: int
    since: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class Received:
    """How many actions of a kind were received; `by_board`: made by the board itself."""

    action: str
    by_board: bool
    lately: int
    all: int


@dataclass(frozen=True, slots=True)
class Became:
    """What has become of notices at a place: told, held, due, or withheld for a reason."""

    place: str
    became: str
    reason: str | None
    lately: int
    all: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits at a place: `held`, `due` and taken by nobody, `tried` and to be tried again or under way.

    `oldest_due`: since when the oldest of the last two is due; `untaken`: since when one waits for a dispatcher.
    """

    place: str
    held: int
    due: int
    tried: int
    oldest_due: datetime | None
    untaken: datetime | None
    next_hold_ends: datetime | None


@dataclass(frozen=True, slots=True)
class Lateness:
    """How many notices dispatchers told at a place, and how many seconds after they were due."""

    place: str
    told: int
    median: float
    p99: float
    longest: float


# Ids grow with the time of receipt, so the first one of a window is found by halving, in as many steps as a number has
# bits. `low` is never in the window, `high` always is.
_WINDOW = """
WITH RECURSIVE ends (low, high, cut) AS MATERIALIZED (
    SELECT greatest(newest - %(most)s, oldest - 1), newest, newest - %(most)s >= oldest
    FROM (SELECT (SELECT min(id) FROM jobboard.action), (SELECT max(id) FROM jobboard.action)) e (oldest, newest)
), halved (low, high) AS (
    SELECT low, high FROM ends
    UNION ALL
    SELECT CASE WHEN early THEN middle ELSE low END, CASE WHEN early THEN high ELSE middle END
    FROM (
        SELECT low, high, low + (high - low) / 2 AS middle,
               (SELECT received_at FROM jobboard.action
                WHERE id > low + (high - low) / 2 ORDER BY id LIMIT 1) < %(since)s AS early
        FROM halved WHERE high - low > 1
    ) h
), found (low) AS (
    SELECT low FROM halved WHERE low IS NOT NULL ORDER BY high - low LIMIT 1
)
SELECT f.low, a.received_at, e.cut AND f.low = e.low
FROM found f CROSS JOIN ends e
CROSS JOIN LATERAL (SELECT received_at FROM jobboard.action WHERE id > f.low ORDER BY id LIMIT 1) a
"""

_RECEIVED = """
SELECT action, reported_by IS NULL AS by_board, count(*) FILTER (WHERE received_at >= %(lately)s) AS lately,
       count(*) AS all
FROM jobboard.action WHERE id > %(after)s AND received_at >= %(since)s
GROUP BY 1, 2 ORDER BY 2 DESC, 1
"""

_BECAME = """
SELECT n.place, n.reason,
       CASE WHEN n.state <> 'waiting' THEN n.state WHEN n.due_at > %(now)s THEN 'held' ELSE 'due' END AS became,
       count(*) FILTER (WHERE a.received_at >= %(lately)s) AS lately, count(*) AS all
FROM jobboard.action a JOIN jobboard.notice n ON n.action_id = a.id
WHERE a.id > %(after)s AND n.action_id > %(after)s AND a.received_at >= %(since)s
GROUP BY 1, 2, 3
"""

_WAITING = """
SELECT p.place, count(*) FILTER (WHERE w.due_at > %(now)s) AS held,
       count(*) FILTER (WHERE w.attempt_at <= %(now)s) AS due,
       count(*) FILTER (WHERE w.due_at <= %(now)s AND w.attempt_at > %(now)s) AS tried,
       min(w.due_at) FILTER (WHERE w.due_at <= %(now)s) AS oldest_due,
       min(w.attempt_at) FILTER (WHERE w.attempt_at <= %(now)s) AS untaken,
       min(w.due_at) FILTER (WHERE w.due_at > %(now)s) AS next_hold_ends
FROM unnest(%(places)s::text[]) WITH ORDINALITY p (place, nth) LEFT JOIN LATERAL (
    SELECT n.due_at, n.attempt_at FROM jobboard.notice n
    WHERE n.state = 'waiting' AND n.place = p.place ORDER BY n.attempt_at LIMIT %(most)s
) w ON true
GROUP BY p.place, p.nth ORDER BY p.nth
"""

_LATENESS = """
SELECT place, count(*) AS told, percentile_cont(0.5) WITHIN GROUP (ORDER BY late) AS median,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY late) AS p99, max(late) AS longest
FROM (
    SELECT place, extract(epoch FROM told_at - coalesce(redriven_at, due_at))::float8 AS late
    FROM jobboard.notice WHERE told_at > due_at AND told_at >= %(since)s ORDER BY told_at DESC LIMIT %(most)s
) t
GROUP BY place ORDER BY place
"""


async def window(connection: AsyncConnection[Any], since: datetime, most: int = MOST) -> Window:
    """Where in the table of actions those begin that were received since then: the newest `most` ids at most."""
    cursor = await connection.execute(_WINDOW, {"since": since - _DISORDER, "most": most})
    row = await cursor.fetchone()
    if row is None:
        return Window(0, since, True)
    after, first, cut = row
    cut = cut and first >= since
    return Window(after, first if cut else since, not cut)


async def received(connection: AsyncConnection[Any], window: Window, lately: datetime) -> list[Received]:
    """The actions of a window by kind, and how many of them were received since `lately`."""
    given = {"after": window.after, "since": window.since, "lately": lately}
    async with connection.cursor(row_factory=class_row(Received)) as cursor:
        await cursor.execute(_RECEIVED, given)
        return await cursor.fetchall()


async def became(connection: AsyncConnection[Any], window: Window, lately: datetime, now: datetime) -> list[Became]:
    """What has become by now of the notices of a window's actions."""
    given = {"after": window.after, "since": window.since, "lately": lately, "now": now}
    async with connection.cursor(row_factory=class_row(Became)) as cursor:
        await cursor.execute(_BECAME, given)
        return await cursor.fetchall()


async def waiting(connection: AsyncConnection[Any], places: Sequence[str], now: datetime) -> list[Waiting]:
    """What waits at each place, `MOST` of each at most: what is due first is counted first."""
    async with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        await cursor.execute(_WAITING, {"places": list(places), "now": now, "most": MOST})
        return await cursor.fetchall()


async def lateness(connection: AsyncConnection[Any], since: datetime) -> list[Lateness]:
    """The lateness of what dispatchers told since then. What a commit told on a page is never late and not in it."""
    async with connection.cursor(row_factory=class_row(Lateness)) as cursor:
        await cursor.execute(_LATENESS, {"since": since, "most": MOST})
        return await cursor.fetchall()


async def last_told(connection: AsyncConnection[Any]) -> datetime | None:
    """When a dispatcher told something last."""
    cursor = await connection.execute("SELECT max(told_at) FROM jobboard.notice WHERE told_at > due_at")
    row = await cursor.fetchone()
    return None if row is None else row[0]
