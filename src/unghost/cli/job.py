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
            state = f"off-site {one.off_site_since:%Y-%m-%d}" if one.off_site_since else "open"
            state = f"closed {one.closed_at:%Y-%m-%d}" if one.closed_at else state
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

        async with board(where) as connection:
            if not await administering.close_job(connection, _known(job_id), SystemClock().now()):
                raise _none(job_id)
        out().print(f"job {job_id} is closed")
        return 0

    return run(work())


@job.command
def show(job_id: int, *, where: Where = HERE) -> int:
    """Show where a job's applications are delivered to, and how that stands."""

    async def work() -> int:
        from unghost.jobboard.store import webhooks

        async with board(where) as connection:
            found = await webhooks.of_job(connection, _known(job_id))
        if found is None:
            raise _none(job_id)
        said = {"job": f"{found.id}: {found.title} ({found.external_id})"}
        said["applications"] = "are taken here"
        if found.off_site_since:
            elsewhere = found.company_apply_url or "nowhere: the job has no companyApplyUrl"
            said["applications"] = f"off-site since {found.off_site_since:%Y-%m-%d %H:%M} UTC, at {elsewhere}"
        elif found.state == "blocked":
            said["applications"] = "are taken elsewhere while the webhook is blocked"
        if found.url is None:
            said["webhook"] = "none: applications are delivered nowhere"
        else:
            said["webhook"] = f"{found.url} of {found.client_id}"
            said["challenge"] = f"{found.state}" + (f": {found.detail}" if found.detail else "")
            if found.challenge_at:
                said["next challenge"] = f"{found.challenge_at:%Y-%m-%d %H:%M} UTC"
            said["deliveries"] = f"{found.delivered} delivered, {found.waiting} waiting, {found.failed} failed"
            if found.last_detail:
                said["last met"] = found.last_detail
        for name, value in said.items():
            out().print(f"{name:<15} {value}", soft_wrap=True)
        return 0

    return run(work())


@job.command(name="on-site")
def on_site(job_id: int, *, where: Where = HERE) -> int:
    """Let a job take applications here again, and deliver those anew that could not be delivered."""

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import webhooks

        async with board(where) as connection:
            anew = await webhooks.turn_on_site(connection, _known(job_id), SystemClock().now())
        if anew is None:
            raise _none(job_id)
        out().print(f"job {job_id} is on-site; {anew} application(s) are delivered anew")
        return 0

    return run(work())


@job.command
def revalidate(job_id: int, *, where: Where = HERE) -> int:
    """Challenge a job's webhook now, also one that is blocked; `unghost job show` tells how it went."""

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import webhooks

        async with board(where) as connection:
            if not await webhooks.revalidate(connection, _known(job_id), SystemClock().now()):
                raise Wrong(f"job {job_id} has no webhook, or there is no such job: `unghost job list` shows all")
        out().print(f"the webhook of job {job_id} is challenged by the next dispatcher")
        return 0

    return run(work())


def _known(job_id: int) -> int:
    if not 0 < job_id < 2**63:
        raise _none(job_id)
    return job_id


def _none(job_id: int) -> Wrong:
    return Wrong(f"no job {job_id}: `unghost job list` shows all")
