"""One PostgreSQL per test run, one fresh migrated database per test.

The server is the embedded one, or the one of UNGHOST_TEST_DATABASE_URL (a role that may create databases).
Under xdist the controller starts it and tells its workers.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests import mariadb
from tests.chromium import MISSING, chromium
from unghost.postgres import Embedded, migrate, open_pool

SERVER_VARIABLE = "UNGHOST_TEST_DATABASE_URL"
# The programs under test refuse settings they don't know.
EXTERNAL = os.environ.pop(SERVER_VARIABLE, None)
# The machine doesn't lose power in these tests; those that kill servers start their own.
# Autovacuum runs as the superuser: a test's role may not end it, and so could not drop its database under it.
FAST = {
    "autovacuum": "off",
    "fsync": "off",
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
}


class Databases:
    """A server for the tests and the template from which each test's database is cloned."""

    def __init__(self) -> None:
        self.template = f"unghost_test_{uuid.uuid4().hex[:12]}"
        self._folder = Path(tempfile.mkdtemp(prefix="unghost-tests-"))
        self._embedded = None if EXTERNAL else Embedded(self._folder, options=FAST)
        try:
            self.server = self._embedded.start() if self._embedded else str(EXTERNAL)
            _run(self.server, f'CREATE DATABASE "{self.template}"')
            migrate(in_database(self.server, self.template))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave nothing behind."""
        if self._embedded:
            self._embedded.stop()
        else:
            _run(self.server, f'DROP DATABASE IF EXISTS "{self.template}" WITH (FORCE)')
        shutil.rmtree(self._folder, ignore_errors=True)


def in_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    before, _, query = url.partition("?")
    scheme, _, rest = before.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{name}" + (f"?{query}" if query else "")


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


RUNNING = pytest.StashKey[Databases]()


def _databases(config: pytest.Config) -> Databases:
    if RUNNING not in config.stash:
        config.stash[RUNNING] = Databases()
    return config.stash[RUNNING]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In xdist's controller, before a worker starts: the server is started once and told to it."""
    databases = _databases(node.config)
    node.workerinput["unghost_databases"] = (databases.server, databases.template)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The run is over."""
    if RUNNING in config.stash:
        config.stash[RUNNING].close()


@pytest.fixture(scope="session")
def database_server(pytestconfig: pytest.Config) -> tuple[str, str]:
    """The server's URL and the name of the migrated template in it."""
    told = getattr(pytestconfig, "workerinput", {}).get("unghost_databases")
    if told:
        return told[0], told[1]
    databases = _databases(pytestconfig)
    return databases.server, databases.template


@pytest.fixture
def database_url(database_server: tuple[str, str]) -> Iterator[str]:
    """A fresh migrated database of the test's own."""
    server, template = database_server
    name = f"{template}_{uuid.uuid4().hex[:12]}"
    _run(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield in_database(server, name)
    _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[AsyncConnectionPool]:
    """Connections to the test's database, as the programs open them."""
    async with await open_pool(database_url) as opened:
        yield opened


@pytest.fixture(scope="session", name="chromium")
def chromium_program() -> str:
    """The program Chromium, for Playwright's `executable_path`."""
    return chromium() or pytest.skip(MISSING)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests are skipped where there is no browser."""
    if chromium() is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=MISSING))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Nobody shall take a run without a browser or without MariaDB for a whole one."""
    for missing, kind in ((MISSING, "browser"), (mariadb.MISSING, "MariaDB")):
        skipped = [r for r in terminalreporter.stats.get("skipped", []) if missing in str(r.longrepr)]
        if skipped:
            terminalreporter.write_sep("=", f"{kind} tests did NOT run", yellow=True, bold=True)
            terminalreporter.write_line(f"{len(skipped)} tests did not run. {missing}, then run again.")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"
