"""The usual hand-written loop of an ATS: LinkedIn's own Python client, one call for each act, in a pool of threads.

It keeps nothing: what is under way when it is killed is lost, a 429 is an exception. One process, as the dispatcher.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from benchmarks import programs
from benchmarks.population import ORGANIZATION, Ground
from benchmarks.reports import FIRST

_THREADS = 32


def rate(ground: Ground, count: int) -> float:
    """Reports a second to a board of one process."""
    with ground.database() as url, programs.board(url, ground.folder, 1) as (_, port):
        given = json.dumps({"port": port, "token": ground.token, "count": count})
        command = [sys.executable, "-m", "benchmarks.peers.linkedin_client", given]
        done = subprocess.run(command, capture_output=True, text=True, cwd=programs.ROOT)
        if done.returncode:
            raise programs.Failed(f"LinkedIn's client failed: …{done.stderr[-1000:]}")
        return float(done.stdout)


def main(port: int, token: str, count: int) -> float:
    import linkedin_api.common.constants as linkedin
    from linkedin_api.clients.restli.client import RestliClient

    linkedin.NON_VERSIONED_BASE_URL = f"http://127.0.0.1:{port}/v2"
    client: Any = RestliClient()
    at = int((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000)

    def report(nth: int) -> None:
        entity = {
            "jobApplicationId": f"urn:li:jobApplication:{FIRST + nth}",
            "action": "APPLICATION_VIEWED",
            "performedAt": at,
            "integrationContext": f"urn:li:organization:{ORGANIZATION}",
        }
        answer = client.create(resource_path="/jobApplicationLifecycleActions", entity=entity, access_token=token)
        assert answer.status_code == 201

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(report, range(50)))
        began = perf_counter()
        list(threads.map(report, range(50, count)))
        return (count - 50) / (perf_counter() - began)


if __name__ == "__main__":
    print(main(**json.loads(sys.argv[1])))
