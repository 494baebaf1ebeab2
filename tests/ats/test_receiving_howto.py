"""docs/howto/receive-applications.md, followed to the letter: each view in under 30 lines (spec R32)."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.ats.sending import payload, signed
from tests.house.sources import ROOT
from tests.sandbox.running import environment
from unghost.ats.store import schema

PAGE = (ROOT / "docs" / "howto" / "receive-applications.md").read_text(encoding="utf-8")
BODY = json.dumps(payload(50001)).encode()
#: Posts one application to the WSGI application `app` of the module that the page shows.
POST_WSGI = f"""
import io
def start(status, headers, exc_info=None):
    print(status)
environ = {{
    "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/webhook/linkedin/12345", "QUERY_STRING": "",
    "CONTENT_LENGTH": "{len(BODY)}", "wsgi.input": io.BytesIO({BODY!r}), "SERVER_NAME": "ats", "SERVER_PORT": "80",
    "wsgi.url_scheme": "http", "HTTP_X_LI_SIGNATURE": "{signed(BODY, "the secret")}", "wsgi.errors": None,
    "wsgi.version": (1, 0), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": True,
}}
print(b"".join(app(environ, start)))
"""
POST_ASGI = f"""
import asyncio
async def receive():
    return {{"type": "http.request", "body": {BODY!r}}}
async def send(message):
    print(message.get("status", ""))
scope = {{
    "type": "http", "asgi": {{"version": "3.0"}}, "http_version": "1.1", "method": "POST", "scheme": "http",
    "path": "/webhook/linkedin/12345", "raw_path": b"/webhook/linkedin/12345", "root_path": "", "query_string": b"",
    "headers": [(b"x-li-signature", b"{signed(BODY, "the secret")}")], "server": ("ats", 80), "client": ("board", 1),
}}
asyncio.run(app(scope, receive, send))
"""
DJANGO = """
import os
from django.conf import settings
path_of_database = os.environ["DATABASE_URL"].rpartition("sqlite:///")[2]
settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF="ats", INSTALLED_APPS=["candidates"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": path_of_database}},
)
import django
django.setup()
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""
MODELS = """
from django.db import models


class Candidate(models.Model):
    name = models.TextField()
    email = models.TextField()
    job = models.TextField()
    source = models.TextField()

    class Meta:
        db_table = "candidate"
"""


def shown(heading: str) -> str:
    (code,) = re.findall(
        r"```python\n(.*?)```", PAGE.partition(f"### {heading}\n")[2].partition("\n### ")[0], re.DOTALL
    )
    return str(code)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "ats.sqlite"
    (row,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    with closing(sqlite3.connect(path)) as connection:
        for statement in schema.ddl("sqlite"):
            connection.execute(statement)
        connection.execute(row)
        connection.execute(
            "CREATE TABLE candidate (id integer PRIMARY KEY, name text, email text, job text, source text)"
        )
        connection.commit()
    return path


@pytest.mark.parametrize(
    ("heading", "needs", "driver", "before", "after"),
    [
        ("Flask, or any WSGI server", "flask", "sqlite", "", POST_WSGI),
        ("FastAPI, Starlette, or any ASGI server", "fastapi", "sqlite+aiosqlite", "", POST_ASGI),
        ("Django", "django", "sqlite", DJANGO, POST_WSGI),
    ],
)
def test_a_view_that_is_mounted_as_the_page_shows_receives_an_application(
    database: Path, tmp_path: Path, heading: str, needs: str, driver: str, before: str, after: str
) -> None:
    pytest.importorskip(needs)
    code = shown(heading)
    assert len(code.splitlines()) < 30
    (tmp_path / "candidates").mkdir()
    (tmp_path / "candidates" / "__init__.py").touch()
    (tmp_path / "candidates" / "models.py").write_text(MODELS)
    (tmp_path / "ats.py").write_text(code)
    program = f"{before}\nif not {before!r}:\n    from ats import app\n{after}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(LINKEDIN_SECRET_12345="the secret", DATABASE_URL=f"{driver}:///{database}"),
    )
    assert "200" in done.stdout, done.stdout + done.stderr
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT name, email, job, source FROM candidate").fetchall()
        assert rows == [("Zoë Nguyễn 🦉", "zoe@people.example", "REQ-7", "LinkedIn apply")]
        assert connection.execute("SELECT number, ats_id FROM unghost_application").fetchall() == [(50001, "1")]


def test_every_answer_of_the_view_stands_on_the_page() -> None:
    from unghost.ats.webhook import Problem

    assert {each for each in Problem if f"`{each}`" not in PAGE} == set()
