"""Plays with a demo that really runs: reports on one side, the applicant's pages and mails on the other."""

from __future__ import annotations

import html
import json
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.sandbox.running import environment, wait_for
from unghost.clock import SystemClock
from unghost.jobboard.links import BadLink, For, Links, secret_key

READY_SECONDS = 90.0
LIFECYCLE = "/v2/jobApplicationLifecycleActions"


def milliseconds() -> int:
    """Now, as a report has it."""
    return time.time_ns() // 1_000_000


@dataclass
class Demo:
    """A running `unghost demo --json`: `line` is what it printed."""

    process: subprocess.Popen[str]
    line: dict[str, Any]
    errors: Path
    verify: bool | str = True
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return str(self.line["base_url"])

    @property
    def data_dir(self) -> Path:
        return Path(self.line["data_dir"])

    def token(self, client_id: str | None = None, client_secret: str | None = None) -> str:
        """An access token of the first child application, or of another."""
        client_id = client_id or self.line["client_id"]
        if client_id not in self._tokens:
            secret = client_secret or self.line["client_secret"]
            answer = requests.post(
                f"{self.base_url}/oauth/v2/accessToken",
                data={"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret},
                verify=self.verify,
                timeout=10,
            )
            assert answer.status_code == 200, answer.text
            self._tokens[client_id] = answer.json()["access_token"]
        return self._tokens[client_id]

    def other_client(self) -> tuple[str, str]:
        """The child application of the customer without consent, and its secret."""
        secrets = json.loads((self.data_dir / "client-secrets.json").read_text())
        return next((key, value) for key, value in secrets.items() if key != self.line["client_id"])

    def report(self, application: str, action: str, performed_at: int | None = None, **more: Any) -> requests.Response:
        """One report, as the seed sends it."""
        token = more.pop("token", None) or self.token()
        body = {
            "jobApplicationId": application,
            "action": action,
            "performedAt": performed_at or milliseconds(),
            **more,
        }
        return requests.post(
            self.base_url + LIFECYCLE,
            data=json.dumps(body),
            headers={"Authorization": f"Bearer {token}", "x-restli-method": "create"},
            verify=self.verify,
            timeout=10,
        )

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """What the inbox has, oldest first."""
        answer = requests.get(
            self.line["inbox_url"], params={"to": to} if to else {}, headers={"Accept": "application/json"}, timeout=10
        )
        read: list[dict[str, Any]] = answer.json()
        return read[::-1]

    def mail(self, to: str, subject: str) -> dict[str, Any]:
        """The mail to this address whose subject says this, as soon as it is there."""
        return wait_for(lambda: next((m for m in self.mails(to) if subject in m["subject"]), None)) or {}

    def board(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A call to the board API."""
        key = (self.data_dir / "board-key").read_text().strip()
        answer = requests.request(
            method,
            f"{self.base_url}/board/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            verify=self.verify,
            timeout=10,
        )
        assert answer.status_code in (200, 201), answer.text
        read: dict[str, Any] = answer.json()
        return read

    def applied(self, organization: str | None = None) -> Applied:
        """Somebody new who has just applied for a job of their own."""
        name = uuid.uuid4().hex[:12]
        organization = organization or self.line["organization"]
        job = self.board("PUT", f"jobs/{organization}/{name}", {"title": f"Joiner {name}"})
        email = f"{name}@example.org"
        self.board("PUT", f"applicants/{name}", {"email": email, "name": f"Kim {name}"})
        sent = {"job": {"organization": organization, "externalId": name}, "applicant": name}
        application = self.board("POST", "applications", sent)
        return Applied(self, application["jobApplicationId"], email, name, job["url"])

    def explain(self, application: str) -> dict[str, Any]:
        """What `unghost explain --json` says."""
        done = self.unghost("explain", application, "--json", "--data-dir", str(self.data_dir))
        assert done.returncode == 0, done.stderr
        read: dict[str, Any] = json.loads(done.stdout)
        return read

    def unghost(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The `unghost` command, beside the demo."""
        return unghost(*arguments)

    def signed_in(self, url: str) -> requests.Session:
        """A browser that opened a link which signs in."""
        browser = requests.Session()
        browser.verify, browser.trust_env = self.verify, False
        assert browser.get(url, timeout=10).status_code == 200
        return browser


@dataclass
class Applied:
    """An application of somebody new."""

    demo: Demo
    urn: str
    email: str
    external_id: str
    job_url: str
    _browser: requests.Session | None = None

    def browser(self) -> requests.Session:
        """The applicant's browser, signed in by a link as it is mailed."""
        if self._browser is None:
            links = Links(secret_key(None, self.demo.data_dir))
            # The board API gives no ids; the preference link in the first mail names the applicant.
            word = re.findall(r"/preferences\?word=([\w.~-]+)", self.demo.mail(self.email, "received")["text"])[0]
            applicant = _subject(links, word)
            word = links.make(For.APPLICANT_LINK, applicant, None)
            self._browser = self.demo.signed_in(f"{self.demo.base_url}/sign-in?word={word}")
        return self._browser

    def pages(self) -> tuple[list[str], list[str]]:
        """The stops that My Jobs and the job's page show, in their words."""
        my_jobs = self.browser().get(f"{self.demo.base_url}/my-jobs", timeout=10)
        job = self.browser().get(self.job_url, timeout=10)
        assert my_jobs.status_code == job.status_code == 200
        return stops(my_jobs.text), stops(job.text)

    def everything(self) -> tuple[object, ...]:
        """All that anybody but the operator can see of this application."""
        get = self.browser().get
        addresses = [f"{self.demo.base_url}/my-jobs", self.job_url, f"{self.demo.base_url}/jobs"]
        return (
            *(get(address, timeout=10).text for address in addresses),
            self.demo.board("GET", f"applications/{self.urn}"),
            self.demo.board("GET", f"applicants/{self.external_id}/applications"),
            self.demo.mails(self.email),
        )


def stops(page: str) -> list[str]:
    """The names of the stops on a page."""
    return [html.unescape(name).strip() for name in re.findall(r'class="stop-name">([^<]*)<', page)]


def unghost(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the `unghost` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "unghost", *arguments],
        capture_output=True,
        text=True,
        env=environment(**more),
        timeout=60,
    )


@contextmanager
def demo(
    folder: Path, *options: str, verify: bool | str = True, command: str = "demo", **settings: str
) -> Iterator[Demo]:
    """A demo that runs until the block ends. `settings`: UNGHOST_… variables."""
    errors = folder / f"errors-{uuid.uuid4().hex[:6]}"
    with errors.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "unghost", command, "--json", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env=environment(**settings),
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the demo did not start: {errors.read_text()}"
        yield Demo(process, json.loads(line), errors, verify)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        process.stdout.close()


def descendants(root: int) -> set[tuple[int, str]]:
    """A process and all below it: (pid, start time), which no later process can have."""
    children: dict[int, list[int]] = {}
    for pid in map(int, filter(str.isdigit, (entry.name for entry in Path("/proc").iterdir()))):
        if (fields := _stat(pid)) is not None:
            children.setdefault(int(fields[1]), []).append(pid)
    found: set[tuple[int, str]] = set()
    open_ = [root]
    while open_:
        pid = open_.pop()
        if (fields := _stat(pid)) is not None:
            found.add((pid, fields[19]))
        open_ += children.get(pid, [])
    return found


def alive(processes: set[tuple[int, str]]) -> set[int]:
    """Those that still run."""
    return {pid for pid, started in processes if (fields := _stat(pid)) and fields[19] == started and fields[0] != "Z"}


def command(pid: int) -> list[str]:
    """The command line of a process; nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None


def _subject(links: Links, word: str) -> int:
    for purpose in For:
        with suppress(BadLink):
            return links.read(purpose, word, SystemClock().now())
    raise AssertionError(f"{word} was not signed here")
