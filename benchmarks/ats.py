"""`python -m benchmarks.ats`: the ATS's end. What `record` costs, how fast a dispatcher reports, what a claim costs.

A board process, a dispatcher and PostgreSQL share the machine, as in the other benchmarks. Beside it in the same run:
the usual hand-written loops, LinkedIn's own Python client in a pool of threads and behind a queue with retries.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time, sleep

import psycopg
from rich.console import Console
from sqlalchemy import Engine

from benchmarks import population, processor, programs
from benchmarks.peers import linkedin_client, queued_client
from benchmarks.population import ORGANIZATION, Ground
from benchmarks.report import Table, show
from benchmarks.reports import FIRST
from unghost import ats
from unghost.ats.activity import milliseconds
from unghost.ats.store import dispatching, turns
from unghost.ats.store.database import open_engine
from unghost.ats.store.dispatching import Release
from unghost.ats.store.recording import statements
from unghost.ats.store.schema import ddl

_RESULTS = Path(__file__).parent / "results"
_MANY, _CUSTOMERS = 1_000_000, 4
_PATIENCE = 300.0


def main() -> int:
    """0: all targets are met. 1: some are not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ats", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that everything works")
    quick = parser.parse_args().quick
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    singles, batches, many = (2_000, 10_000, 50_000) if quick else (15_000, 100_000, _MANY)
    rows: list[tuple[str, ...]] = []

    def say(what: str, got: str, target: str = "", met: bool | None = None) -> None:
        rows.append((what, target, got, {None: "", True: "met", False: "NOT met"}[met]))
        console.print(f"[dim]{what}: {got}[/dim]")

    with population.ground(_RESULTS, max(singles, batches)) as ground:
        own = recording(ground, 500 if quick else 4000)
        say("record, its own time beside the INSERT", f"{own:.3f} ms", "under 0.2 ms", own < 0.2)
        rate, spent = dispatched(ground, "linkedin", singles)
        say("single creates by one dispatcher", f"{rate:,.0f}/s ({spent})", "1,000/s", rate >= 1000)
        peer = linkedin_client.rate(ground, singles // 5)
        say("LinkedIn's Python client, 32 threads, kept in memory", f"{peer:,.0f}/s")
        queued = queued_client.rate(ground, singles // 10)
        say("the same from a queue with retries (procrastinate)", f"{queued:,.0f}/s")
        for customers, target in ((1, None), (_CUSTOMERS, 10_000)):
            rate, spent = dispatched(ground, "unghost", batches, customers)
            what = f"in batches by one dispatcher, {customers} customer{'s' * (customers > 1)}"
            met = None if target is None else rate >= target
            say(what, f"{rate:,.0f}/s ({spent})", f"{target:,}/s" if target else "", met)
        for what, few, full in claims(ground, many):
            more = full / few - 1
            got = f"{few:.2f} ms, with {many:,} waiting {full:.2f} ms: {100 * more:+.0f} %"
            say(what, got, "less than a fifth more", more < 0.2)
    show(console, Table("The ATS's end", ("", "target", "measured", ""), rows))
    return int(any(row[-1] == "NOT met" for row in rows))


@contextmanager
def outbox(
    ground: Ground, applications: int, name: str = "few", *, waiting: bool = True, customers: int = 1
) -> Iterator[str]:
    """A database of an ATS, whose every application has one activity waiting. The board knows one customer: several of
    the ATS's are that one by several names of the board."""
    name = f"unghost_benchmarks_ats_{name}"
    url = _named(ground, name)
    with psycopg.connect(ground.server, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in ddl("postgresql"):
            connection.execute(statement.encode())
        connection.execute(
            """INSERT INTO unghost_customer (id, destination, organization, client_id, client_secret, access_token,
                   token_expires_at)
               SELECT n, 'board-' || n, %s, 'x', 'x', %s, 9000000000000 FROM generate_series(1, %s) n""",
            (ORGANIZATION, ground.token, customers),
        )
        connection.execute(
            """INSERT INTO unghost_application (customer_id, number, ats_id)
               SELECT 1 + n %% %s, %s + n, n::text FROM generate_series(0, %s - 1) n""",
            (customers, FIRST, applications),
        )
        if waiting:
            fill(connection, applications)
        connection.execute("VACUUM (ANALYZE)")
    yield url


def _named(ground: Ground, name: str) -> str:
    before, question, query = ground.server.partition("?")
    return f"{before.rpartition('/')[0]}/{name}{question}{query}"


def fill(connection: psycopg.Connection, applications: int) -> None:
    """One view of each application, done and recorded some time ago."""
    at = milliseconds(datetime.now(UTC)) - 3_600_000
    connection.execute(
        """INSERT INTO unghost_activity (customer_id, application_id, activity, performed_at, recorded_at, attempt_at)
           SELECT customer_id, id, 'viewed', %(at)s, %(at)s, %(at)s FROM unghost_application ORDER BY id LIMIT %(n)s""",
        {"at": at, "n": applications},
    )


def dispatched(ground: Ground, kind: str, count: int, customers: int = 1) -> tuple[float, str]:
    """Activities a second that `unghost ats work`, one process, reports to a board of one process; and what one costs
    of the processor, which does not change with what else the machine does."""
    with (
        ground.database() as board_url,
        outbox(ground, count, customers=customers) as url,
        programs.board(board_url, ground.folder, 1) as (board, port),
    ):
        config = ground.folder / "unghost.toml"
        driver = url.replace("postgresql://", "postgresql+psycopg://")
        way = f'base_url = "http://127.0.0.1:{port}"\ntoken_url = "http://127.0.0.1:{port}/oauth/v2/accessToken"\n'
        boards = [f'[destinations.board-{n}]\nkind = "{kind}"\n{way}' for n in range(1, customers + 1)]
        config.write_text("\n".join([f'[ats]\ndatabase_url = "{driver}"', *boards]), encoding="utf-8")
        log = ground.folder / "ats.log"
        with (
            programs.running(log, "-m", "unghost", "ats", "work", "--config", str(config)) as program,
            psycopg.connect(url, autocommit=True) as connection,
        ):
            program.wait_for(lambda: _sent(connection) > 0, "send anything")
            groups = {"dispatcher": [program.pid], "board": [board.pid], "PostgreSQL": [ground.postgres]}
            before, first = {name: processor.seconds(roots) for name, roots in groups.items()}, _sent(connection)
            deadline = perf_counter() + _PATIENCE
            while _waits(connection):
                if perf_counter() > deadline:
                    raise programs.Failed(f"{_sent(connection)} of {count} were sent")
                sleep(0.2)
            micro = {
                name: 1e6 * (processor.seconds(roots) - before[name]) / (count - first)
                for name, roots in groups.items()
            }
            return _rate(connection), ", ".join(f"{name} {each:.0f} µs" for name, each in micro.items())


def _sent(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM unghost_activity WHERE state = 'sent'").fetchone()
    assert row is not None
    return int(row[0])


def _waits(connection: psycopg.Connection) -> bool:
    """Asked of the index: counting would cost PostgreSQL more than the dispatcher does."""
    query = """SELECT 1 FROM unghost_customer c WHERE
               (SELECT id FROM unghost_activity a WHERE a.customer_id = c.id AND attempt_at < 9000000000000 LIMIT 1) > 0
               LIMIT 1"""
    return connection.execute(query).fetchone() is not None


def _rate(connection: psycopg.Connection) -> float:
    """From the moment the first wave was settled; that wave does not count."""
    row = connection.execute(
        """SELECT count(*) FILTER (WHERE settled_at > f), max(settled_at) - min(f)
           FROM unghost_activity, LATERAL (SELECT min(settled_at) AS f FROM unghost_activity) AS first"""
    ).fetchone()
    assert row is not None
    return 1000 * int(row[0]) / int(row[1])


def recording(ground: Ground, times: int) -> float:
    """Milliseconds of the processor that `record` takes beside the statement it runs: the difference of medians."""
    with outbox(ground, 1000, waiting=False) as url, psycopg.connect(url) as connection:
        now = datetime.now(UTC)
        taken: dict[str, list[float]] = {"record": [], "INSERT": []}
        for nth in range(times):
            id = str(nth % 1000)
            [statement] = statements(ats.viewed(id, at=now), now, "postgresql", lambda _: "%s")

            def plain(sql: str = statement.sql, values: tuple[str | int, ...] = statement.values) -> None:
                with connection.cursor() as cursor:
                    cursor.execute(sql.encode(), values)

            for name, act in (("record", lambda id=id: ats.record(connection, ats.viewed(id))), ("INSERT", plain)):
                began = process_time()
                act()
                taken[name].append(process_time() - began)
            connection.commit()
        return 1000 * (statistics.median(taken["record"]) - statistics.median(taken["INSERT"]))


def claims(ground: Ground, many: int) -> Iterator[tuple[str, float, float]]:
    """(what, milliseconds with nothing more, with so many more waiting) of a claim, and of a claim and its lines.

    The fastest of many, taken in turn: what else the machine does only adds.
    """
    with outbox(ground, 1000) as few, outbox(ground, many, "many") as full:
        ground.checkpoint()
        engines = [open_engine(url.replace("postgresql://", "postgresql+psycopg://")) for url in (few, full)]
        for what, act in (("a claim", _claim), ("a claim and the lines of 1,000 applications", _claim_and_read)):
            taken: list[list[float]] = [[], []]
            for nth in range(400):
                began = perf_counter()
                act(engines[nth % 2])
                taken[nth % 2].append(perf_counter() - began)
            yield what, 1000 * min(taken[0]), 1000 * min(taken[1])
        for engine in engines:
            engine.dispose()


def _claim(engine: Engine) -> None:
    now = milliseconds(datetime.now(UTC))
    [turn] = dispatching.claim(engine, now, now + 60_000, 8)
    dispatching.release(engine, [Release(turn, 0, failed=False, trouble=None)])


def _claim_and_read(engine: Engine) -> None:
    now = milliseconds(datetime.now(UTC))
    [turn] = dispatching.claim(engine, now, now + 60_000, 8)
    assert len(turns.read(engine, turn, now, 1000)) == 1000
    dispatching.release(engine, [Release(turn, 0, failed=False, trouble=None)])


if __name__ == "__main__":
    sys.exit(main())
