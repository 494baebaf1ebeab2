"""`unghost job`: jobs of customers."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from unghost.cli import reading
from unghost.cli.frame import HERE, Where, Wrong, board, out, run

job = App(name="job", help="Jobs of customers.")


@job.command
def add(
    organization: Annotated[str, Parameter(help="urn:li:organization:12345, or 12345 alone.")],
    title: str,
    *,
    external_id: Annotated[str, Parameter(help="The job's name in the customer's own system.")],
    location: str = "",
    description: str = "",
    where: Where = HERE,
) -> int:
    """Add a job, open from now on; one with the same external id is changed."""
    number, title = reading.organization(organization), reading.text("title", title)
    external_id = reading.text("--external-id", external_id)
    if "\0" in location + description:
        raise Wrong("--location and --description may hold no NUL character: leave it out")

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import board as store

        async with board(where) as connection:
            try:
                await store.put_job(
                    connection,
                    organization=number,
                    external_id=external_id,
                    title=title,
                    location=location,
                    description=description,
                    listed_at=None,
                    closed=False,
                    now=SystemClock().now(),
                )
            except store.UnknownCustomer:
                raise Wrong(
                    f"no customer urn:li:organization:{number}: add it by `unghost customer add {number} NAME`"
                ) from None
            stored = await store.job(connection, number, external_id)
        assert stored is not None
        out().print(f"job {stored.id}: {title} ({external_id})")
        return 0

    return run(work())


@job.command(name="list")
def list_(
    organization: Annotated[str | None, Parameter(help="This customer's only.")] = None, *, where: Where = HERE
) -> int:
    """List jobs, newest first."""
    number = None if organization is None else reading.organization(organization)

    async def work() -> int:
        from rich.table import Table

        from unghost.jobboard.store import administering

        async with board(where) as connection:
            found = await administering.jobs(connection, number)
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for column in ("id", "customer", "external id", "title", "location", "applications", "state"):
            table.add_column(column, justify="right" if column in ("id", "applications") else "left")
        for one in found:
            state = f"closed {one.closed_at:%Y-%m-%d}" if one.closed_at else "open"
            customer, count = str(one.organization), str(one.applications)
            table.add_row(str(one.id), customer, one.external_id, one.title, one.location, count, state)
        out().print(table if found else "no jobs yet: add one by `unghost job add`")
        return 0

    return run(work())


@job.command
def close(job_id: int, *, where: Where = HERE) -> int:
    """Close a job to further applications; those there go on being told."""

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import administering

        if not 0 < job_id < 2**63:
            raise Wrong(f"no job {job_id}: `unghost job list` shows all")
        async with board(where) as connection:
            if not await administering.close_job(connection, job_id, SystemClock().now()):
                raise Wrong(f"no job {job_id}: `unghost job list` shows all")
        out().print(f"job {job_id} is closed")
        return 0

    return run(work())
