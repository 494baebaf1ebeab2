"""`unghost work`: dispatchers, which tell applicants what is due."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from unghost.cli.frame import HERE, Where, Wrong, count, until_stopped, up_to_date


def work(
    *,
    processes: Annotated[int, Parameter(help="How many dispatchers work side by side.")] = 1,
    metrics_port: Annotated[int | None, Parameter(help="Answer /metrics for Prometheus on this port.")] = None,
    metrics_host: Annotated[str, Parameter(help="The address to answer /metrics on.")] = "127.0.0.1",
    where: Where = HERE,
) -> int:
    """Run dispatchers until SIGINT or SIGTERM; what is being sent is finished first.

    Any number of them may run on any number of machines against one database.
    """
    from unghost.jobboard.metrics import expose
    from unghost.sandbox.deployment import deployed, measured
    from unghost.sandbox.processes import Part, inherited_environment

    count("--processes", processes)
    given = where.settings()
    with deployed(given) as settings, measured(settings) as (counted, metrics):
        up_to_date(settings, own=given.database_url is None)
        environment = inherited_environment() | settings.environment() | metrics
        if metrics_port is not None:
            try:
                expose(metrics_host, metrics_port, counted)
            except (OSError, OverflowError) as error:
                raise Wrong(f"cannot listen on {metrics_host}:{metrics_port} ({error}): give another port") from None
        parts = [
            Part(
                name=f"dispatcher-{number}",
                module="unghost.sandbox.child",
                arguments=("dispatcher", "--lifeline", "{lifeline}"),
                environment=environment,
            )
            for number in range(1, processes + 1)
        ]
        mails = "" if settings.smtp_url else "; mails wait until UNGHOST_SMTP_URL names a mail server"
        asyncio.run(until_stopped(parts, f"unghost tells what is due, {processes} dispatcher(s){mails}"))
    return 0
