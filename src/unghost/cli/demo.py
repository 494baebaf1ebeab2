"""`unghost demo`: both ends on this machine, with a story to play with (spec R36, as far as the job board's end)."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unghost.cli.frame import Where, Wrong, out, tls_files

if TYPE_CHECKING:
    from unghost.jobboard.settings import Settings
    from unghost.sandbox.app import Demo, Wishes


def demo(
    *,
    json: Annotated[bool, Parameter(help="Print one line of JSON once everything is ready.", negative="")] = False,
    port: Annotated[
        int | None, Parameter(help="The board's port; 0: any free one. Unset: 8400, or any free one if it is taken.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        Parameter(
            help="Keep everything there and go on from it next time. Unset: a temporary one, removed at the end."
        ),
    ] = None,
    smtp: Annotated[
        str | None, Parameter(help="Send mails to this server (smtp://host:25) instead of the demo's inbox.")
    ] = None,
    database_url: Annotated[str | None, Parameter(help="Use this PostgreSQL instead of an embedded one.")] = None,
    tls_cert: Annotated[Path | None, Parameter(help="Serve https with this certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, Parameter(help="The certificate's key (PEM).")] = None,
) -> int:
    """Run everything on this machine: board, dispatcher, inbox, a pretend ATS, and a story to play with.

    It needs no Docker and no network, listens on 127.0.0.1 only, and stops at Ctrl-C. UNGHOST_DATABASE_URL and
    UNGHOST_SMTP_URL are left alone: they are a real board's. The policy's settings count:
    `UNGHOST_POLICY_HOLDS=APPLICATION_REJECTED=30s unghost demo` shows a rejection's mail after half a minute.
    """
    from unghost.sandbox.app import Wishes

    tls_files(tls_cert, tls_key)
    settings = demo_settings(database_url, smtp)
    wishes = Wishes(port=port, folder=data_dir and data_dir.expanduser().absolute(), tls_cert=tls_cert, tls_key=tls_key)
    return asyncio.run(_run(settings, wishes, json))


def demo_settings(database_url: str | None, smtp: str | None) -> Settings:
    """The environment's settings, but only the database and mail server that were asked for on the command line.

    Those that are set in the environment are a real board's: the story goes only where it is told to.
    """
    settings = Where(database_url=database_url, smtp_url=smtp).settings()
    settings = replace(
        settings,
        database_url=settings.database_url if database_url else None,
        smtp_url=settings.smtp_url if smtp else None,
    )
    if settings.mail_from == "jobs@localhost":
        settings = replace(settings, mail_from=f"{settings.board_name} <jobs@unghost.example>")
    return settings


async def _run(settings: Settings, wishes: Wishes, as_json: bool) -> int:
    from unghost.clock import SystemClock
    from unghost.sandbox.app import DemoFailed, run

    def say(line: str) -> None:
        print(f"unghost demo: {line}", file=sys.stderr, flush=True)

    def announce(demo: Demo) -> None:
        if as_json:
            print(json.dumps(_line(demo)), flush=True)
        else:
            _page(demo, settings)

    try:
        if not as_json:
            out().print("Starting a database, the board, a dispatcher and an inbox …", style="dim")
        await run(settings, wishes, SystemClock(), announce, say)
    except DemoFailed as error:
        raise Wrong(str(error)) from None
    if not as_json:
        kept = f"It is kept in {wishes.folder}." if wishes.folder else "Nothing is left of it."
        out().print(f"\nThe demo has ended. {kept}", style="dim")
    return 0


def _line(demo: Demo) -> dict[str, object]:
    return {
        "base_url": demo.base_url,
        "inbox_url": demo.inbox_url,
        "host_url": demo.host_url,
        "ats_url": demo.ats_url,
        "client_id": demo.client_id,
        "client_secret": demo.client_secret,
        "organization": demo.organization,
        "applications": demo.applications,
        "applicant_login_url": demo.applicant_login_url,
        "other_applicant_login_url": demo.other_applicant_login_url,
        "admin_login_url": demo.admin_login_url,
        "operator_login_url": demo.operator_login_url,
        "data_dir": demo.data_dir,
    }


def _page(demo: Demo, settings: Settings) -> None:
    """The page that a person reads in the terminal."""
    from rich.rule import Rule
    from rich.text import Text

    from unghost.sandbox.seed import EXAMPLE_ADMIN

    console = out()
    console.print()
    console.print(Rule(Text("unghost demo is running", style="bold"), style="dim"))
    console.print()
    for place, address in (
        ("Inbox", demo.inbox_url or "mails go to your own server"),
        ("Applicant's pages", demo.applicant_login_url or "she was erased"),
        ("…and in German", demo.other_applicant_login_url or "he was erased"),
        ("Customer's consent", demo.admin_login_url),
        ("Operator's pages", demo.operator_login_url),
        *([("The ATS", f"{demo.ats_url}  (be the recruiter: open, read, reject)")] if demo.ats_url else []),
        ("Its settings", f"{demo.host_url}  (embeds the consent widget; sign in as {EXAMPLE_ADMIN})"),
        ("API", f"{demo.base_url}/docs"),
    ):
        # Addresses are never broken by a line end: they are clicked and copied.
        console.print(Text(f"  {place:<21}", "bold"), address, sep="", soft_wrap=True)
    console.print()
    if demo.applications:
        _story(demo, settings)
    else:
        console.print("  Mira Okafor was erased, and her story with her: an empty --data-dir has it again.")
    console.print()
    console.print(Rule(Text("Ctrl-C stops it", style="dim"), style="dim"))


def _story(demo: Demo, settings: Settings) -> None:
    """What to try, and what then happens."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from unghost.jobboard.rules.policy import REJECTED

    console = out()
    console.print(
        Text("  ").append("Play the recruiter.", "bold"),
        "Open the inbox and the applicant's pages side by side, then "
        + ("a candidate in the ATS. Or report by hand:" if demo.ats_url else "paste:"),
    )
    console.print()
    insecure = " --insecure" if demo.base_url.startswith("https") else ""
    for line in example(demo, insecure):
        console.print(line, style="cyan", highlight=False, soft_wrap=True)
    console.print()
    console.print("  It is about Mira Okafor's oldest application, the last one in My Jobs.")
    console.print()
    hold = settings.policy[REJECTED].hold
    shown = f"{hold.total_seconds() / 3600:g} hours" if hold.total_seconds() >= 7200 else f"{hold.seconds} seconds"
    told = Table.grid(padding=(0, 2))
    told.add_column(style="bold", no_wrap=True)
    told.add_column()
    told.add_row("APPLICATION_VIEWED", "a mail at once; job page and My Jobs change without a reload")
    told.add_row("RESUME_DOWNLOADED", "no mail; both pages change")
    told.add_row("APPLICATION_REJECTED", f"a mail after {shown}; until then nobody sees anything, anywhere")
    console.print(Text("  ").append("What happens,", "bold"), "by the action that you put into the body:")
    console.print()
    console.print(Padding(told, (0, 2), expand=False))
    console.print()
    console.print("  Why was or wasn't somebody told? In another terminal:")
    console.print()
    number = demo.applications[0].rpartition(":")[2]
    where = "--database-url …" if settings.database_url else f"--data-dir {demo.data_dir}"
    console.print(f"  unghost explain {number} {where}", style="cyan", soft_wrap=True)


def example(demo: Demo, insecure: str = "") -> list[str]:
    """The lines to paste into a shell: a token, then the seed's own report with it."""
    body = (
        f'{{"jobApplicationId": "{demo.applications[0]}", "action": "APPLICATION_VIEWED", '
        f'"performedAt": 1604600000017, "integrationContext": "{demo.organization}"}}'
    )
    return [
        f"TOKEN=$(curl -s{insecure} {demo.base_url}/oauth/v2/accessToken \\",
        "  -d grant_type=client_credentials \\",
        f"  -d client_id={demo.client_id} -d client_secret={demo.client_secret} \\",
        '  | sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\')',
        f"curl -i{insecure} {demo.base_url}/v2/jobApplicationLifecycleActions \\",
        '  -H "Authorization: Bearer $TOKEN" -H "x-restli-method: create" \\',
        f"  -d '{body}'",
    ]
