"""A dispatcher as a process of its own, for tests that kill it. Settings come from the environment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from unghost.clock import SystemClock
from unghost.jobboard import dispatcher, logs
from unghost.jobboard.settings import Settings, load


def start(settings: Settings) -> subprocess.Popen[bytes]:
    """Start one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNGHOST_")}
    environment |= settings.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, __file__], env=environment)


async def _work() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = load()
    logs.configure(settings.log_format)
    await dispatcher.run(settings, SystemClock(), stop)


if __name__ == "__main__":
    asyncio.run(_work())
