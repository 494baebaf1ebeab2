"""Reports in, actions and notices out: those waiting at the same moment are judged and stored together (spec R9).

While one group commits the next gathers; nothing lingers. Must not send anything: that is the dispatcher's.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
import structlog
from psycopg import AsyncConnection

from unghost import traces
from unghost.clock import Clock
from unghost.jobboard import metrics
from unghost.jobboard.rules.plan import Facts, Planned, Reason, after, plan
from unghost.jobboard.rules.policy import Policy
from unghost.jobboard.store import accepting
from unghost.jobboard.store.accepting import Key, Known, NewAction
from unghost.jobboard.store.lines import Line
from unghost.jobboard.store.withdrawing import Freed, free, hand_on
from unghost.postgres import PostgresError
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


#: A report, who reports it, and the traceparent of the call that it came in.
_Entry = tuple[Report, Reporter, str | None]


@dataclass(eq=False, slots=True)
class _Waiting:
    reports: Sequence[Report]
    reporter: Reporter
    answers: asyncio.Future[list[Answer]]
    traceparent: str | None


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

    def __post_init__(self) -> None:
        self._deciders = [action for action, rule in self.policy.items() if rule.decides]

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
        self._queue.append(_Waiting(reports, reporter, answers, traces.current()))
        self._arrived.set()
        return answers

    async def _work(self) -> None:
        line = Line(self.database_url, lock_timeout=_LOCK_TIMEOUT)
        try:
            while True:
                await self._arrived.wait()
                group = self._take()
                if group:
                    await self._answer(line, group)
        finally:
            await line.close()

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and (not group or size + len(self._queue[0].reports) <= _GROUP):
            group.append(self._queue.popleft())
            size += len(group[-1].reports)
        if not self._queue:
            self._arrived.clear()
        return group

    async def _answer(self, line: Line, group: list[_Waiting]) -> None:
        """Answer a whole group, whatever happens."""
        entries = [(report, w.reporter, w.traceparent) for w in group for report in w.reports]
        answers: list[Answer] = [_UNAVAILABLE] * len(entries)
        for attempt in range(1, _TRIES + 1):
            try:
                answers = await self._sparing(await line.connection(), entries)
                break
            except Exception as error:
                # The line is cut or the server is going down. The commit may have happened: the same again
                # finds it (spec R8) and answers with what is stored.
                if isinstance(error, psycopg.Error | PostgresError):
                    log.warning("accept.database_failed", attempt=attempt, error=type(error).__name__)
                else:
                    log.exception("accept.failed", attempt=attempt)
                with suppress(Exception):
                    await line.close()
                if attempt < _TRIES:
                    await asyncio.sleep(_PAUSE * attempt)
        metrics.GROUP_SIZE.observe(len(entries))
        for code, number in Counter(_code(answer) for answer in answers).items():
            metrics.count(code, number)
        self.waiting -= len(entries)
        if not self.waiting:
            self._idle.set()
        given = iter(answers)
        for w in group:
            own = [next(given) for _ in w.reports]
            if not w.answers.done():  # else the caller has gone away
                w.answers.set_result(own)

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
            if isinstance(error, psycopg.errors.ForeignKeyViolation):  # erased since it was read (spec R20)
                return [_unknown(entries[0][0])]
            log.exception("accept.report_failed")
            return [Refused(Refusal.INTERNAL, "the report could not be stored; it is logged, send it again later")]

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
        keys: list[Key] = [(r.application, r.action, r.performed_at) for r, _, _ in (entries[i] for i in todo)]
        positions: dict[Key, int] = {}
        new: list[NewAction] = []
        planned_last: dict[int, tuple[Facts, str, datetime, tuple[Planned, ...]]] = {}
        applicants: set[int] = set()
        beside: set[Freed] = set()
        pending: list[tuple[int, int]] = []
        for i, key, known in zip(todo, keys, await accepting.known(connection, keys, self._deciders), strict=True):
            report, reporter, traceparent = entries[i]
            judged = _judged(report, reporter, known)
            if not isinstance(judged, Known):
                answers[i] = judged
                continue
            position = positions.get(key)
            if position is None:
                before = planned_last.get(report.application)
                facts = after(*before, self.policy) if before else _facts(judged)
                notices = plan(report.action, report.performed_at, now, facts, self.policy)
                planned_last[report.application] = facts, report.action, report.performed_at, notices
                position = positions[key] = len(new)
                new.append(NewAction(*key, reporter.oauth_application, notices, traceparent))
                applicants.add(judged.applicant_id)
                beside.update(_beside_waiting(report, judged, notices, now))
            pending.append((i, position))
        if not new:
            return []
        ids = await accepting.store(connection, new, now, applicants)
        metrics.stored((a.action, n) for a, id in zip(new, ids, strict=True) if id is not None for n in a.notices)
        if beside:
            for slot in await free(connection, list(beside)):
                await hand_on(connection, slot)
        again = []
        for i, position in pending:
            id = ids[position]
            if id is None:
                again.append(i)
            else:
                answers[i] = Created(id)
        return again


def _code(answer: Answer) -> str:
    return answer.refusal.name if isinstance(answer, Refused) else "ACCEPTED"


def _judged(report: Report, reporter: Reporter, known: Known | None) -> Answer | Known:
    """The answer that needs no storing, or what is known of the application: it is new and welcome."""
    if known is None or known.organization != reporter.organization:
        return _unknown(report)
    if known.action_id is not None:
        return Created(known.action_id)
    return too_early(report, known.submitted_at) or known


def _unknown(report: Report) -> Refused:
    return Refused(
        Refusal.UNKNOWN_APPLICATION,
        f"jobApplicationId is {report.application}; want one that this customer received from this board",
    )


def _beside_waiting(report: Report, known: Known, notices: Iterable[Planned], now: datetime) -> Iterator[Freed]:
    """What is withheld because the same waits already: that may have been taken back before this was stored (spec R10).

    What has been told cannot.
    """
    spoken = zip(known.spoken_actions or (), known.spoken_places or (), known.spoken_waiting or (), strict=True)
    waiting = {place for action, place, waits in spoken if waits and action == report.action}
    for notice in notices:
        if notice.reason is Reason.ALREADY_TOLD and notice.place in waiting:
            yield Freed(report.application, report.action, notice.place, now)


def _facts(known: Known) -> Facts:
    spoken_for = frozenset(zip(known.spoken_actions or (), known.spoken_places or (), strict=True))
    return Facts(known.consent, known.holds or {}, spoken_for, known.decided_at)
