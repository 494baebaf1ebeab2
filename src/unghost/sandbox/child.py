"""What the child processes of the demo, of `serve` and of `work` run: `python -m unghost.sandbox.child PART …`.

Started only by `processes.py`, which gives file descriptors of sockets and of the lifeline.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from unghost.clock import Clock, SystemClock
from unghost.sandbox.clock_file import ClockFile
from unghost.sandbox.processes import hold_lifeline

#: How long open requests may take to end when a web process is stopped.
GRACE_SECONDS = 5


def main() -> None:
    """Run the part that the command line names until SIGTERM or until the parent is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=("web", "board", "dispatcher", "ats-dispatcher", "inbox", "host", "sweep"))
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--listen", type=int, action="append", default=[])
    parser.add_argument("--path", type=Path)
    parser.add_argument("--clock", type=Path, help="the file of the test clock; without it the system's clock is used")
    parser.add_argument("--faults", type=Path, help="the file of the fault rules, for the inbox")
    parser.add_argument("--control", help="the control server, for a dispatcher whose calls are watched")
    parser.add_argument("--inbox", help="where the inbox's pages are")
    parser.add_argument("--ats", help="where the example ATS's pages are")
    parser.add_argument("--board")
    parser.add_argument("--client-id")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    given = parser.parse_args()
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # structlog would load it, in 0.3 s, for a terminal
    gc.set_threshold(50_000, 20, 20)  # loading modules makes much, and none of it garbage
    if given.part == "sweep":
        _sweep(given.lifeline, given.path)
        return
    hold_lifeline(given.lifeline)
    sockets = [socket.socket(fileno=descriptor) for descriptor in given.listen]
    clock = ClockFile(given.clock) if given.clock else SystemClock()
    if given.part == "web":
        _web(sockets, given.tls_cert, given.tls_key)
    elif given.part == "board":
        _board(sockets, given)
    elif given.part == "dispatcher":
        _dispatcher(clock, given.control)
    elif given.part == "ats-dispatcher":
        _ats_dispatcher(clock)
    elif given.part == "inbox":
        _inbox(sockets, given.path, clock, given.faults)
    else:
        _host(sockets, given.board, given.client_id)


def _web(sockets: list[socket.socket], tls_cert: str | None, tls_key: str | None) -> None:
    import uvicorn

    config = uvicorn.Config(
        "unghost.jobboard.web.app:create",
        factory=True,
        access_log=False,
        log_config=None,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        proxy_headers=False,  # addresses come from UNGHOST_BASE_URL, and nobody's is looked at
    )
    uvicorn.Server(config).run(sockets=sockets)


def _board(sockets: list[socket.socket], given: argparse.Namespace) -> None:
    from unghost.sandbox import board

    clock = ClockFile(given.clock)
    with asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(board.serve(sockets[0], sockets[1], clock, given.inbox, given.ats, given.tls_cert, given.tls_key))


def _dispatcher(clock: Clock, control: str | None) -> None:
    from unghost import traces
    from unghost.jobboard import dispatcher, logs, settings
    from unghost.jobboard.webhooks.outward import Outward
    from unghost.sandbox.outward import WatchedOutward

    async def work() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await dispatcher.run(own, clock, stop, outward)

    own = settings.load()
    logs.configure(own.log_format)
    traces.configure("unghost-dispatcher")
    allowed = own.webhook_networks
    outward = WatchedOutward(networks=allowed, control=control, clock=clock) if control else Outward(networks=allowed)
    with asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(work())


def _ats_dispatcher(clock: Clock) -> None:
    import logging

    from unghost import traces
    from unghost.ats import dispatcher, settings

    async def work() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await dispatcher.run(own, clock, stop)

    own = settings.load()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    traces.configure("unghost-ats-dispatcher")
    with asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(work())


def _inbox(sockets: list[socket.socket], path: Path, clock: Clock, faults: Path | None) -> None:
    from unghost.sandbox import inbox
    from unghost.sandbox.mail_faults import MailFaults

    with asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(inbox.serve(sockets[0], sockets[1], path, clock, MailFaults(faults) if faults else None))


def _host(sockets: list[socket.socket], board: str, client_id: str) -> None:
    import uvicorn

    from unghost.sandbox import host_page

    app = host_page.create(board, client_id)
    config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=sockets)


def _sweep(lifeline: int, folder: Path) -> None:
    """Remove the demo's own data directory when the demo was killed; otherwise it does so itself."""
    os.read(lifeline, 1)
    for _ in range(20):  # processes that are still ending may write once more
        shutil.rmtree(folder, ignore_errors=True)
        threading.Event().wait(0.1)


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # it does not exist for Windows
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
