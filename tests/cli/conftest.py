"""The `unghost` command in this process, on the test's own database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from unghost.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Unghost = Callable[..., Done]


@pytest.fixture
def unghost(capsys: pytest.CaptureFixture[str]) -> Unghost:
    """Run a command to its end."""

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def here(unghost: Unghost, database_url: str) -> Unghost:
    """Run a command on the test's database."""

    def run(*arguments: str) -> Done:
        return unghost(*arguments, "--database-url", database_url)

    return run
