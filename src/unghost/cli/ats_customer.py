"""`unghost ats customer`: for whom the ATS reports, and with which client (spec R31)."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from unghost.cli import reading
from unghost.cli.ats import HERE, Config
from unghost.cli.frame import Wrong, out

customer = App(name="customer", help="Customers: whom is reported for, and where.")


@customer.command
def add(
    destination: Annotated[str, Parameter(help="The name of a [destinations.…] in the settings.")],
    organization: Annotated[str, Parameter(help="urn:li:organization:12345, or 12345 alone.")],
    *,
    client_id: Annotated[str, Parameter(help="The client id of the customer's own child application.")],
    client_secret: Annotated[str, Parameter(help="Its secret; better env:NAME or file:PATH, which hold it.")],
    config: Config = HERE,
) -> int:
    """Add a customer, or give one that is there another client id and secret."""
    from unghost.ats.activity import milliseconds
    from unghost.ats.settings import secret
    from unghost.ats.store import administering
    from unghost.clock import SystemClock

    number = reading.organization(organization)
    id, word = reading.text("--client-id", client_id), reading.text("--client-secret", client_secret)
    if max(len(id), len(word)) > 190:
        raise Wrong("--client-id and --client-secret may have 190 characters: put a longer secret into file:PATH")
    there = config.settings().destinations
    if destination not in there:
        raise Wrong(f"{destination} is no destination: the settings have {', '.join(there) or 'none'}")
    secret(word)  # one that cannot be read is said now
    with config.database() as engine:
        now = milliseconds(SystemClock().now())
        new = administering.add_customer(engine, destination, number, id, word, now)
    what = "added" if new else "given this client"
    out().print(f"{what}: urn:li:organization:{number} at {destination}")
    return 0


@customer.command(name="list")
def list_(*, config: Config = HERE) -> int:
    """List all customers."""
    from rich.table import Table

    from unghost.ats.store import administering

    with config.database() as engine:
        found = administering.customers(engine)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in ("destination", "organization", "client id", "applications"):
        table.add_column(column, justify="right" if column == "applications" else "left")
    for one in found:
        table.add_row(one.destination, str(one.organization), one.client_id, str(one.applications))
    out().print(table if found else "no customers yet: add one by `unghost ats customer add`")
    return 0
