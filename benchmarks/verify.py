"""Counts after a run, in the database, what became of each acknowledged report (spec R8, R9, R14)."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.reports import ACTIONS, Reports
from unghost.jobboard.rules.policy import DEFAULT


@dataclass(frozen=True)
class Acknowledged:
    """The reports that were answered with 201, as columns of the same length. Times are of the monotonic clock."""

    number: array[int]
    id: array[int]
    sent: array[float]
    answered: array[float]

    @staticmethod
    def read(folder: Path) -> Acknowledged:
        """What the load generator kept."""
        number: array[int] = array("q")
        id: array[int] = array("q")
        sent, answered = array("d"), array("d")
        number.frombytes((folder / "number").read_bytes())
        id.frombytes((folder / "id").read_bytes())
        sent.frombytes((folder / "sent").read_bytes())
        answered.frombytes((folder / "answered").read_bytes())
        return Acknowledged(number, id, sent, answered)


def verify(database_url: str, reports: Reports, acknowledged: Acknowledged) -> dict[str, int]:
    """`lost`: acknowledged and not stored once, under its id, with the notices of its row in the policy.

    `duplicated`: stored more than once, or to be told more than once in a place.
    """
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE acknowledged (number bigint, action text, at bigint, id bigint, places int)"
        )
        with cursor.copy("COPY acknowledged FROM STDIN") as copy:
            for nth, id in zip(acknowledged.number, acknowledged.id, strict=True):
                application, act = reports.what(nth)
                action = ACTIONS[act]
                copy.write_row((application, action, reports.since + nth, id, len(DEFAULT[action].places)))
        cursor.execute("ANALYZE acknowledged")
        lost = _one(
            cursor,
            """SELECT count(*) FROM acknowledged k WHERE NOT EXISTS (
                   SELECT FROM jobboard.action a WHERE a.id = k.id AND a.application_number = k.number
                   AND a.action = k.action AND a.performed_at = to_timestamp(0) + k.at * interval '1 ms')
               OR k.places <> (SELECT count(*) FROM jobboard.notice n
                   WHERE n.action_id = k.id AND n.application_number = k.number AND n.action = k.action
                   AND n.state <> 'withheld')""",
        )
        twice = _one(
            cursor,
            """SELECT coalesce(sum(c - 1), 0) FROM (
                   SELECT count(*) c FROM jobboard.action GROUP BY application_number, action HAVING count(*) > 1) t""",
        )
        told_twice = _one(
            cursor,
            """SELECT coalesce(sum(c - 1), 0) FROM (
                   SELECT count(*) c FROM jobboard.notice WHERE state <> 'withheld'
                   GROUP BY application_number, action, place HAVING count(*) > 1) t""",
        )
        stored = _one(cursor, "SELECT count(*) FROM jobboard.action")
    acknowledged_twice = sum(count - 1 for count in Counter(acknowledged.id).values())
    return {
        "lost": lost,
        "duplicated": twice + told_twice + acknowledged_twice,
        "not acknowledged but stored": stored - len(acknowledged.id),
    }


def _one(cursor: psycopg.Cursor[tuple[int, ...]], statement: str) -> int:
    row = cursor.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])
