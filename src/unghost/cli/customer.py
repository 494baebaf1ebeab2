"""`unghost customer`: hiring organisations, their consent, holds and admins (spec R13, R15, R24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from unghost.cli import reading
from unghost.cli.frame import HERE, Where, Wrong, board, out, run

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from unghost.jobboard.store.administering import Customer

customer = App(name="customer", help="Hiring organisations, their consent, holds and admins.")

Organization = Annotated[str, Parameter(help="urn:li:organization:12345, or 12345 alone.")]


@customer.command
def add(organization: Organization, name: str, *, where: Where = HERE) -> int:
    """Add a customer. It has no consent until a person ticks the box."""
    number, title = reading.organization(organization), reading.text("name", name)

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import administering

        async with board(where) as connection:
            new = await administering.add_customer(connection, organization=number, name=title, now=SystemClock().now())
        if not new:
            raise Wrong(f"there is a customer urn:li:organization:{number} already: `unghost customer show {number}`")
        out().print(f"added {title}, urn:li:organization:{number}")
        return 0

    return run(work())


@customer.command(name="list")
def list_(*, where: Where = HERE) -> int:
    """List all customers."""

    async def work() -> int:
        from rich.table import Table

        from unghost.jobboard.store import administering

        async with board(where) as connection:
            found = await administering.customers(connection)
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for column in ("organization", "name", "notifications", "jobs", "applications"):
            table.add_column(column, justify="right" if column in ("jobs", "applications") else "left")
        for one in found:
            consent = "on" if one.applicant_notifications else "off"
            table.add_row(str(one.organization), one.name, consent, str(one.jobs), str(one.applications))
        out().print(table if found else "no customers yet: add one by `unghost customer add`")
        return 0

    return run(work())


@customer.command
def show(organization: Organization, *, where: Where = HERE) -> int:
    """Show a customer: consent with its history, holds, admins, child applications."""
    number = reading.organization(organization)

    async def work() -> int:
        from rich.table import Table

        from unghost.jobboard.store import administering, consent

        async with board(where) as connection:
            one = await _the(connection, number)
            children = await administering.applications(connection, number)
            changes = await consent.ledger(connection, number)
        table = Table.grid(padding=(0, 3))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row("customer", f"{one.name}, urn:li:organization:{number}")
        table.add_row("notifications", "on" if one.applicant_notifications else "off")
        table.add_row("own holds", ", ".join(f"{action} {wait} s" for action, wait in one.holds.items()) or "none")
        table.add_row("admins", ", ".join(one.admins) or "none")
        table.add_row("jobs", f"{one.jobs}, with {one.applications} applications")
        for child in children:
            state = "revoked" if child.revoked_at else ", ".join(child.allowed_origins) or "widget nowhere"
            table.add_row("child application", f"{child.name}: {child.client_id} ({state})")
        for change in changes:
            what = "ticked" if change.ticked else "unticked"
            by = f"{what} by {change.changed_by} from {change.changed_from}, wording {change.wording_version}"
            table.add_row(f"{change.changed_at:%Y-%m-%d %H:%M}", by)
        out().print(table)
        return 0

    return run(work())


@customer.command
def hold(organization: Organization, action: str, wait: str, *, where: Where = HERE) -> int:
    """Give a customer its own hold of an action: `72h`, `0s`, or `policy` for the policy's again.

    Notices that wait already keep their hold.
    """
    from unghost.jobboard.rules.policy import DEFAULT

    number = reading.organization(organization)
    if action not in DEFAULT:
        raise Wrong(f"action is {action!r}: the policy knows {', '.join(DEFAULT)}")
    seconds = None if wait == "policy" else int(reading.duration("the hold", wait).total_seconds())

    async def work() -> int:
        from unghost.jobboard.store import administering

        async with board(where) as connection:
            one = await _the(connection, number)
            await administering.set_hold(connection, number, action, seconds)
        kept = "the policy's hold" if seconds is None else f"a hold of {wait}"
        out().print(f"{one.name}: {action} has {kept} from now on")
        return 0

    return run(work())


@customer.command
def consent(
    organization: Organization,
    box: Literal["on", "off"],
    *,
    by: Annotated[str, Parameter(help="Who decided it: it stands in the consent ledger.")],
    where: Where = HERE,
) -> int:
    """Tick or untick a customer's "Applicant notifications" on its behalf; the change is a row of the ledger."""
    number, who = reading.organization(organization), reading.text("--by", by)

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import consent as store

        async with board(where) as connection:
            one = await _the(connection, number)
            changed = await store.set_consent(
                connection,
                organization=number,
                ticked=box == "on",
                changed_by=who,
                changed_from="unghost customer consent",
                wording_version="operator",
                oauth_application_id=None,
                now=SystemClock().now(),
            )
        out().print(f"{one.name}: applicant notifications are {box}{'' if changed else ' as before'}")
        return 0

    return run(work())


@customer.command
def admin(
    organization: Organization,
    email: str,
    *,
    remove: Annotated[bool, Parameter(help="Take the right away again.", negative="")] = False,
    where: Where = HERE,
) -> int:
    """Let a person tick and untick a customer's box; they sign in by a mailed link."""
    number, who = reading.organization(organization), reading.address(email)

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import administering

        async with board(where) as connection:
            one = await _the(connection, number)
            if remove:
                if not await administering.remove_admin(connection, number, who):
                    raise Wrong(f"{one.name} has no admin with this address: `unghost customer show {number}`")
            else:
                await administering.add_admin(connection, number, who, SystemClock().now())
        out().print(f"{one.name}: {who} {'is no admin any more' if remove else 'is an admin'}")
        return 0

    return run(work())


async def _the(connection: AsyncConnection[Any], number: int) -> Customer:
    from unghost.jobboard.store import administering

    found = await administering.customers(connection, number)
    if not found:
        raise Wrong(f"no customer urn:li:organization:{number}: `unghost customer list` shows all")
    return found[0]
