"""The dispatcher against a real board on real PostgreSQL, with failures in any order (spec R29, R30, R31, R34).

Whatever happens, in the end every committed activity is on the board exactly once and in order per application.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy.exc import OperationalError

from tests import world as w
from tests.ats import truth
from tests.ats.conftest import DIALECTS, AtsDatabase
from tests.ats.faults import CUT_AFTER, CUT_BEFORE, Call, Fault, Says, Way, faulty
from tests.ats.reporting import Reporting, reporting
from unghost import ats
from unghost.ats import dispatcher
from unghost.ats.activity import UNDOING, Kind, milliseconds, of_kind
from unghost.ats.store import dispatching, turns

KILLED = "the dispatcher is killed"
APPLICATIONS = 2
#: Rejections and what undoes them most of all: theirs are the moments that matter.
KINDS = [Kind.REJECTED, Kind.UNREJECTED, Kind.VIEWED, Kind.REJECTED, Kind.UNREJECTED, *Kind]
FAULTS = st.lists(
    st.sampled_from(
        [None, CUT_BEFORE, CUT_AFTER, KILLED, None, Says(503, {"Retry-After": "20"}), Says(500), Says(429), Says(401)]
    ),
    max_size=4,
)
#: The nth application, what happens to it in one transaction, whether that commits, whether by a fast clock.
Act = tuple[int, list[Kind], bool, bool]
ACTS = st.tuples(
    st.integers(0, APPLICATIONS - 1),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=2),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([False, False, False, True]),
)
WRITES = {"announce": turns, "settle": turns, "keep_token": dispatching, "release": dispatching, "claim": dispatching}


class Both:
    """What all examples share: one board, one database; each example has applications of its own."""

    own: Reporting
    way: Way
    board: Any


@contextmanager
def lost_commits(which: list[str]) -> Iterator[None]:
    """The next call of each of these writes commits, and its answer is lost."""
    with ExitStack() as stack:
        for name in set(which):
            stack.enter_context(_losing(name))
        yield


@contextmanager
def _losing(name: str) -> Iterator[None]:
    module, real, left = WRITES[name], getattr(WRITES[name], name), [1]

    def write(*given: Any, **named: Any) -> Any:
        done = real(*given, **named)
        if left[0]:
            left[0] = 0
            raise OperationalError("COMMIT", {}, ConnectionError("the line was cut"))
        return done

    setattr(module, name, write)
    try:
        yield
    finally:
        setattr(module, name, real)


class Story(RuleBasedStateMachine):
    """The ATS records, the dispatcher works and is killed, the way fails, clocks run."""

    both: Both

    @initialize()
    def begin(self) -> None:
        own = self.both.own
        self.now = datetime.now(UTC)
        own.clock.ahead = self.both.board.clock.ahead = timedelta(0)
        own.database.do("DELETE FROM unghost_activity", "DELETE FROM unghost_application")
        with psycopg.connect(own.board_database, autocommit=True) as board:
            self.numbers = [
                int(row[0])
                for row in board.execute(
                    """WITH person AS (
                           INSERT INTO jobboard.applicant (name, email, created_at)
                           SELECT 'N', 'n' || gen_random_uuid() || '@applicant.example', %(now)s
                           FROM generate_series(1, %(count)s) RETURNING id)
                       INSERT INTO jobboard.application (job_id, organization, applicant_id, submitted_at)
                       SELECT %(job)s, %(organization)s, id, %(now)s FROM person RETURNING number""",
                    {
                        "now": self.now - timedelta(hours=2), "count": APPLICATIONS,
                        "job": own.world.jobs[0], "organization": w.ORGANIZATION,
                    },
                ).fetchall()
            ]  # fmt: skip
        values = ", ".join(f"(1, {number}, '{number}')" for number in self.numbers)
        own.database.do(
            f"INSERT INTO unghost_application (customer_id, number, ats_id) VALUES {values}",
            "UPDATE unghost_customer SET attempt_at = 0, failures = 0, trouble = NULL",
        )
        self.committed: list[truth.Act] = []
        self.fresh: set[tuple[int, int]] = set()  # rejections that no dispatcher had a chance to see
        self.never: set[tuple[int, int]] = set()

    @rule(
        acts=st.lists(ACTS, max_size=2),
        works=st.sampled_from([True, True, False]),
        faults=FAULTS,
        lost=st.lists(st.sampled_from(sorted(WRITES)), max_size=2),
        seconds=st.sampled_from([400, 30, 7, 1, 0]),
        board_minutes=st.sampled_from([0, 0, 0, 0, 1, 31]),
    )
    def chapter(
        self, acts: list[Act], works: bool, faults: list[Fault], lost: list[str], seconds: int, board_minutes: int
    ) -> None:
        """Acts, work, and time that passes, all in one rule: few stories would hold all three otherwise."""
        for act in acts:
            self.record(*act)
        if works:
            self.work(faults, lost)
        self.both.own.clock.ahead += timedelta(seconds=seconds)
        self.both.board.clock.ahead += timedelta(minutes=board_minutes)  # its tokens may expire

    def record(self, nth: int, kinds: list[Kind], commits: bool, fast: bool) -> None:
        """Acts on one application in one transaction; `fast`: by a server whose clock is eight minutes ahead."""
        own, number = self.both.own, self.numbers[nth]
        with closing(own.database.connect()) as connection:
            acts: list[truth.Act] = []
            for kind in kinds:
                at = self.now + timedelta(milliseconds=len(self.committed) + len(acts), minutes=8 if fast else -60)
                ats.record(connection, of_kind(kind, number, at=at), now=own.clock.now())
                acts.append((number, str(kind), milliseconds(at)))
            if not commits:
                connection.rollback()
                return
            connection.commit()
        self.committed += acts
        for _, done, moment in acts:
            if done == Kind.REJECTED:
                self.fresh.add((number, moment))
            elif done in UNDOING:
                undone = {one for one in self.fresh if one[0] == number}
                self.never |= undone
                self.fresh -= undone

    def work(self, faults: list[Fault], lost: list[str]) -> None:
        """A dispatcher works by a way that fails; it may be killed in the middle, COMMITs may lose their answers."""
        self.fresh.clear()
        with lost_commits(lost):
            asyncio.run(self._work(list(faults)))

    async def _work(self, faults: list[Fault]) -> None:
        own = self.both.own
        loop = asyncio.get_running_loop()
        task = loop.create_task(
            dispatcher.run_once(own.settings(lease=timedelta(seconds=6)), own.clock, asyncio.Event(), lambda: 1.0)
        )

        def fault(_: Call) -> Fault:
            met = faults.pop(0) if faults else None
            if met == KILLED:
                loop.call_soon_threadsafe(task.cancel)
                return CUT_AFTER
            return met

        self.both.way.fault = fault
        try:
            await asyncio.wait_for(asyncio.shield(task), 60)
        except (asyncio.CancelledError, OperationalError):
            return

    def teardown(self) -> None:
        if not hasattr(self, "committed"):
            return
        own = self.both.own
        self.both.board.clock.ahead += timedelta(minutes=30)
        for _ in range(12):
            own.clock.ahead += timedelta(minutes=11)
            asyncio.run(self._work([]))
            if not own.waiting():
                break
        truth.hold(own.database, own.board_database, self.committed)
        there = {(number, at) for number, action, at in own.stored() if action == "APPLICATION_REJECTED"}
        assert not there & self.never, "what was undone before a dispatcher could see it is never sent"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("ats_database", [DIALECTS[0]], indirect=True)
def test_whatever_fails_every_committed_activity_is_on_the_board_once_and_in_order(
    ats_database: AtsDatabase, database_url: str, tmp_path: Path
) -> None:
    with reporting(ats_database, database_url, tmp_path) as (own, board), faulty(board.port) as way:
        own.board_url = way.url
        both = Both()
        both.own, both.way, both.board = own, way, board

        class Told(Story):
            pass

        Told.both = both
        run_state_machine_as_test(
            Told,
            settings=settings(
                max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
