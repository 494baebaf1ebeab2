"""Composes the demo: database, story, inbox, web processes, dispatcher and the pretend ATS, as one process tree.

Each listens on a loopback port of its own. Must not know what any of them does.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import ssl
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from unghost.clock import Clock
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.links import For, Links, secret_key
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import access
from unghost.postgres import connect, migrate
from unghost.sandbox.deployment import deployed, keep_private, kept_secret, measured
from unghost.sandbox.processes import Part, Processes, inherited_environment, listen
from unghost.sandbox.seed import Story, seed
from unghost.wire import urn

#: How long the links that sign the applicant and the admin in work.
LOGIN_LIFE = timedelta(days=7)
#: Where people look first; taken only if it is free and no other port was asked for.
USUAL_PORT = 8400
_READY_SECONDS = 60.0
_HOST = "127.0.0.1"
_LEASE = timedelta(seconds=10)


class DemoFailed(Exception):
    """The demo cannot run. The message is one sentence with the remedy."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the person asked for. `port` None: the usual one if it is free; 0: any. `folder` None: a temporary one."""

    port: int | None = None
    folder: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A running demo: where everything is. `inbox_url` is None when mails go to another server."""

    base_url: str
    inbox_url: str | None
    host_url: str
    client_id: str
    client_secret: str
    organization: str
    applications: list[str]
    applicant_login_url: str
    other_applicant_login_url: str
    admin_login_url: str
    data_dir: str


async def run(
    settings: Settings, wishes: Wishes, clock: Clock, announce: Callable[[Demo], None], say: Callable[[str], None]
) -> None:
    """Run the demo until SIGINT or SIGTERM. `announce` is called once, when everything answers.

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
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise


@dataclass(frozen=True, kw_only=True)
class _Listening:
    board: socket.socket
    smtp: socket.socket
    inbox: socket.socket
    host: socket.socket

    def close(self) -> None:
        for bound in (self.board, self.smtp, self.inbox, self.host):
            bound.close()


@asynccontextmanager
async def _running(settings: Settings, wishes: Wishes, clock: Clock, say: Callable[[str], None]) -> AsyncIterator[Demo]:
    async with AsyncExitStack() as stack:
        folder = wishes.folder or Path(tempfile.mkdtemp(prefix="unghost-demo-"))
        if wishes.folder is None:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        logs = folder / "logs"
        logs.mkdir(exist_ok=True, mode=0o700)
        listening = _listening(wishes.port)
        stack.callback(listening.close)
        own_inbox = settings.smtp_url is None
        settings = _settled(settings, wishes, folder, listening)
        # Blocks, before anything else runs in this loop and after everything has ended.
        settings = stack.enter_context(deployed(settings))
        assert settings.database_url is not None
        migrate(settings.database_url)
        host_url = _address(listening.host)
        story, secrets = await _story(settings, host_url.rstrip("/"), clock, folder)
        _, metrics = stack.enter_context(measured(settings))
        processes = Processes(say)
        stack.push_async_callback(processes.stop)
        environment = inherited_environment() | settings.environment() | metrics
        parts = _parts(settings, wishes, listening, environment, story.integrations[0].client_id, own_inbox)
        watching = asyncio.create_task(_show_errors([part.log for part in parts if part.log], say))
        stack.callback(watching.cancel)
        for part in parts:
            processes.start(part)
        inbox_url = _address(listening.inbox) if own_inbox else None
        for url in (settings.base_url + "/readyz", host_url, inbox_url):
            if url:
                await _ready(url, logs)
        yield _demo(settings, story, secrets, clock.now() + LOGIN_LIFE, folder, host_url, inbox_url)


def _listening(port: int | None) -> _Listening:
    try:
        board = listen(_HOST, USUAL_PORT if port is None else port)
    except (OSError, OverflowError) as error:
        if port is not None:
            raise DemoFailed(f"port {port} cannot be used ({error}): give another, or 0 for any") from None
        board = listen(_HOST, 0)
    return _Listening(board=board, smtp=listen(_HOST, 0), inbox=listen(_HOST, 0), host=listen(_HOST, 0))


def _settled(settings: Settings, wishes: Wishes, folder: Path, listening: _Listening) -> Settings:
    """The demo's settings: what the person set, and for the rest its own."""
    scheme = "https" if wishes.tls_cert else "http"
    return replace(
        settings,
        data_dir=folder,
        base_url=f"{scheme}://{_HOST}:{listening.board.getsockname()[1]}",
        smtp_url=settings.smtp_url or f"smtp://{_HOST}:{listening.smtp.getsockname()[1]}",
        secret_key=secret_key(settings.secret_key, folder),
        board_keys=settings.board_keys or (kept_secret(folder / "board-key"),),
        # The demo's ATS is on this machine (spec R28).
        webhook_networks=settings.webhook_networks or (ip_network("127.0.0.0/8"),),
        # A mail in the hands of a dispatcher that is killed waits no longer than somebody who watches.
        lease=min(settings.lease, _LEASE),
    )


async def _story(settings: Settings, origin: str, clock: Clock, folder: Path) -> tuple[Story, dict[str, str]]:
    """Seed the story; gives it with the client secrets, which the data directory keeps. A lost one is made anew."""
    assert settings.database_url is not None
    path = folder / "client-secrets.json"
    secrets: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    async with await connect(settings.database_url, autocommit=True) as connection, connection.transaction():
        now = clock.now()
        derived = ClientSecrets(secret_key(settings.secret_key, folder))
        story = await seed(connection, secrets=derived, origins=[origin], policy=settings.policy, now=now)
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


def _parts(
    settings: Settings,
    wishes: Wishes,
    listening: _Listening,
    environment: Mapping[str, str],
    client_id: str,
    own_inbox: bool,
) -> list[Part]:
    folder = settings.data_dir

    def part(name: str, *arguments: str, sockets: tuple[socket.socket, ...] = ()) -> Part:
        listen = [word for i in range(len(sockets)) for word in ("--listen", f"{{{i}}}")]
        return Part(
            name=name,
            module="unghost.sandbox.child",
            arguments=(name, "--lifeline", "{lifeline}", *listen, *arguments),
            environment=environment,
            sockets=sockets,
            log=folder / "logs" / f"{name}.log",
        )

    tls = ["--tls-cert", str(wishes.tls_cert), "--tls-key", str(wishes.tls_key)] if wishes.tls_cert else []
    parts = [
        part("web", *tls, sockets=(listening.board,)),
        part("dispatcher"),
        part("host", "--board", settings.base_url, "--client-id", client_id, sockets=(listening.host,)),
    ]
    if own_inbox:
        kept = str(folder / "inbox.jsonl")
        parts.insert(0, part("inbox", "--path", kept, sockets=(listening.smtp, listening.inbox)))
    if wishes.folder is None:
        parts.append(part("sweep", "--path", str(folder)))
    return parts


def _demo(
    settings: Settings,
    story: Story,
    secrets: dict[str, str],
    until: datetime,
    folder: Path,
    host_url: str,
    inbox_url: str | None,
) -> Demo:
    links = Links(settings.secret_key or "")
    mira, jonas = (
        f"{settings.base_url}/sign-in?word={links.make(For.APPLICANT_LINK, applicant, until)}"
        for applicant in story.applicants
    )
    client = story.integrations[0]
    word = links.make(For.ADMIN_LINK, story.admins[0], until)
    return Demo(
        base_url=settings.base_url,
        inbox_url=inbox_url,
        host_url=host_url,
        client_id=client.client_id,
        client_secret=secrets[client.client_id],
        organization=urn.write(urn.ORGANIZATION, client.organization),
        applications=[urn.write(urn.JOB_APPLICATION, number) for number in story.applications],
        applicant_login_url=mira,
        other_applicant_login_url=jonas,
        admin_login_url=f"{settings.base_url}/admin/sign-in?word={word}",
        data_dir=str(folder),
    )


def _address(bound: socket.socket) -> str:
    return f"http://{_HOST}:{bound.getsockname()[1]}/"


async def _ready(url: str, logs: Path) -> None:
    """Wait until this address answers. Raises `DemoFailed` if it does not in time."""
    deadline = time.monotonic() + _READY_SECONDS
    while not await asyncio.to_thread(_answers, url):
        if time.monotonic() > deadline:
            raise DemoFailed(f"{url} did not answer within {_READY_SECONDS:.0f} seconds: the logs are in {logs}")
        await asyncio.sleep(0.05)


def _answers(url: str) -> bool:
    unverified = ssl._create_unverified_context()  # noqa: S323  (the demo asks itself)
    try:
        with urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified)
        ).open(url, timeout=2):
            return True
    except OSError:
        return False


async def _show_errors(logs: list[Path], say: Callable[[str], None]) -> None:
    """Say what the children log as errors, as it is written."""
    read = {log: log.stat().st_size if log.exists() else 0 for log in logs}
    while True:
        for log in logs:
            if not log.exists() or log.stat().st_size <= read[log]:
                continue
            with log.open(encoding="utf-8", errors="replace") as file:
                file.seek(read[log])
                for line in file:
                    if "[error" in line or "[critical" in line or line.startswith(("ERROR", "CRITICAL")):
                        say(f"{log.stem}: {line.strip()}")
                read[log] = file.tell()
        await asyncio.sleep(0.5)
