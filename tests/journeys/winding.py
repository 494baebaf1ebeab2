"""Plays with a sandbox that really runs: all that a demo has, and its control server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests

from tests.journeys import playing
from unghost.wire.lifecycle import milliseconds


@dataclass
class Sandbox(playing.Demo):
    """A running `unghost sandbox --json`."""

    @property
    def control_url(self) -> str:
        return str(self.line["control_url"])

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A call to the control server."""
        return requests.request(method, self.control_url + path, json=body, timeout=60, **more)

    def told(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What the control server answers to a call that is done."""
        answer = self.ask(method, path, body)
        assert answer.status_code in (200, 201), answer.text
        read: dict[str, Any] = answer.json()
        return read

    def now(self) -> datetime:
        """What its clock shows."""
        return datetime.fromisoformat(self.told("GET", "clock")["now"])

    def advance(self, by: str) -> dict[str, Any]:
        """Wind it on."""
        return self.told("POST", "clock/advance", {"by": by})

    def reset(self, to: str = "story") -> None:
        """Begin anew; access tokens too."""
        self.told("POST", "reset", {"to": to})
        self._tokens.clear()

    def report(self, application: str, action: str, performed_at: int | None = None, **more: Any) -> requests.Response:
        """One report, performed now by the sandbox's clock."""
        return super().report(application, action, performed_at or milliseconds(self.now()), **more)


def dated(mail: dict[str, Any]) -> datetime:
    """The moment in a mail's Date header."""
    return parsedate_to_datetime(mail["headers"]["Date"])


@contextmanager
def sandbox(folder: Path, *options: str, **settings: str) -> Iterator[Sandbox]:
    """A sandbox that runs until the block ends."""
    with playing.demo(folder, "--control-port", "0", *options, command="sandbox", **settings) as running:
        yield Sandbox(running.process, running.line, running.errors, running.verify)
