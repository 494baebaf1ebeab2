"""Runs an example as a process, and clicks in it as a browser without JavaScript would."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import requests

from tests.ats.conftest import AtsDatabase
from tests.ats.sending import SECRET, payload, send, signed
from tests.house.sources import ROOT
from tests.sandbox.running import answering, environment
from unghost.sandbox.processes import listen

RESUMES = {
    "/resumes/text": ("text/plain", "Zoë builds <b>owls</b>".encode()),
    "/resumes/pdf": ("application/pdf", b"%PDF-1.4 x"),
}
#: Where each example keeps its candidates.
TABLES = {"flask_ats": "candidate", "django_ats": "curlew_candidate"}


@dataclass
class Ats:
    """A running example."""

    url: str
    database: AtsDatabase
    board: str
    candidates: str
    browser: requests.Session = field(default_factory=requests.Session)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def deliver(self, number: int, resume: str = "text", **names: str) -> int:
        """An application arrives from the board. Gives the candidate's id."""
        given = payload(number, **names)
        answer = given["questionResponses"]["resumeQuestionResponses"]["resumeQuestionAnswer"]
        answer["mediaUrl"] = f"{self.board}/resumes/{resume}"
        body = json.dumps(given).encode()
        assert send(self.port, "/webhooks/board/12345", body, signed(body)) == (200, {})
        return int(self.database.all(f"SELECT ats_id FROM unghost_application WHERE number = {number}")[0][0])

    def open(self, path: str, **options: Any) -> requests.Response:
        return self.browser.get(self.url + path, timeout=30, **options)

    def press(self, page: str, button: str, **fields: Any) -> requests.Response:
        """Open a page, fill its form and press the button that leads there."""
        shown = self.open(page).text
        assert f'formaction="{button}"' in shown or "formaction" not in shown, f"{page} has no button for {button}"
        return self.send(button, hidden(shown) | fields)

    def send(self, button: str, fields: dict[str, Any]) -> requests.Response:
        return self.browser.post(self.url + button, data=fields, timeout=30)

    def said(self, answer: requests.Response) -> str:
        """What the page says at its top."""
        found = re.search(r'<p class="said[^>]*>(.*?)</p>', answer.text, re.DOTALL)
        return unescape(found[1]) if found else ""

    def activities(self) -> list[tuple[int, str]]:
        return [(row[0], row[1]) for row in self.database.recorded()]

    def stages(self) -> list[str]:
        return [row[0] for row in self.database.all(f"SELECT stage FROM {self.candidates} ORDER BY id")]


def hidden(page: str) -> dict[str, str]:
    """The fields of a page's form that nobody sees."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))


class _Board(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        media_type, content = RESUMES.get(self.path, ("", b""))
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", media_type or "text/plain")
        self.send_header("Content-Disposition", f"attachment; filename*=UTF-8''zo%C3%AB.{self.path.rpartition('/')[2]}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def board() -> Iterator[str]:
    """A board that hands out résumés."""
    with answering(http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Board)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def running(example: str, database: AtsDatabase, board_url: str, log: Path) -> Iterator[Ats]:
    """The example on a socket that it inherits, as the demo starts it."""
    variables = {
        "DATABASE_URL": database.url.replace("+psycopg", ""),
        "BOARD_URL": board_url,
        "CLIENT_ID": "tern-12345",
        "CLIENT_SECRET": SECRET,
        "ORGANIZATION": "urn:li:organization:12345",
        "CUSTOMER_NAME": "Harbour & Pine",
    }
    bound = listen("127.0.0.1", 0)
    command = [sys.executable, "-m", f"examples.{example}", "--listen-fd", str(bound.fileno())]
    with bound, log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**variables),
            pass_fds=[bound.fileno()],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline().decode().strip()
            assert line.startswith("http://127.0.0.1:"), log.read_text()
            yield Ats(line.rstrip("/"), database, board_url, TABLES[example])
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()
