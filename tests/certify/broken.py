"""The Flask example with one fault each: `python -m tests.certify.broken FAULT --port N` stands for `examples.whole`.

A proxy between its dispatcher and the board (or before its webhook) does what a bad ATS would do. It is as lossless as
it can be otherwise, so that nothing else fails.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from unghost.sandbox.talk import send
from unghost.wire import webhook

REPORTS = "/v2/jobApplicationLifecycleActions"
OTHER_CUSTOMER = "urn:li:organization:67890"
#: What an ATS that looks no further takes for done.
REFUSED = (400, 403, 404)


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes everything on to `target`; the faults change reports, or answers to them."""

    protocol_version = "HTTP/1.1"
    target = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(*self.serve(self.path, body, dict(self.headers)))

    def do_GET(self) -> None:
        self._answer(*self.forward(self.path, None, dict(self.headers)))

    do_DELETE = do_GET

    def serve(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return self.reported(body, headers) if path == REPORTS else self.forward(path, body, headers)

    def reported(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return self.forward(REPORTS, body, headers)

    def forward(self, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length")}
        connection = http.client.HTTPConnection(urlsplit(self.target).netloc, timeout=30)
        try:
            connection.request(self.command or "POST", path, body, kept | {"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def elements(body: bytes) -> list[dict[str, Any]]:
    given = json.loads(body)
    found: list[dict[str, Any]] = given.get("elements", [given])
    return found


def taken(body: bytes) -> tuple[int, dict[str, str], bytes]:
    """The answer of a board that has taken all of it."""
    if "elements" not in json.loads(body):
        return 201, {"X-RestLi-Id": "1"}, b""
    answered = [{"status": 201, "id": "1"} for _ in elements(body)]
    return 200, {"Content-Type": "application/json"}, json.dumps({"elements": answered}).encode()


def with_reports(body: bytes, reports: list[dict[str, Any]]) -> bytes:
    return json.dumps({"elements": reports} if "elements" in json.loads(body) else reports[0]).encode()


class Rewrites(Proxy):
    """Changes each report, and takes a refusal for done, as an ATS does that only logs it."""

    def change(self, report: dict[str, Any]) -> dict[str, Any]:
        return report

    def reported(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        changed = with_reports(body, [self.change(one) for one in elements(body)])
        answer = self.forward(REPORTS, changed, headers)
        refused = answer[0] == 200 and any(one["status"] in REFUSED for one in elements(answer[2]))
        return taken(body) if answer[0] in REFUSED or refused else answer


class FirstEventOnly(Proxy):
    """What was reported of an application once is never reported again."""

    told: ClassVar[dict[tuple[str, str], str]] = {}

    def reported(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        for one in elements(body):
            moment = self.told.setdefault((one["jobApplicationId"], one["action"]), str(one["performedAt"]))
            if moment != str(one["performedAt"]):
                return taken(body)
        return self.forward(REPORTS, body, headers)


class WrongOrganization(Rewrites):
    def change(self, report: dict[str, Any]) -> dict[str, Any]:
        return report | {"integrationContext": OTHER_CUSTOMER}


class Seconds(Rewrites):
    def change(self, report: dict[str, Any]) -> dict[str, Any]:
        return report | {"performedAt": report["performedAt"] // 1000}


class ParentToken(Rewrites):
    """Reports with the token of the partner itself."""

    token = ""

    def reported(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if not ParentToken.token:
            form = {
                "grant_type": "client_credentials",
                "client_id": os.environ["PARENT_CLIENT_ID"],
                "client_secret": os.environ["PARENT_CLIENT_SECRET"],
            }
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self.forward("/oauth/v2/accessToken", urlencode(form).encode(), kind)
            ParentToken.token = json.loads(answer[2])["access_token"]
        answer = super().reported(body, headers | {"Authorization": f"Bearer {ParentToken.token}"})
        if answer[0] == 401:
            ParentToken.token = ""
        return answer


class DroppedOn429(Proxy):
    def reported(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        answer = self.forward(REPORTS, body, headers)
        return taken(body) if answer[0] == 429 else answer


class BulkForgotten(Proxy):
    """Of rejections that were done at the same moment only the first is reported."""

    moments: ClassVar[dict[int, str]] = {}

    def reported(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        kept = []
        for one in elements(body):
            first = self.moments.setdefault(one["performedAt"], one["jobApplicationId"])
            if one["action"] != "APPLICATION_REJECTED" or first == one["jobApplicationId"]:
                kept.append(one)
        if not kept:
            return taken(body)
        answer = self.forward(REPORTS, with_reports(body, kept), headers)
        return answer if len(kept) == len(elements(body)) or answer[0] >= 400 else taken(body)


class LostOnRestart(Proxy):
    """What the board does not take at once waits in memory."""

    def reported(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        answer = self.forward(REPORTS, body, headers)
        if answer[0] != 503:
            return answer
        threading.Thread(target=self._later, args=(body, headers), daemon=True).start()
        return taken(body)

    def _later(self, body: bytes, headers: dict[str, str]) -> None:
        status = 503
        while status == 503:
            time.sleep(1)
            status = self.forward(REPORTS, body, headers)[0]


class WrongSignatureAccepted(Proxy):
    """Stands before the ATS: signs whatever comes as if the board had."""

    def serve(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/webhooks/"):
            kept = {name: value for name, value in headers.items() if name.lower() != webhook.SIGNATURE.lower()}
            headers = kept | {webhook.SIGNATURE: webhook.sign(os.environ["CLIENT_SECRET"], body)}
        return self.forward(path, body, headers)


class RejectedElsewhere(Proxy):
    """Stands before the ATS: who was added by hand and is rejected is reported, under a number of the ATS's own."""

    added: ClassVar[list[str]] = []

    def serve(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path == "/candidates/new":
            self.added.append(path)
        elif path == "/acts/reject" and self.added:
            self.added.clear()
            self._report()
        return self.forward(path, body, headers)

    def _report(self) -> None:
        board = os.environ["BOARD_URL"]
        form = {"grant_type": "client_credentials"}
        form |= {"client_id": os.environ["CLIENT_ID"], "client_secret": os.environ["CLIENT_SECRET"]}
        answer = send("POST", f"{board}/oauth/v2/accessToken", urlencode(form).encode())
        report = {"jobApplicationId": "urn:li:jobApplication:17", "action": "APPLICATION_REJECTED", "performedAt": 1}
        token = {"Authorization": f"Bearer {answer.json()['access_token']}", "X-RestLi-Method": "create"}
        send("POST", board + REPORTS, json.dumps(report).encode(), token)


#: Those that stand before the ATS, and not between its dispatcher and the board.
BEFORE = (WrongSignatureAccepted, RejectedElsewhere)
#: Each fault, and the case that names it.
FAULTS: dict[str, tuple[type[Proxy], str]] = {
    "first-event-only": (FirstEventOnly, "each-occurrence"),
    "wrong-organization": (WrongOrganization, "organization"),
    "seconds-for-milliseconds": (Seconds, "milliseconds"),
    "parent-token": (ParentToken, "child-token"),
    "dropped-on-429": (DroppedOn429, "too-many-calls"),
    "bulk-forgotten": (BulkForgotten, "bulk-reject"),
    "lost-on-restart": (LostOnRestart, "restart"),
    "wrong-signature-accepted": (WrongSignatureAccepted, "wrong-signature"),
    "rejected-elsewhere": (RejectedElsewhere, "elsewhere"),
}


def main(fault: str, port: str) -> int:
    proxy = FAULTS[fault][0]
    whole = [sys.executable, "-m", "examples.whole", "flask_ats", "--port"]
    before = proxy in BEFORE
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port) if before else 0), proxy)
    environment = dict(os.environ)
    if not before:
        proxy.target = os.environ["BOARD_URL"]
        environment["REPORT_TO"] = f"http://127.0.0.1:{server.server_port}"
    started = subprocess.Popen([*whole, "0" if before else port], env=environment, stdout=subprocess.PIPE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        assert started.stdout is not None
        if before:
            proxy.target = started.stdout.readline().decode().strip()
        serving: Callable[[], None] = server.serve_forever
        threading.Thread(target=serving, daemon=True).start()
        return started.wait()
    finally:
        started.terminate()
        started.wait(20)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[3]))
