"""The hand-written loop that loses nothing: a queue in the ATS's own database, one job with retries for each act.

procrastinate keeps a job from the ATS's transaction on until LinkedIn's Python client was answered 201. One process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector

from benchmarks import programs
from benchmarks.population import ORGANIZATION, Ground
from benchmarks.reports import FIRST

_CONCURRENCY = 32
_NAME = "unghost_benchmarks_queue"


def rate(ground: Ground, count: int) -> float:
    """Reports a second to a board of one process, from jobs that are all there at the beginning."""
    before, question, query = ground.server.partition("?")
    url = f"{before.rpartition('/')[0]}/{_NAME}{question}{query}"
    with psycopg.connect(ground.server, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {_NAME}")
    with App(connector=SyncPsycopgConnector(conninfo=url)).open() as queue:
        queue.schema_manager.apply_schema()
    with ground.database() as board, programs.board(board, ground.folder, 1) as (_, port):
        given = json.dumps({"url": url, "port": port, "token": ground.token, "count": count})
        command = [sys.executable, "-m", "benchmarks.peers.queued_client", given]
        done = subprocess.run(command, capture_output=True, text=True, cwd=programs.ROOT)
        if done.returncode:
            raise programs.Failed(f"the queue failed: …{done.stderr[-1000:]}")
        with psycopg.connect(board) as connection:
            row = connection.execute("SELECT count(*) FROM jobboard.action WHERE action = 'APPLICATION_VIEWED'")
            assert row.fetchone() == (count,), "a job was lost"
        return float(done.stdout)


def main(url: str, port: int, token: str, count: int) -> float:
    import linkedin_api.common.constants as linkedin
    from linkedin_api.clients.restli.client import RestliClient

    linkedin.NON_VERSIONED_BASE_URL = f"http://127.0.0.1:{port}/v2"
    client: Any = RestliClient()
    at = int((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000)
    queue = App(connector=PsycopgConnector(conninfo=url, max_size=_CONCURRENCY))

    @queue.task(name="report", retry=RetryStrategy(max_attempts=10, exponential_wait=2))
    def report(number: int) -> None:
        entity = {
            "jobApplicationId": f"urn:li:jobApplication:{number}",
            "action": "APPLICATION_VIEWED",
            "performedAt": at,
            "integrationContext": f"urn:li:organization:{ORGANIZATION}",
        }
        answer = client.create(resource_path="/jobApplicationLifecycleActions", entity=entity, access_token=token)
        if answer.status_code != 201:
            raise RuntimeError(f"answered {answer.status_code}")

    with queue.open():
        jobs: list[Any] = [{"number": FIRST + nth} for nth in range(count)]
        report.batch_defer(*jobs)
        began = perf_counter()
        queue.run_worker(wait=False, concurrency=_CONCURRENCY, delete_jobs="successful")
        return count / (perf_counter() - began)


if __name__ == "__main__":
    print(main(**json.loads(sys.argv[1])))
