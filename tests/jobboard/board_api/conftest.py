"""A running board for each test of the board API, and one for all those tests of a module that store nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import in_database
from tests.jobboard.board_server import Board, serving


@pytest.fixture
def board(database_url: str, tmp_path: Path) -> Iterator[Board]:
    """A board over the test's own database."""
    with serving(database_url, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def refusing_board(database_server: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board over one empty database for a whole module."""
    server, template = database_server
    name = f"{template}_{uuid.uuid4().hex[:12]}"  # two workers may each run a part of the module
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        with serving(in_database(server, name), tmp_path_factory.mktemp("board")) as running:
            yield running
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
