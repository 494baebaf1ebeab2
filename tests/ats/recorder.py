"""An ATS of its own process: acts on applications at random, keeps a ledger of what it committed, until it is killed.

`python -m tests.ats.recorder URL SEED AHEAD_MS NUMBER…`. The ledger is written in the ATS's own transaction, so it is
the truth about what was committed, whoever lost the answer.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg

from unghost import ats
from unghost.ats.activity import Kind, milliseconds, of_kind

LEDGER = """CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY, number bigint, kind text, at bigint)"""
ACT = "INSERT INTO ledger (number, kind, at) VALUES (%s, %s, %s)"
#: So many seeds in a row have moments of their own.
RECORDERS = 256
KINDS = [*Kind, Kind.VIEWED, Kind.VIEWED, Kind.REJECTED]


def main(url: str, seed: int, ahead: int, numbers: list[str]) -> None:
    chance = random.Random(seed)
    times = moments(chance, seed, ahead)
    connection: psycopg.Connection | None = None
    while True:
        try:
            if connection is None or connection.closed:
                connection = psycopg.connect(url)
            act(connection, chance, times, numbers)
            if chance.random() < 0.15:
                connection.rollback()
            else:
                connection.commit()
        except psycopg.Error:
            if connection is not None:
                connection.close()
            connection = None
        time.sleep(chance.uniform(0, 0.01))


def moments(chance: random.Random, seed: int, ahead: int) -> Iterator[datetime]:
    """Milliseconds of the last minutes by a clock that may be fast; none twice, and none of another recorder's, whose
    seed is near: the board takes two acts of the same moment for one."""
    had: set[int] = set()
    while True:
        at = milliseconds(datetime.now(UTC)) + ahead - chance.randrange(10**6)
        at = at // RECORDERS * RECORDERS + seed % RECORDERS
        if at not in had:
            had.add(at)
            yield datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)


def act(connection: psycopg.Connection, chance: random.Random, times: Iterator[datetime], numbers: list[str]) -> None:
    """One to three acts on one application."""
    number = chance.choice(numbers)
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice(KINDS)
        at = next(times)
        ats.record(connection, of_kind(kind, number, at=at))
        connection.execute(ACT, (int(number), str(kind), milliseconds(at)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
