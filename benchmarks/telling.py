"""Telling: from a report to the mail server and to open pages, and how fast dispatchers work off a backlog."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks import processor, programs
from benchmarks.load import share
from benchmarks.measurements import Length, Numbers, order, peers_board, send
from benchmarks.peers.mail_worker import SMTP_PORT
from benchmarks.peers.straightforward import DATABASE
from benchmarks.population import FIRST_APPLICANT, Ground
from benchmarks.programs import Failed, Program
from benchmarks.reports import FIRST, PER_APPLICANT, Reports
from benchmarks.verify import Acknowledged, verify
from unghost.jobboard.links import For, Links
from unghost.jobboard.rules.policy import VIEWED
from unghost.jobboard.web.sign_in import COOKIE

#: Seconds that the last mails may take after the last report.
_PATIENCE = 180.0


def told(rate: float, ground: Ground, length: Length) -> Numbers:
    """Every report is a view, which makes a mail; every tenth is about an applicant whose page is open."""
    length = _warmer(length)
    with (
        ground.database() as url,
        _sink(ground.folder) as (sink, smtp_port),
        programs.board(url, ground.folder, 1) as (program, port),
        programs.dispatchers(url, ground.folder, 1, smtp_port) as work,
    ):
        reports = _views(ground, length, rate)
        measured, acknowledged = _sent(ground, length, program, work, port, rate, reports, _cookies(reports.watched))
        _wait_for_mails(url)
        measured |= verify(url, reports, acknowledged)
        measured |= _mailed(acknowledged, _mails(sink, ground.folder), length)
    return measured | _shown(reports, acknowledged, ground.folder / "pages", length)


def peer_told(rate: float, ground: Ground, length: Length) -> Numbers:
    """The same by the straightforward service with one worker of its queue; it has no pages."""
    length = _warmer(length)
    with (
        ground.database() as url,
        _sink(ground.folder) as (sink, smtp_port),
        peers_board(url, ground, 1) as (program, port),
        _worker(url, ground.folder, smtp_port) as work,
    ):
        reports = _views(ground, length, rate)
        measured, acknowledged = _sent(ground, length, program, work, port, rate, reports, [])
        _wait_for_mails(url)
        measured |= verify(url, reports, acknowledged)
        return measured | _mailed(acknowledged, _mails(sink, ground.folder), length)


def drained(processes: int, ground: Ground, length: Length) -> Numbers:
    """A backlog of mails, all due, worked off by so many dispatchers."""
    with ground.database() as url:
        _backlog(url, ground.child, length.mails)
        with (
            _sink(ground.folder, length.mails) as (sink, smtp_port),
            programs.dispatchers(url, ground.folder, processes, smtp_port) as work,
        ):
            sink.ended(_PATIENCE)
            # It began with all at once, so what it used until now was used for these mails, starting up included.
            groups = {"dispatcher": [work.pid], "postgres": [ground.postgres]}
            used = processor.moment(groups).groups["dispatcher"]
            _wait_for_mails(url)
        mails = _mails(sink, ground.folder)
    first, last = mails[0][1], mails[-1][1]
    return {
        "mails/s": (len(mails) - 1) / (last - first),
        "dispatcher µs": 1e6 * used / len(mails),
        "lost": length.mails - len({number for number, _ in mails}),
        "duplicated": len(mails) - len({number for number, _ in mails}),
    }


def _warmer(length: Length) -> Length:
    """Dispatchers read their templates and locales with the first mail."""
    return replace(length, warm_up=3 * length.warm_up)


def _views(ground: Ground, length: Length, rate: float) -> Reports:
    count = rate * (length.seconds + length.warm_up)
    return Reports(ground.applications, ground.since(), watched=1 + int(count / 10 / PER_APPLICANT))


def _cookies(watched: int) -> list[str]:
    links, until = Links(programs.SECRET_KEY), datetime.now(UTC) + timedelta(days=1)
    return [f"{COOKIE}={links.make(For.APPLICANT_SESSION, FIRST_APPLICANT + n, until)}" for n in range(watched)]


def _sent(
    ground: Ground,
    length: Length,
    program: Program,
    work: Program,
    port: int,
    rate: float,
    reports: Reports,
    cookies: list[str],
) -> tuple[Numbers, Acknowledged]:
    groups = {"board": [program.pid], "dispatcher": [work.pid], "postgres": [ground.postgres]}
    given = {"connections": 64, "rate": rate, "reports": reports, "cookies": cookies, "groups": groups}
    return send(order(ground, length, program, port, **given))


@contextmanager
def _worker(url: str, folder: Path, smtp_port: int) -> Iterator[Program]:
    given = {DATABASE: url, SMTP_PORT: str(smtp_port)}
    with programs.running(folder / "worker.log", "-m", "benchmarks.peers.mail_worker", settings=given) as program:
        program.said("(worker started)")
        yield program


@contextmanager
def _sink(folder: Path, expect: int = 0) -> Iterator[tuple[Program, int]]:
    """A mail server and its port. It ends by itself after `expect` mails, if that is not 0."""
    (folder / "mails").unlink(missing_ok=True)
    arguments = ("--file", str(folder / "mails"), "--expect", str(expect))
    with programs.running(folder / "sink.log", "-m", "benchmarks.smtp_sink", *arguments) as program:
        yield program, int(program.said(r"^(\d+)\n"))


def _mails(sink: Program, folder: Path) -> list[tuple[int, float]]:
    """End the mail server; the action's number and the moment of acceptance of each mail, in order."""
    sink.stop()
    return [(number, at) for number, at in json.loads((folder / "mails").read_text(encoding="ascii"))]


def _wait_for_mails(url: str) -> None:
    """Until no mail that is due waits."""
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        waiting = "SELECT count(*) FROM jobboard.notice WHERE state = 'waiting' AND due_at <= %s"
        while (row := connection.execute(waiting, (datetime.now(UTC),)).fetchone()) and row[0]:
            if time.monotonic() > deadline:
                raise Failed(f"{row[0]} mails were not sent in {_PATIENCE} s")
            time.sleep(0.2)


def _mailed(acknowledged: Acknowledged, mails: list[tuple[int, float]], length: Length) -> Numbers:
    """How long mails took, of the reports meant to go after the warm-up."""
    arrived: dict[int, float] = {}
    for number, at in mails:
        arrived.setdefault(number, at)
    counted = acknowledged.sent[0] + length.warm_up
    took = sorted(
        arrived[id] - sent
        for id, sent in zip(acknowledged.id, acknowledged.sent, strict=True)
        if sent >= counted and id in arrived
    )
    return {
        "mail p50 ms": 1000 * share(took, 0.5),
        "mail p99 ms": 1000 * share(took, 0.99),
        "mail worst ms": 1000 * took[-1],
        "mails lost": sum(id not in arrived for id in acknowledged.id),
        "mails duplicated": sum(count - 1 for count in Counter(number for number, _ in mails).values()),
    }


def _shown(reports: Reports, acknowledged: Acknowledged, file: Path, length: Length) -> Numbers:
    """How long it took until the page had its event, and until it had been read anew."""
    pages = json.loads(file.read_text(encoding="ascii"))
    counted = acknowledged.sent[0] + length.warm_up
    events, looks, unseen = [], [], 0
    for number, sent in zip(acknowledged.number, acknowledged.sent, strict=True):
        applicant = reports.applicant(number)
        if applicant is None or sent < counted:
            continue
        page = pages[applicant]
        nth = bisect_left(page["events"], sent)
        if nth == len(page["events"]):
            unseen += 1
            continue
        event = page["events"][nth]
        events.append(event - sent)
        # The first look that began with the event or after it; a look under way then may have come too early.
        looks.append(next((read for asked, read in page["looks"] if asked >= event), event + _PATIENCE) - sent)
    events.sort()
    looks.sort()
    return {
        "event p50 ms": 1000 * share(events, 0.5),
        "event p99 ms": 1000 * share(events, 0.99),
        "page p50 ms": 1000 * share(looks, 0.5),
        "page p99 ms": 1000 * share(looks, 0.99),
        "pages": len(pages),
        "unseen": unseen,
    }


def _backlog(url: str, child: int, mails: int) -> None:
    """Views that were accepted while no dispatcher ran."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    given = {"action": VIEWED, "at": at, "child": child, "first": FIRST, "mails": mails}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """WITH stored AS (
                   INSERT INTO jobboard.action (application_number, action, performed_at, received_at, reported_by)
                   SELECT %(first)s + n, %(action)s, %(at)s, %(at)s, %(child)s FROM generate_series(0, %(mails)s - 1) n
                   RETURNING id, application_number)
               INSERT INTO jobboard.notice
                   (action_id, place, application_number, action, state, due_at, told_at, attempt_at)
               SELECT id, place, application_number, %(action)s, CASE place WHEN 'EMAIL' THEN 'waiting' ELSE 'told' END,
                      %(at)s, CASE place WHEN 'EMAIL' THEN NULL ELSE %(at)s END,
                      CASE place WHEN 'EMAIL' THEN %(at)s END
               FROM stored, unnest(ARRAY['EMAIL', 'JOB_POSTING', 'MY_JOBS']) place""",
            given,
        )
        connection.execute("VACUUM (ANALYZE)")
