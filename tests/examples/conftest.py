"""Each example ATS, as a process, on SQLite and on PostgreSQL; started once, and emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
import requests

from tests.ats.conftest import _made
from tests.examples.running import Ats, board, running

EXAMPLES = ("flask_ats", "django_ats")
BOTH = [f"{example}-{dialect}" for example in EXAMPLES for dialect in ("sqlite", "postgresql")]


@pytest.fixture(scope="module", params=BOTH)
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ats]:
    example, _, dialect = request.param.partition("-")
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        database = _made(dialect, request, folder, stack)
        yield stack.enter_context(running(example, database, stack.enter_context(board()), folder / "log"))


@pytest.fixture
def ats(started: Ats) -> Ats:
    """A browser of its own, before an ATS without candidates."""
    tables = ("unghost_activity", "unghost_application", started.candidates)
    started.database.do(*(f"DELETE FROM {table}" for table in tables))
    return replace(started, browser=requests.Session())
