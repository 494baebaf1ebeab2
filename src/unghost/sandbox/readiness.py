"""Waits until what was started answers, and says what it logs as errors. Must not know what it is."""

from __future__ import annotations

import asyncio
import ssl
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

_READY_SECONDS = 60.0


class NeverReady(Exception):
    """It did not answer in time. The message is one sentence with the remedy."""


async def ready(url: str, logs: Path) -> None:
    """Wait until this address answers. Raises `NeverReady` if it does not in time."""
    deadline = time.monotonic() + _READY_SECONDS
    while not await asyncio.to_thread(_answers, url):
        if time.monotonic() > deadline:
            raise NeverReady(f"{url} did not answer within {_READY_SECONDS:.0f} seconds: the logs are in {logs}")
        await asyncio.sleep(0.02)


def _answers(url: str) -> bool:
    unverified = ssl._create_unverified_context()  # noqa: S323  (the demo asks itself)
    try:
        with urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified)
        ).open(url, timeout=2):
            return True
    except OSError:
        return False


async def show_errors(logs: list[Path], say: Callable[[str], None]) -> None:
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
