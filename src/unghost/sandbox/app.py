"""Composes the demo and the sandbox: database, story, inbox, web process, dispatcher and the pretend ATS.

One process tree, each part on a loopback port of its own. Must not know what any of them does.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from unghost.clock import Clock
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.links import For, Links, secret_key
from unghost.jobboard.operators import Operator
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import access
from unghost.jobboard.tombstones import Tombstones
from unghost.postgres import connect, migrate
from unghost.sandbox.clock_file import LAST, ClockFile
from unghost.sandbox.deployment import InUse, alone, deployed, keep_private, kept_secret, measured
from unghost.sandbox.example_ats import NO_EXAMPLES, ExampleAts, examples, webhook
from unghost.sandbox.parts import HOST, Listening, Plan, PortTaken, address, listening, parts
from unghost.sandbox.processes import Processes, inherited_environment
from unghost.sandbox.readiness import NeverReady, ready, show_errors
from unghost.sandbox.seed import (
    EXAMPLE_CUSTOMER,
    EXAMPLE_OPERATOR,
    EXAMPLE_ORGANIZATION,
    Integration,
    Story,
    has_people,
    seed,
)
from unghost.sandbox.snapshots import EMPTY, Snapshots
from unghost.wire import urn

#: How long the links that sign the applicant and the admin in work, where the clock cannot be wound.
LOGIN_LIFE = timedelta(days=7)
#: PostgreSQL leaves the writing to the operating system: what was committed outlives every killed process, and is lost
#: only if the machine loses power, which is no matter for a sandbox.
_QUICK = {"fsync": "off", "full_page_writes": "off"}
#: Longer than a webhook may take to answer, and as long as no wait before something is sent again (store/winding).
_LEASE = timedelta(seconds=14)
_HOST_PORT = "host-port"
#: To an inbox on this machine, which takes many mails at once when a clock is wound.
_MAIL_CONNECTIONS = 32


class DemoFailed(Exception):
    """The demo cannot run. The message is one sentence with the remedy."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the person asked for. A port None: the usual one if it is free; 0: any. `folder` None: a temporary one.

    `ats`: the example ATS as the partner, where it is there. `control`: a clock to wind, and a control server.
    `empty`: without the story's people.
    """

    port: int | None = None
    ats: bool = True
    empty: bool = False
    control: bool = False
    control_port: int | None = None
    folder: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A running demo: where everything is.

    `inbox_url` is None when mails go to another server, `control_url` when the clock cannot be wound, `ats_url` when
    there is no example ATS, those of applicants when nobody is in it. `host_url`: the page of the ATS that embeds the
    consent widget.
    """

    base_url: str
    inbox_url: str | None
    host_url: str
    ats_url: str | None
    client_id: str
    client_secret: str
    organization: str
    applications: list[str]
    applicant_login_url: str | None
    other_applicant_login_url: str | None
    admin_login_url: str
    operator_login_url: str
    data_dir: str
    control_url: str | None


async def run(
    settings: Settings, wishes: Wishes, clock: Clock, announce: Callable[[Demo], None], say: Callable[[str], None]
) -> None:
    """Run the demo or the sandbox until SIGINT or SIGTERM. `announce` is called once, when everything answers.

    `settings` give the policy, and the database and mail server if others than the demo's own are wanted.
    Raises `DemoFailed`, `SettingsError`, `PostgresError` or `OSError` when it cannot be started.
    """
    task = asyncio.current_task()
    assert task is not None
    stopped = asyncio.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        async with _running(settings, wishes, clock, say) as demo:
            announce(demo)
            await asyncio.Event().wait()
    except (PortTaken, NeverReady, InUse) as error:
        raise DemoFailed(str(error)) from None
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise


@asynccontextmanager
async def _running(settings: Settings, wishes: Wishes, clock: Clock, say: Callable[[str], None]) -> AsyncIterator[Demo]:
    async with AsyncExitStack() as stack:
        folder = wishes.folder or Path(tempfile.mkdtemp(prefix="unghost-demo-"))
        if wishes.folder is None:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(alone(folder))
        logs = folder / "logs"
        logs.mkdir(exist_ok=True, mode=0o700)
        bound = listening(wishes.port, wishes.control, wishes.control_port, _last_port(folder))
        stack.callback(bound.close)
        keep_private(folder / _HOST_PORT, f"{bound.host.getsockname()[1]}\n")
        clock_file = folder / "clock" if wishes.control else None
        wound = ClockFile(clock_file, clock) if clock_file else None
        clock = wound or clock
        own_inbox = settings.smtp_url is None
        settings = _settled(settings, wishes, folder, bound)
        # Blocks, before anything else runs in this loop and after everything has ended.
        settings = stack.enter_context(deployed(settings, _QUICK if wishes.control else None))
        assert settings.database_url is not None
        migrate(settings.database_url)
        host_url = address(bound.host)
        root = examples() if wishes.ats else None
        if wishes.control and wishes.ats and root is None:
            raise DemoFailed(NO_EXAMPLES)
        snapshots = Snapshots(settings.database_url, folder, wound) if wound else None
        first = snapshots is None or snapshots.new
        story, secrets = await _story(settings, host_url.rstrip("/"), clock, folder, ats=root is not None, first=first)
        if snapshots and first:
            await snapshots.begin()
            if wishes.empty:
                await snapshots.put_back(EMPTY)
                story = replace(story, applications=(), applicants=())
        _, metrics = stack.enter_context(measured(settings))
        processes = Processes(say)
        stack.push_async_callback(processes.stop)
        plan = Plan(
            folder=folder,
            environment=inherited_environment() | settings.environment() | metrics,
            base_url=settings.base_url,
            client_id=story.integrations[0].client_id,
            own_inbox=own_inbox,
            temporary=wishes.folder is None,
            tls_cert=wishes.tls_cert,
            tls_key=wishes.tls_key,
            clock=clock_file,
            ats=None if root is None else _ats(root, settings, wishes, story.integrations[0], secrets, folder),
        )
        waited_for, rest = parts(plan, bound)
        watching = asyncio.create_task(show_errors([part.log for part in waited_for + rest if part.log], say))
        stack.callback(watching.cancel)
        for part in waited_for:
            processes.start(part)
        inbox_url = address(bound.inbox) if own_inbox else None
        control_url = address(bound.control) if bound.control else None
        for url in (settings.base_url + "/readyz", host_url, inbox_url):
            if url:
                await ready(url, logs)
        if snapshots and plan.ats:
            snapshots.begin_ats()
        for part in rest:
            processes.start(part)
        until = LAST if wishes.control else clock.now() + LOGIN_LIFE
        ats_url = host_url if plan.ats else None
        yield _demo(settings, story, secrets, until, folder, host_url, ats_url, inbox_url, control_url)


def _last_port(folder: Path) -> int | None:
    kept = folder / _HOST_PORT
    last = kept.read_text(encoding="ascii", errors="replace").strip() if kept.exists() else ""
    return int(last) if re.fullmatch("[0-9]{1,5}", last) else None


def _settled(settings: Settings, wishes: Wishes, folder: Path, bound: Listening) -> Settings:
    """The demo's settings: what the person set, and for the rest its own."""
    scheme = "https" if wishes.tls_cert else "http"
    return replace(
        settings,
        data_dir=folder,
        base_url=f"{scheme}://{HOST}:{bound.board.getsockname()[1]}",
        smtp_url=settings.smtp_url or f"smtp://{HOST}:{bound.smtp.getsockname()[1]}",
        secret_key=secret_key(settings.secret_key, folder),
        operators=settings.operators or (EXAMPLE_OPERATOR,),
        board_keys=settings.board_keys or (kept_secret(folder / "board-key"),),
        # The demo's ATS is on this machine (spec R28).
        webhook_networks=settings.webhook_networks or (ip_network("127.0.0.0/8"),),
        # A mail in the hands of a dispatcher that is killed waits no longer than somebody who watches.
        lease=min(settings.lease, _LEASE),
        mail_connections=max(settings.mail_connections, _MAIL_CONNECTIONS),
    )


def _ats(
    root: Path, settings: Settings, wishes: Wishes, child: Integration, secrets: Mapping[str, str], folder: Path
) -> ExampleAts:
    return ExampleAts(
        root=root,
        folder=folder,
        environment=inherited_environment(),
        base_url=settings.base_url,
        client_id=child.client_id,
        client_secret=secrets[child.client_id],
        organization=child.organization,
        customer=EXAMPLE_CUSTOMER,
        tls_cert=wishes.tls_cert,
        clock=folder / "clock" if wishes.control else None,
    )


async def _story(
    settings: Settings, origin: str, clock: Clock, folder: Path, *, ats: bool, first: bool
) -> tuple[Story, dict[str, str]]:
    """Seed the story; gives it with the client secrets, which the data directory keeps. A lost one is made anew.

    `first`: with its people; later they come again only if they are there, so that what was emptied stays empty.
    """
    assert settings.database_url is not None
    path = folder / "client-secrets.json"
    secrets: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    async with await connect(settings.database_url, autocommit=True) as connection, connection.transaction():
        now = clock.now()
        key = secret_key(settings.secret_key, folder)
        derived = ClientSecrets(key)
        hook = webhook(origin, EXAMPLE_ORGANIZATION) if ats else None
        story = await seed(
            connection,
            secrets=derived,
            tombstones=Tombstones(key),
            origins=[origin],
            policy=settings.policy,
            now=now,
            webhook=hook,
            people=first or await has_people(connection),
        )
        for integration in story.integrations:
            secret = integration.client_secret or secrets.get(integration.client_id)
            secret = secret or await access.rotate_secret(
                connection, integration.client_id, secrets=derived, former_until=now, now=now
            )
            if secret is None:
                raise DemoFailed("the demo's partner was revoked in this database: choose another data directory")
            secrets[integration.client_id] = secret
        keep_private(path, json.dumps(secrets, indent=2) + "\n")
    return story, secrets


def _demo(
    settings: Settings,
    story: Story,
    secrets: dict[str, str],
    until: datetime,
    folder: Path,
    host_url: str,
    ats_url: str | None,
    inbox_url: str | None,
    control_url: str | None,
) -> Demo:
    links = Links(settings.secret_key or "")
    mira, jonas = (
        f"{settings.base_url}/sign-in?word={links.make(For.APPLICANT_LINK, applicant, until)}" if applicant else None
        for applicant in (story.applicants or (None, None))
    )
    client = story.integrations[0]
    word = links.make(For.ADMIN_LINK, story.admins[0], until)
    operator = links.make(For.OPERATOR_LINK, Operator(settings.operators[0]).id, until)
    return Demo(
        base_url=settings.base_url,
        inbox_url=inbox_url,
        host_url=f"{ats_url}settings" if ats_url else host_url,
        ats_url=ats_url,
        client_id=client.client_id,
        client_secret=secrets[client.client_id],
        organization=urn.write(urn.ORGANIZATION, client.organization),
        applications=[urn.write(urn.JOB_APPLICATION, number) for number in story.applications],
        applicant_login_url=mira,
        other_applicant_login_url=jonas,
        admin_login_url=f"{settings.base_url}/admin/sign-in?word={word}",
        operator_login_url=f"{settings.base_url}/operator/sign-in?word={operator}",
        data_dir=str(folder),
        control_url=control_url,
    )
