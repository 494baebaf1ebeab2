"""Child processes that are kept running: started, restarted when they die, stopped together (spec R40).

Each holds the reading end of a pipe, its lifeline. When the parent is gone, however it went, the pipe ends and the
child ends too. Must not know what the children do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: How long a child may take to end by itself before it is killed.
PATIENCE_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """One child: `python -m module arguments…`, with `{lifeline}` and `{0}`, `{1}`… put in as file descriptors.

    `environment` is all that the child gets. `log` is where its output goes; none: where the parent's goes.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    sockets: tuple[socket.socket, ...] = ()
    log: Path | None = None


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes any free one. Children inherit it, so a restart refuses nobody.

    Raises `OSError`, e.g. when the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(2048)
    except BaseException:
        bound.close()
        raise
    return bound


@dataclass
class Processes:
    """Runs parts until they are stopped. `say` is given one line when a child had to be started again."""

    say: Callable[[str], None]
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _lifeline: tuple[int, int] | None = None
    _stopping: bool = False

    def start(self, part: Part) -> None:
        """Start a part and keep it running until `stop`."""
        if self._lifeline is None:
            self._lifeline = os.pipe()
        self._tasks.append(asyncio.create_task(self._keep(part), name=part.name))

    def pids(self) -> dict[str, int]:
        """The process ids of the children that run now, by name."""
        return {name: process.pid for name, process in self._running.items()}

    async def stop(self) -> None:
        """End all children, the last started first, each with time to finish what it does."""
        self._stopping = True
        for task in self._tasks:
            if task.get_name() not in self._running:
                task.cancel()
        for process in reversed(self._running.values()):
            _send(process, signal.SIGTERM)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=PATIENCE_SECONDS)
            for process in self._running.values():
                _send(process, signal.SIGKILL)
            if late:
                await asyncio.wait(late)
        if self._lifeline is not None:
            for descriptor in self._lifeline:
                os.close(descriptor)
            self._lifeline = None

    async def _keep(self, part: Part) -> None:
        wait = 0.2
        while not self._stopping:
            started = time.monotonic()
            before = part.log.stat().st_size if part.log and part.log.exists() else 0
            process = self._running[part.name] = await self._spawn(part)
            if self._stopping:
                _send(process, signal.SIGTERM)
            code = await process.wait()
            del self._running[part.name]
            if self._stopping:
                return
            wait = 0.2 if time.monotonic() - started > 30 else min(wait * 2, _LONGEST_WAIT_SECONDS)
            self.say(f"{part.name} ended ({_how(code)}) and is started again{_last_words(part.log, before)}")
            await asyncio.sleep(wait)

    async def _spawn(self, part: Part) -> asyncio.subprocess.Process:
        assert self._lifeline is not None
        lifeline = self._lifeline[0]
        descriptors = [bound.fileno() for bound in part.sockets]
        arguments = [argument.format(*descriptors, lifeline=lifeline) for argument in part.arguments]
        output = os.open(part.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if part.log else None
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                part.module,
                *arguments,
                env=dict(part.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lifeline, *descriptors),
                # A Ctrl-C in the terminal is for the parent, which ends its children in order.
                start_new_session=True,
            )
        finally:
            if output is not None:
                os.close(output)


def hold_lifeline(descriptor: int) -> None:
    """In a child: end this process, politely and then surely, when its parent has gone."""

    def watch() -> None:
        os.read(descriptor, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def inherited_environment() -> dict[str, str]:
    """This process's environment without unghost's settings: what a child's own settings are added to."""
    return {name: value for name, value in os.environ.items() if not name.startswith("UNGHOST_")}


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        try:
            process.send_signal(number)
        except ProcessLookupError:
            return


def _last_words(log: Path | None, before: int) -> str:
    """The last line that a child wrote into its log, which had so many bytes before it was started."""
    if log is None:
        return ""
    with log.open("rb") as file:
        file.seek(max(before, log.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    return f"; its last words in {log}: {last}"


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
