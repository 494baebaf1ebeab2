"""The sandbox's board process: the board as it is in production, and beside it the control server (spec R37).

Only what is put around the board differs; the board's own code knows nothing of it.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import uvicorn

from unghost import traces
from unghost.jobboard import logs
from unghost.jobboard import settings as settings_module
from unghost.jobboard.settings import SettingsError
from unghost.jobboard.web.app import create_app
from unghost.postgres import open_pool
from unghost.sandbox.clock_file import ClockFile
from unghost.sandbox.control import Control
from unghost.sandbox.control_page import Pages
from unghost.sandbox.faults import Faults
from unghost.sandbox.journal import Journal
from unghost.sandbox.line import Line
from unghost.sandbox.outward_calls import OutwardCalls
from unghost.sandbox.parts import FAULTS
from unghost.sandbox.recorder import Recorder, Strictness
from unghost.sandbox.snapshots import Snapshots
from unghost.sandbox.story_calls import HELP, StoryCalls
from unghost.sandbox.winder import Winder

_GRACE_SECONDS = 2


async def serve(
    board: socket.socket,
    control: socket.socket,
    clock: ClockFile,
    inbox: str,
    ats: str | None,
    cert: str | None,
    key: str | None,
) -> None:
    """Serve the board and its control server on two listening sockets until SIGTERM."""
    settings = settings_module.load()
    logs.configure(settings.log_format)
    traces.configure("unghost-board")
    if settings.database_url is None:
        raise SettingsError("UNGHOST_DATABASE_URL is not set: the sandbox starts this process with it")
    pool = await open_pool(settings.database_url, max_size=3)
    journal = Journal(settings.data_dir / "journal.jsonl")
    journal.open()
    faults = Faults(settings.data_dir / FAULTS, pool, clock)
    strictness = Strictness(settings.data_dir / "strictness")
    app = Recorder(create_app(settings, clock), journal, clock, faults, strictness)
    addresses = {"board": settings.base_url + "/", "inbox": inbox, "ats": ats}
    controls = Control(
        clock=clock,
        winder=Winder(clock, pool, settings.lease),
        snapshots=Snapshots(settings.database_url, settings.data_dir, clock),
        addresses={name: url for name, url in addresses.items() if url},
        changed=journal.ring,
        resettable=(journal, faults, strictness),
    )
    pages = Pages(controls, journal, faults, strictness, pool)
    calls = StoryCalls(settings=settings, pool=pool, clock=clock, inbox=inbox or None)
    outward = OutwardCalls(faults=faults, journal=journal, pool=pool)
    gc.collect()
    gc.freeze()
    servers = [
        _server(
            app,
            ssl_certfile=cert,
            ssl_keyfile=key,
            server_header=False,
            proxy_headers=False,
            http=Line,
            date_header=False,
        ),
        _server(
            controls.application([*pages.routes(), *calls.routes(), *outward.routes()], pages.help() + HELP),
            lifespan="off",
        ),
    ]
    async with pool:
        await asyncio.gather(servers[0].serve(sockets=[board]), servers[1].serve(sockets=[control]))


def _server(app: Any, **options: Any) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, access_log=False, log_config=None, timeout_graceful_shutdown=_GRACE_SECONDS, **options)
    )
