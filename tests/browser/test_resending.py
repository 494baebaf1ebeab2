"""An application made on the board's page outlasts six failures of the ATS's webhook (spec R27, R28, R36).

A sandbox whose clock is wound through the waits, the Flask example as the ATS, and a door in between that stays shut.
"""

from __future__ import annotations

import http.server
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, FilePayload, expect

from tests.house.sources import ROOT
from tests.jobboard.pages.site import PDF
from tests.journeys.winding import Sandbox, sandbox
from tests.sandbox.running import answering, environment, wait_for
from unghost.jobboard.rules.resending import RESENDS
from unghost.sandbox.example_ats import webhook

pytestmark = pytest.mark.timeout(400)

RESUME = FilePayload(name=PDF[0], mimeType=PDF[2], buffer=PDF[1])


class Door(http.server.ThreadingHTTPServer):
    """Passes challenges on to the ATS, and applications only after it has refused some."""

    def __init__(self, ats: str, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ats, self.refusals, self.came = ats, refusals, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Door

    def do_GET(self) -> None:
        self._pass_on(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came += 1
        if self.server.came <= self.server.refusals:
            self.send_error(503)
        else:
            self._pass_on(body)

    def _pass_on(self, body: bytes | None) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        asked = urllib.request.Request(self.server.ats + self.path, body, headers, method=self.command)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def ats_of(box: Sandbox, folder: Path) -> Iterator[str]:
    """The Flask example as the ATS of the sandbox's first customer; its address."""
    line = box.line
    own = {"DATABASE_URL": f"sqlite:///{folder / 'ats.sqlite'}", "BOARD_URL": box.base_url}
    own |= {"CLIENT_ID": line["client_id"], "CLIENT_SECRET": line["client_secret"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.flask_ats", "--port", "0"],
        cwd=ROOT,
        env=environment(**own, ORGANIZATION=line["organization"]),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip().rstrip("/")
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def post_job(box: Sandbox, url: str) -> str:
    """A job whose applications go to this webhook; its task's URN."""
    job = {
        "externalJobPostingId": "HP-300",
        "title": "Chair Tester",
        "description": "Sit, and say how it was.",
        "location": "Aarhus, Denmark",
        "listedAt": 1604600000017,
        "companyApplyUrl": "https://harbourpine.example/jobs/300",
        "integrationContext": box.line["organization"],
        "onsiteApplyConfiguration": {"jobApplicationWebhookUrl": url},
    }
    headers = {"Authorization": f"Bearer {box.token()}", "X-RestLi-Method": "batch_create"}
    answer = requests.post(
        f"{box.base_url}/rest/simpleJobPostings", json={"elements": [job]}, headers=headers, timeout=10
    )
    [element] = answer.json()["elements"]
    assert element["status"] == 202, answer.text
    return str(element["id"])


def came(door: Door, times: int) -> None:
    """Wait until the application came so often."""
    wait_for(lambda: door.came == times, 60)


def task(box: Sandbox, urn: str) -> str:
    answer = requests.get(
        f"{box.base_url}/rest/simpleJobPostingTasks",
        params={"ids": urn},
        headers={"Authorization": f"Bearer {box.token()}"},
        timeout=10,
    )
    return str(answer.json()["results"][urn]["status"])


def test_an_application_outlasts_six_failures_of_the_webhook(browser: Browser, tmp_path: Path) -> None:
    with sandbox(tmp_path) as box, ats_of(box, tmp_path) as ats, answering(Door(ats, len(RESENDS))) as door:
        organization = int(box.line["organization"].rpartition(":")[2])
        urn = post_job(box, webhook(door.url, organization))
        wait_for(lambda: task(box, urn) == "SUCCEEDED", 60)

        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(f"{box.base_url}/jobs")
        page.get_by_role("link", name="Chair Tester").click()
        page.get_by_role("link", name="Apply for this job").click()
        page.get_by_label("Your name").fill("Ines Öst")
        page.get_by_label("E-mail address").fill("ines@applicant.example")
        page.get_by_label("Résumé").set_input_files(RESUME)
        page.get_by_role("button", name="Send application").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your application is in")

        for sends, wait in enumerate(RESENDS, 1):
            came(door, sends)
            page.goto(ats)
            expect(page.get_by_role("link", name="Ines Öst")).to_have_count(0)
            box.advance(f"{int(wait.total_seconds()) + 1}s")
        came(door, len(RESENDS) + 1)

        def arrived() -> bool:
            page.goto(ats)
            return page.get_by_role("link", name="Ines Öst").count() == 1

        wait_for(arrived, 60)
        context.close()
