"""Reports in, actions and notices out: those waiting at the same moment are judged and stored together (spec R9).

While one group commits the next gathers; nothing lingers. Must not send anything: that is the dispatcher's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import structlog
from psycopg import AsyncConnection

from unghost.clock import Clock
from unghost.jobboard.rules.plan import Facts, after, plan
from unghost.jobboard.rules.policy import Policy
from unghost.jobboard.store import accepting
from unghost.jobboard.store.accepting import Key, Known, NewAction
from unghost.postgres import PostgresError, connect
from unghost.wire.lifecycle import Report, too_early
from unghost.wire.refusals import Refusal, Refused
from unghost.wire.restli import Answer, Created

log = structlog.get_logger()

#: Reports that go into one statement at most; a larger batch is a group by itself.
_GROUP = 1000
#: How often a group is tried when the database fails under it, and the seconds between.
_TRIES, _PAUSE = 4, 0.25
#: How long a statement waits for a row that somebody else has locked: its neighbours wait as long.
_LOCK_TIMEOUT = timedelta(milliseconds=100)

_UNAVAILABLE = Refused(
    Refusal.UNAVAILABLE, "the job board cannot reach its database or this application just now; send the report again"
)


class Overloaded(Exception):
    """More reports are waiting than the queue may hold (spec R12). Nothing of the call was taken."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports: a child application and its customer. `organization` None: it has none, or is a parent."""

    oauth_application: int
    organization: int | None


_Entry = tuple[Report, Reporter]


@dataclass(eq=False, slots=True)
class _Waiting:
    reports: Sequence[Report]
    reporter: Reporter
    answers: asyncio.Future[list[Answer]]


@dataclass
class Acceptor:
    """Takes reports in for one process. `start` it, `accept` from any task, `stop` it.

    `connections`: how many groups may be committing at the same time, each on a connection of its own.
    """

    database_url: str
    policy: Policy
    clock: Clock
    queue_limit: int
    connections: int = 1
    waiting: int = 0
    _queue: deque[_Waiting] = field(default_factory=deque)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _workers: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin to work off the queue. The database is connected to when the first report comes."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self.connections)]

    async def stop(self) -> None:
        """Answer what is waiting, then end."""
        if self.waiting:
            self._idle.clear()
            await self._idle.wait()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def accept(self, reports: Sequence[Report], reporter: Reporter) -> asyncio.Future[list[Answer]]:
        """The answer to each report, in order, once all that are accepted are durably committed.

        Raises `Overloaded` at once when the queue is full. A batch larger than the whole queue is taken when nothing
        else waits, so that it can be answered at all.
        """
        if self.waiting and self.waiting + len(reports) > self.queue_limit:
            raise Overloaded
        answers: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self.waiting += len(reports)
        self._queue.append(_Waiting(reports, reporter, answers))
        self._arrived.set()
        return answers

    async def _work(self) -> None:
        connection: AsyncConnection | None = None
        try:
            while True:
                await self._arrived.wait()
                group = self._take()
                if group:
                    connection = await self._answer(connection, group)
        finally:
            if connection is not None:
                await connection.close()

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and (not group or size + len(self._queue[0].reports) <= _GROUP):
            group.append(self._queue.popleft())
            size += len(group[-1].reports)
        if not self._queue:
            self._arrived.clear()
        return group

    async def _answer(self, connection: AsyncConnection | None, group: list[_Waiting]) -> AsyncConnection | None:
        """Answer a whole group, whatever happens. Gives back the connection to go on with."""
        entries = [(report, w.reporter) for w in group for report in w.reports]
        answers: list[Answer] = [_UNAVAILABLE] * len(entries)
        for attempt in range(1, _TRIES + 1):
            try:
                connection = connection or await self._connect()
                answers = await self._sparing(connection, entries)
                break
            except Exception as error:
                # The line is cut or the server is going down. The commit may have happened: the same again
                # finds it (spec R8) and answers with what is stored.
                if isinstance(error, psycopg.Error | PostgresError):
                    log.warning("accept.database_failed", attempt=attempt, error=type(error).__name__)
                else:
                    log.exception("accept.failed", attempt=attempt)
                if connection is not None:
                    with suppress(Exception):
                        await connection.close()
                connection = None
                if attempt < _TRIES:
                    await asyncio.sleep(_PAUSE * attempt)
        self.waiting -= len(entries)
        if not self.waiting:
            self._idle.set()
        given = iter(answers)
        for w in group:
            own = [next(given) for _ in w.reports]
            if not w.answers.done():  # else the caller has gone away
                w.answers.set_result(own)
        return connection

    async def _sparing(self, connection: AsyncConnection, entries: list[_Entry]) -> list[Answer]:
        """Store all together; if that fails store the halves, so that one bad report spoils no neighbour's."""
        try:
            return await self._store(connection, entries)
        except Exception as error:
            if connection.broken or connection.closed:
                raise
            if len(entries) > 1:
                middle = len(entries) // 2
                return [
                    *await self._sparing(connection, entries[:middle]),
                    *await self._sparing(connection, entries[middle:]),
                ]
            if isinstance(error, psycopg.OperationalError):  # its application is locked, by an erasure say
                log.warning("accept.report_waits", error=type(error).__name__)
                return [_UNAVAILABLE]
            log.exception("accept.report_failed")
            return [Refused(Refusal.INTERNAL, "the report could not be stored; it is logged, send it again later")]

    async def _connect(self) -> AsyncConnection:
        connection = await connect(self.database_url, autocommit=True)
        await accepting.prepare(connection, _LOCK_TIMEOUT)
        return connection

    async def _store(self, connection: AsyncConnection, entries: list[_Entry]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        todo = list(range(len(entries)))
        while todo:
            todo = await self._round(connection, entries, answers, todo)
        return [answers[i] for i in range(len(entries))]

    async def _round(
        self,
        connection: AsyncConnection,
        entries: list[_Entry],
        answers: dict[int, Answer],
        todo: list[int],
    ) -> list[int]:
        """Judge and store what is open; gives back those that another process was storing at the same moment."""
        now = self.clock.now()
        keys: list[Key] = [(r.application, r.action, r.performed_at) for r, _ in (entries[i] for i in todo)]
        deciders = [action for action, rule in self.policy.items() if rule.decides]
        new: dict[Key, NewAction] = {}
        facts: dict[int, Facts] = {}
        applicants: dict[int, None] = {}
        pending: list[tuple[int, Key]] = []
        for i, key, known in zip(todo, keys, await accepting.known(connection, keys, deciders), strict=True):
            report, reporter = entries[i]
            answer = _judged(report, reporter, known)
            if isinstance(answer, Created | Refused):
                answers[i] = answer
                continue
            known = answer
            pending.append((i, key))
            if key in new:
                continue
            so_far = facts.get(report.application) or _facts(known)
            planned = plan(report.action, report.performed_at, now, so_far, self.policy)
            facts[report.application] = after(so_far, report.action, report.performed_at, planned, self.policy)
            new[key] = NewAction(*key, reporter.oauth_application, planned)
            applicants[known.applicant_id] = None
        if not new:
            return []
        stored = await accepting.store(connection, list(new.values()), now, applicants)
        for i, key in pending:
            if key in stored:
                answers[i] = Created(stored[key])
        return [i for i, key in pending if key not in stored]


def _judged(report: Report, reporter: Reporter, known: Known | None) -> Answer | Known:
    """The answer that needs no storing, or what is known of the application: it is new and welcome."""
    if known is None or known.organization != reporter.organization:
        return Refused(
            Refusal.UNKNOWN_APPLICATION,
            f"jobApplicationId is {report.application}; want one that this customer received from this board",
        )
    if known.action_id is not None:
        return Created(known.action_id)
    return too_early(report, known.submitted_at) or known


def _facts(known: Known) -> Facts:
    spoken_for = frozenset((a, p) for a, _, p in (each.partition(" ") for each in known.spoken_for or ()))
    return Facts(known.consent, known.holds, spoken_for, known.decided_at)
