"""`unghost sandbox`: the demo with a clock to wind, a journal and faults (spec R37)."""

from __future__ import annotations

import asyncio
import json as json_module
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unghost.cli.demo import demo_settings, example
from unghost.cli.frame import Wrong, out, tls_files

if TYPE_CHECKING:
    from unghost.jobboard.settings import Settings
    from unghost.sandbox.app import Demo, Wishes


def sandbox(
    *,
    json: Annotated[bool, Parameter(help="Print one line of JSON once everything is ready.", negative="")] = False,
    port: Annotated[
        int | None, Parameter(help="The board's port; 0: any free one. Unset: 8400, or any free one if it is taken.")
    ] = None,
    control_port: Annotated[
        int | None, Parameter(help="The control server's; 0: any. Unset: 8401, or any free one if it is taken.")
    ] = None,
    ats: Annotated[
        bool, Parameter(help="Run the example ATS as the partner, whose clicks are reported.", negative="")
    ] = False,
    empty: Annotated[
        bool,
        Parameter(
            help="Begin without the story's jobs and applicants: the customers and the partner alone.", negative=""
        ),
    ] = False,
    data_dir: Annotated[
        Path | None,
        Parameter(
            help="Keep everything there and go on from it next time. Unset: a temporary one, removed at the end."
        ),
    ] = None,
    smtp: Annotated[
        str | None, Parameter(help="Send mails to this server (smtp://host:25) instead of the sandbox's inbox.")
    ] = None,
    database_url: Annotated[str | None, Parameter(help="Use this PostgreSQL instead of an embedded one.")] = None,
    tls_cert: Annotated[Path | None, Parameter(help="Serve https with this certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, Parameter(help="The certificate's key (PEM).")] = None,
    lifeline: Annotated[
        bool, Parameter(help="End when standard input ends, that is: with the program that holds it.", negative="")
    ] = False,
) -> int:
    """Run the board as `demo` does, with a clock to wind, a journal of requests, and faults on command.

    It needs no Docker and no network, listens on 127.0.0.1 only, and stops at Ctrl-C. Everything is driven on the
    control page, or by the same address as an API: `curl 127.0.0.1:8401/clock/advance -d '{"by": "72h"}'`.
    """
    from unghost.sandbox.app import Wishes
    from unghost.sandbox.processes import hold_lifeline

    if lifeline:
        hold_lifeline(sys.stdin.fileno())
    tls_files(tls_cert, tls_key)
    wishes = Wishes(
        port=port,
        ats=ats,
        empty=empty,
        control=True,
        control_port=control_port,
        folder=data_dir and data_dir.expanduser().absolute(),
        tls_cert=tls_cert,
        tls_key=tls_key,
    )
    return asyncio.run(_run(demo_settings(database_url, smtp), wishes, json))


async def _run(settings: Settings, wishes: Wishes, as_json: bool) -> int:
    from unghost.clock import SystemClock
    from unghost.sandbox.app import DemoFailed, run

    def say(line: str) -> None:
        print(f"unghost sandbox: {line}", file=sys.stderr, flush=True)

    def announce(demo: Demo) -> None:
        if as_json:
            print(json_module.dumps(asdict(demo)), flush=True)
        else:
            _page(demo)

    try:
        if not as_json:
            out().print("Starting a database, the board, a dispatcher, an inbox and the control server …", style="dim")
        await run(settings, wishes, SystemClock(), announce, say)
    except DemoFailed as error:
        raise Wrong(str(error)) from None
    if not as_json:
        kept = f"It is kept in {wishes.folder}." if wishes.folder else "Nothing is left of it."
        out().print(f"\nThe sandbox has ended. {kept}", style="dim")
    return 0


def _page(demo: Demo) -> None:
    """The page that a person reads in the terminal."""
    from rich.rule import Rule
    from rich.text import Text

    console = out()
    console.print()
    console.print(Rule(Text("unghost sandbox is running", style="bold"), style="dim"))
    console.print()
    for place, address in (
        ("Control page", f"{demo.control_url}  (clock, journal, faults, reset)"),
        *([("ATS", demo.ats_url)] if demo.ats_url else []),
        ("Inbox", demo.inbox_url or "mails go to your own server"),
        *([("Applicant's pages", demo.applicant_login_url)] if demo.applicant_login_url else []),
        ("Customer's consent", demo.admin_login_url),
        ("Operator's pages", demo.operator_login_url),
        ("API", f"{demo.base_url}/docs"),
    ):
        # Addresses are never broken by a line end: they are clicked and copied.
        console.print(Text(f"  {place:<21}", "bold"), address, sep="", soft_wrap=True)
    console.print()
    if demo.applications:
        _rejection(demo)
    else:
        console.print("  Nobody is in it. Put jobs, applicants and applications there by the board API:")
        console.print()
        console.print(f"  curl {demo.control_url}story", style="cyan", highlight=False, soft_wrap=True)
    console.print()
    console.print(Rule(Text("Ctrl-C stops it", style="dim"), style="dim"))


def _rejection(demo: Demo) -> None:
    from rich.text import Text

    console = out()
    console.print(Text("  ").append("Report a rejection", "bold"), "and let 72 hours pass:")
    console.print()
    insecure = " --insecure" if demo.base_url.startswith("https") else ""
    lines = [line.replace("APPLICATION_VIEWED", "APPLICATION_REJECTED") for line in example(demo, insecure)]
    for line in [*lines, f'curl {demo.control_url}clock/advance -d \'{{"by": "72h"}}\'']:
        console.print(line, style="cyan", highlight=False, soft_wrap=True)
