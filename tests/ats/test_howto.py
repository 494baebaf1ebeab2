"""docs/howto alone is enough to add unghost to a project, in a clean virtual environment (spec R29, R32)."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import world as w
from tests.ats.pages import Project, wheel
from tests.ats.sending import payload, send, signed
from tests.jobboard.board_server import serving
from tests.sandbox.running import wait_for
from unghost.postgres import connect

pytestmark = pytest.mark.timeout(600)
WEB = {"django", "flask", "starlette", "uvicorn", "fastapi", "jinja2", "werkzeug", "sqlalchemy", "httpx2", "psycopg"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def board(database_url: str, tmp_path: Path) -> Iterator[tuple[w.World, str, str]]:
    """A real board whose first customer has consented: its world, its URL, its database."""

    async def make() -> w.World:
        async with await connect(database_url, autocommit=True) as connection:
            return await w.make_world(connection, datetime.now(UTC), consent=True, applications=2)

    world = asyncio.run(make())
    with serving(database_url, tmp_path) as running:
        yield world, running.url, database_url


def _reported(database_url: str) -> list[tuple[int, str]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT application_number, action FROM jobboard.action WHERE action <> 'APPLICATION_SUBMITTED' ORDER BY id"
        ).fetchall()


def _started(folder: Path, built: Path, board: tuple[w.World, str, str]) -> Project:
    world, url, _ = board
    assert w.ORGANIZATION == 12345, "the pages say so"
    return Project.clean(folder, built, url, CLIENT_ID=world.client_id, CLIENT_SECRET=world.client_secret)


def _delivered(port: int, path: str, number: int, secret: str) -> None:
    body = json.dumps(payload(number)).encode()
    assert send(port, path, body, signed(body, secret)) == (200, {})


def test_the_django_page_alone_adds_unghost_to_a_project(
    built: Path, board: tuple[w.World, str, str], tmp_path: Path
) -> None:
    world, _, database_url = board
    project = _started(tmp_path / "office", built, board)
    project.follow("add-to-a-django-project.md", end="## 6. Try it")
    number = world.applications[0]
    with _running(project, "python manage.py runserver --noreload {port}") as port:
        _delivered(port, "/webhook/board/12345", number, world.client_secret)
        for path in ("/candidates/1", "/candidates/1/resume", "/candidates/1/resume.txt"):
            assert _get(port, path) == 200
    project.run(
        """python manage.py shell -c '
from django.test import Client
client = Client(SERVER_NAME="localhost")
assert client.post("/candidates/reject", {"id": [1, 999]}).status_code == 302
'"""
    )
    waiting = project.run(
        """python manage.py shell -v 0 -c '
from unghost.ats.integrations.django.models import Activity
print(*Activity.objects.order_by("id").values_list("activity", "state"), sep="\\n")
'"""
    )
    kinds = ("viewed", "resume_displayed", "resume_downloaded", "rejected")
    assert waiting.splitlines()[-4:] == [f"('{kind}', 'waiting')" for kind in kinds]
    status, worked = _last_step(project, "add-to-a-django-project.md")
    assert "12345" in status
    assert _reported(database_url) == [
        (number, "APPLICATION_VIEWED"),
        (number, "RESUME_DOWNLOADED"),
        (number, "RESUME_DOWNLOADED"),
        (number, "APPLICATION_REJECTED"),
    ]
    assert "nothing more is due" in worked
    project.run("python manage.py migrate unghost_ats zero")


def test_the_sqlalchemy_page_alone_adds_unghost_to_a_project(
    built: Path, board: tuple[w.World, str, str], tmp_path: Path
) -> None:
    world, _, database_url = board
    project = _started(tmp_path / "office", built, board)
    project.follow("add-to-a-sqlalchemy-project.md", end="## 6. Try it")
    number = world.applications[0]
    serve = (
        "python -c 'from wsgiref.simple_server import make_server; from hiring.webhook import application; "
        'make_server("127.0.0.1", {port}, application).serve_forever()\''
    )
    with _running(project, serve) as port:
        _delivered(port, "/board/12345", number, world.client_secret)
    acts = "acts.open_record(1); acts.show_resume(1); acts.download_resume(1); acts.reject(1, 999)"
    project.run(f"python -c 'from hiring import acts; {acts}'")
    _, worked = _last_step(project, "add-to-a-sqlalchemy-project.md")
    assert "nothing more is due" in worked
    assert [action for _, action in _reported(database_url)] == [
        "APPLICATION_VIEWED", "RESUME_DOWNLOADED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED",
    ]  # fmt: skip
    project.run("python -c 'from hiring import acts; acts.take_rejection_back(1); acts.candidate_withdrew(1)'")
    project.run("unghost ats work --once")
    with psycopg.connect(database_url) as connection:
        withheld = connection.execute("SELECT reason FROM jobboard.notice WHERE action = 'APPLICATION_REJECTED'")
        assert withheld.fetchall() == [("withdrawn",)], "the applicant never hears of it"
    assert project.run("alembic check").strip().endswith("No new upgrade operations detected.")


def test_the_plain_sdk_brings_no_framework_and_loads_little(built: Path, tmp_path: Path) -> None:
    project = Project.clean(tmp_path / "plain", built)
    project.run("python -m pip install unghost")
    project.is_of_the_tree()
    listed = {one["name"].lower() for one in json.loads(project.run("python -m pip list --format=json"))}
    assert listed - {"pip", "setuptools", "wheel"} == {"unghost", "msgspec"}
    assert not listed & WEB
    count = "python -c 'import sys; bare = set(sys.modules); import {}; print(len(set(sys.modules) - bare))'"
    assert int(project.run(count.format("unghost.ats"))) - int(project.run(count.format("dataclasses, datetime"))) < 60
    project.run(
        """python -c '
import sqlite3
from unghost import ats
from unghost.ats.store import schema
connection = sqlite3.connect(":memory:")
for statement in schema.ddl("sqlite"):
    connection.execute(statement)
assert ats.record(connection, ats.viewed(1)) == ats.Recorded(written=0, left_out=1)
'"""
    )


def _last_step(project: Project, page: str) -> list[str]:
    said = project.follow(page, begin="## 6. Try it", end="if you must")
    return [said[0].rpartition("\n")[0], said[0]] if len(said) == 1 else said


@contextmanager
def _running(project: Project, command: str) -> Iterator[int]:
    """A server of the project on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = project.folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command.format(port=port)}"],
            cwd=project.folder,
            env=dict(project.environment),
            stdout=output,
            stderr=output,
        )
        try:
            wait_for(lambda: process.poll() is not None or _listens(port), seconds=120)
            assert process.poll() is None, log.read_text()
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _get(port: int, path: str) -> Any:
    import http.client

    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status
