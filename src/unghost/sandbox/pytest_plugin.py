"""A job board for each test: the fixtures `unghost_board`, `unghost_inbox` and `unghost_clock` (spec R38).

Installed with unghost; each test process starts one sandbox when a test first asks for it, and each test finds it
empty. Imports pytest alone until then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from unghost.sandbox.session import Sandbox
    from unghost.sandbox.testing import Board, Clock, Inbox


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option and a setting."""
    group = parser.getgroup("unghost", "unghost's sandbox")
    group.addoption(
        "--unghost-url",
        metavar="URL",
        help="use the sandbox that runs already, by its control page's address, and empty it before each test",
    )
    parser.addini(
        "unghost_sandbox_options",
        type="args",
        default=[],
        help="options of `unghost sandbox` for the tests' own, and settings such as UNGHOST_BOARD_NAME=Kestrel",
    )


@pytest.fixture(scope="session")
def _unghost_sandbox(pytestconfig: pytest.Config) -> Iterator[Sandbox]:
    from unghost.sandbox import session
    from unghost.sandbox.talk import SandboxError

    url: str | None = pytestconfig.getoption("--unghost-url")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if url and workers > 1:
        pytest.fail(
            f"--unghost-url names one sandbox, and {workers} workers would empty it for each other: give -n 1, "
            "or leave the option out, and each worker starts its own",
            pytrace=False,
        )
    try:
        if url:
            yield session.running(url)
            return
        with session.started(pytestconfig.getini("unghost_sandbox_options")) as sandbox:
            yield sandbox
    except SandboxError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture
def unghost_board(_unghost_sandbox: Sandbox) -> Board:
    """A job board of this test's own, empty: real HTTP addresses, applicants, consent, and what they were told."""
    from unghost.sandbox.talk import SandboxError
    from unghost.sandbox.testing import Board

    board = Board(_unghost_sandbox)
    try:
        board.reset()
    except SandboxError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    return board


@pytest.fixture
def unghost_inbox(unghost_board: Board) -> Inbox:
    """The mails that the board's applicants got in this test."""
    return unghost_board.inbox


@pytest.fixture
def unghost_clock(unghost_board: Board) -> Clock:
    """The clock of the board and of its mails, to stop and to wind on."""
    return unghost_board.clock
