"""An ATS's database and a real board that know the same applications, and a dispatcher between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from tests import world as w
from tests.ats.conftest import AtsDatabase
from tests.ats.faults import Way, faulty
from tests.jobboard.board_server import Board, serving
from unghost import ats
from unghost.ats import dispatcher
from unghost.ats.settings import DestinationSettings, Settings
from unghost.clock import Clock
from unghost.postgres import connect

ACTIONS = {"viewed": "APPLICATION_VIEWED", "rejected": "APPLICATION_REJECTED"}


class Now:
    """The machine's clock, some time ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Reporting:
    """Both ends. The ATS's ids are the numbers of applications as text; `world.applications` are the customer's."""

    database: AtsDatabase
    board_url: str
    board_database: str
    world: w.World
    clock: Now = field(default_factory=Now)
    destination: dict[str, Any] = field(default_factory=dict)

    def settings(self, **given: Any) -> Settings:
        """Settings whose destination `board` is the board."""
        kind = self.destination.get("kind", "unghost")
        own = {"base_url": self.board_url, "token_url": f"{self.board_url}/oauth/v2/accessToken"} | self.destination
        board = DestinationSettings(**{"name": "board", "kind": kind} | own)
        return Settings(**{"database_url": self.database.url, "destinations": {"board": board}, "others": {}} | given)

    def record(self, *activities: ats.Activity) -> None:
        """Record and commit, as the ATS does."""
        with closing(self.database.connect()) as connection:
            told = ats.record(connection, *activities, now=self.clock.now())
            assert told.left_out == 0
            connection.commit()

    def work(self, clock: Clock | None = None, **given: Any) -> int:
        """Work until nothing is due; the number of turns. No wait is shorter than its bound."""
        settings = self.settings(**given)
        return asyncio.run(dispatcher.run_once(settings, clock or self.clock, asyncio.Event(), lambda: 1.0))

    def stored(self) -> list[tuple[int, str, int]]:
        """What the board has, in its own order: application, action, performed at."""
        with psycopg.connect(self.board_database) as connection:
            found = connection.execute(
                """SELECT application_number, action, (extract(epoch FROM performed_at) * 1000)::bigint
                   FROM jobboard.action WHERE action <> 'APPLICATION_SUBMITTED' ORDER BY id"""
            ).fetchall()
        return [(int(number), action, int(at)) for number, action, at in found]

    def notices(self, application: int) -> set[tuple[str, str, str | None]]:
        """(action, state, reason) of an application's notices."""
        with psycopg.connect(self.board_database) as connection:
            return set(
                connection.execute(
                    "SELECT action, state, reason FROM jobboard.notice WHERE application_number = %s", (application,)
                ).fetchall()
            )

    def states(self) -> list[tuple[str, str]]:
        """(activity, state) in the order of recording."""
        return [(row[1], row[3]) for row in self.database.recorded()]

    def waiting(self) -> int:
        return sum(state == "waiting" for _, state in self.states())

    def customer(self, *columns: str) -> tuple[Any, ...]:
        """Columns of the first customer's row."""
        return self.database.all(f"SELECT {', '.join(columns)} FROM unghost_customer WHERE id = 1")[0]


async def board_world(database_url: str, applications: int, consent: bool) -> w.World:
    """The board's customers and applications."""
    async with await connect(database_url, autocommit=True) as connection:
        return await w.make_world(connection, datetime.now(UTC), consent=consent, applications=applications)


def customers(world: w.World, base: AtsDatabase) -> None:
    """Make the ATS's database know the world's two customers, as 1 and 2, and their applications."""
    values = ", ".join(f"(1, {number}, '{number}')" for number in world.applications)
    base.do(
        "DELETE FROM unghost_application",
        "DELETE FROM unghost_customer",
        f"""INSERT INTO unghost_customer (id, destination, organization, client_id, client_secret) VALUES
            (1, 'board', {w.ORGANIZATION}, '{world.client_id}', '{world.client_secret}'),
            (2, 'board', {w.OTHER_ORGANIZATION}, '{world.other_client_id}', '{world.other_client_secret}')""",
        f"""INSERT INTO unghost_application (customer_id, number, ats_id) VALUES {values},
            (2, {world.other_application}, '{world.other_application}')""",
    )


@contextmanager
def reporting(
    database: AtsDatabase, board_database: str, folder: Path, applications: int = 3, **settings: Any
) -> Iterator[tuple[Reporting, Board]]:
    """A board in this process, and an ATS's database beside it."""
    world = asyncio.run(board_world(board_database, applications, consent=True))
    customers(world, database)
    with serving(board_database, folder, **settings) as board:
        yield Reporting(database, board.url, board_database, world), board


def activities(world: w.World, *kinds: Callable[..., ats.Activity]) -> list[ats.Activity]:
    """Each kind on each of the first customer's applications."""
    return [kind(number) for kind in kinds for number in world.applications]


@contextmanager
def by_a_faulty_way(
    database: AtsDatabase, board_database: str, folder: Path, applications: int = 3, **settings: Any
) -> Iterator[tuple[Reporting, Way]]:
    """As `reporting`, with a way between them that can be made to fail."""
    with (
        reporting(database, board_database, folder, applications, **settings) as (own, board),
        faulty(board.port) as way,
    ):
        own.board_url = way.url
        yield own, way
