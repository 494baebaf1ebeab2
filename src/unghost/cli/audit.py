"""`unghost audit`: proves that no notice is stuck, early, double or lost, or says which is (spec R41)."""

from __future__ import annotations

import json as json_module
from typing import Annotated

from cyclopts import Parameter

from unghost.cli import reading
from unghost.cli.frame import HERE, Where, board, out, run


def audit(
    *,
    late: Annotated[str, Parameter(help="How long a notice may be due before it is a finding, such as 15m.")] = "15m",
    json: Annotated[bool, Parameter(help="Print JSON.", negative="")] = False,
    where: Where = HERE,
) -> int:
    """Look for notices that are stuck, early, double or lost: a sentence for each finding. Exit code 1 if there is one.

    It changes nothing. Put it into a timer and alert on its exit code.
    """
    allowed = reading.duration("--late", late)

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard import audit as auditing

        settings = where.settings()
        async with board(where) as connection:
            found = await auditing.audit(connection, settings, SystemClock().now(), allowed)
        if json:
            print(json_module.dumps(auditing.as_data(found), indent=2))
        else:
            for line in auditing.lines(found):
                out().print(line, soft_wrap=True)
        return int(bool(found.findings))

    return run(work())
