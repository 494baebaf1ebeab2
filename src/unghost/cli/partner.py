"""`unghost partner`: ATS vendors, and the child applications by which they report for customers (spec R11, R25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from unghost.cli import reading
from unghost.cli.frame import HERE, Where, Wrong, board, out, run

if TYPE_CHECKING:
    from unghost.jobboard.client_secrets import ClientSecrets

partner = App(name="partner", help="ATS vendors and their child applications.")


@partner.command
def add(
    name: Annotated[
        str, Parameter(help="The vendor's name. One that is there already gets further child applications.")
    ],
    *,
    customer: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="Make a child application for this organization; may be given several times."),
    ] = (),
    origin: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            help="Where the consent widget may be embedded, e.g. https://ats.example; may be given several times.",
        ),
    ] = (),
    where: Where = HERE,
) -> int:
    """Add a partner, with child applications for customers. Ids and secrets are shown this once."""
    organizations = list(dict.fromkeys(reading.organization(one) for one in customer))
    origins = tuple(dict.fromkeys(reading.origin(one) for one in origin))
    return run(_add(reading.text("name", name), organizations, origins, where))


@partner.command
def rotate(
    client_id: str,
    *,
    overlap: Annotated[str, Parameter(help="How long the former secret goes on working.")] = "24h",
    where: Where = HERE,
) -> int:
    """Give a partner or child application a new secret, shown this once; the former one works on for the overlap."""
    lasting = reading.duration("--overlap", overlap)

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import access

        async with board(where) as connection:
            until = (now := SystemClock().now()) + lasting
            secret = await access.rotate_secret(
                connection, _known(client_id), secrets=_secrets(where), former_until=until, now=now
            )
        if secret is None:
            raise Wrong(f"no application {client_id!r} that is not revoked: `unghost partner list` shows them")
        console = out()
        console.print(f"client_id      {client_id}\nclient_secret  {secret}", soft_wrap=True)
        console.print(f"The former secret works until {until:%Y-%m-%d %H:%M} UTC.")
        return 0

    return run(work())


@partner.command
def revoke(client_id: str, *, where: Where = HERE) -> int:
    """Shut a partner (with all its child applications) or one child application out, its tokens at once."""

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.store import access

        async with board(where) as connection:
            if not await access.revoke_application(connection, _known(client_id), SystemClock().now()):
                raise Wrong(f"no application {client_id!r}: `unghost partner list` shows them")
        out().print(f"{client_id} is revoked: its secret and its tokens work no more")
        return 0

    return run(work())


@partner.command(name="list")
def list_(*, where: Where = HERE) -> int:
    """List partners and their child applications."""

    async def work() -> int:
        from rich.table import Table

        from unghost.jobboard.store import administering

        async with board(where) as connection:
            found = await administering.applications(connection)
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for column in ("client_id", "name", "customer", "widget on", "revoked"):
            table.add_column(column, overflow="fold")
        for one in found:
            customer = "" if one.organization is None else f"urn:li:organization:{one.organization}"
            revoked = f"{one.revoked_at:%Y-%m-%d %H:%M}" if one.revoked_at else ""
            name = one.name if one.partner is None else f"  {one.name}"
            table.add_row(one.client_id, name, customer, " ".join(one.allowed_origins), revoked)
        out().print(table if found else "no partners yet: add one by `unghost partner add`")
        return 0

    return run(work())


async def _add(name: str, organizations: list[int], origins: tuple[str, ...], where: Where) -> int:
    from unghost.clock import SystemClock
    from unghost.jobboard.store import access, administering

    made = []
    async with board(where) as connection:
        now, secrets = SystemClock().now(), _secrets(where)
        parent = await administering.partner_named(connection, name)
        if parent is None:
            parent, client_id, secret = await access.add_application(
                connection, secrets=secrets, name=name, parent_id=None, organization=None, now=now
            )
            made.append((name, client_id, secret))
        elif not organizations:
            raise Wrong(f"there is a partner {name!r} already: give --customer to add a child application")
        for organization in organizations:
            customers = await administering.customers(connection, organization)
            if not customers:
                raise Wrong(f"no customer {organization}: add it by `unghost customer add {organization} NAME`")
            if standing := await administering.child_of(connection, parent, organization):
                raise Wrong(f"{name} has the child application {standing} for {customers[0].name} already")
            child = f"{name} - {customers[0].name}"
            _, client_id, secret = await access.add_application(
                connection,
                secrets=secrets,
                name=child,
                parent_id=parent,
                organization=organization,
                now=now,
                allowed_origins=origins,
            )
            made.append((child, client_id, secret))
    console = out()
    for title, client_id, secret in made:
        console.print(title, style="bold")
        console.print(f"  client_id      {client_id}\n  client_secret  {secret}", soft_wrap=True)
    console.print("Keep the secrets now: only their hash is stored. Reports are sent with a child application's.")
    return 0


def _secrets(where: Where) -> ClientSecrets:
    from unghost.jobboard.client_secrets import ClientSecrets
    from unghost.jobboard.links import secret_key

    settings = where.settings()
    return ClientSecrets(secret_key(settings.secret_key, settings.data_dir))


def _known(client_id: str) -> str:
    if "\0" in client_id or not client_id.isprintable():
        raise Wrong("that is no client id: `unghost partner list` shows them")
    return client_id
