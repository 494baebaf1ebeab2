"""`unghost certify`: both example ATSs pass, and each broken one fails the case that names its fault (spec R39)."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from tests.certify.broken import FAULTS
from tests.house.sources import ROOT
from unghost.cli.certify import certify
from unghost.cli.frame import Wrong
from unghost.sandbox.certify.cases import CASES
from unghost.sandbox.session import Sandbox, started
from unghost.wire import webhook

pytestmark = pytest.mark.timeout(400)
Run = Callable[..., tuple[int, dict[str, str]]]
EXAMPLE = ROOT / "examples/flask_ats/certify.toml"
#: Waiting for what never comes costs a broken one this long.
SHORT = "[timeouts]\nstart = 60\nreport = 12\nquiet = 0.5\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with started([]) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Certifies; gives the exit code, and for each case what the JUnit XML says became of it."""
    monkeypatch.chdir(ROOT)

    def ran(file: Path, **options: object) -> tuple[int, dict[str, str]]:
        junit = tmp_path / "certify.xml"
        code = certify(file, junit=junit, **options)  # type: ignore[arg-type]
        cases = ElementTree.parse(junit).getroot().iter("testcase")
        return code, {
            str(case.get("name")): next((each.tag for each in case if each.tag != "system-out"), "passed")
            for case in cases
        }

    return ran


def test_the_flask_example_is_certified(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a sandbox of certify's own, whose clock it winds."""
    page = tmp_path / "certificate.html"
    code, cases = run(EXAMPLE, html=page)
    said = capsys.readouterr().out
    assert (code, cases) == (0, {case.id: "passed" for case in CASES}), said
    assert f"{len(CASES)} passed: Tern is certified" in said
    assert "the sandbox's clock was wound 73h on" in said
    shown = page.read_text()
    assert "is certified" in shown and "APPLICATION_REJECTED" in shown
    assert not re.search(r"""(src|href)=["']?(http|/)""", shown), "the page needs something else"


def test_the_django_example_is_certified(run: Run, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    code, cases = run(ROOT / "examples/django_ats/certify.toml", sandbox=sandbox.control.url)
    assert (code, cases) == (0, {case.id: "passed" for case in CASES}), capsys.readouterr().out


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_ats_fails_exactly_the_case_that_names_its_fault(
    fault: str, run: Run, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.toml"
    text = EXAMPLE.read_text().replace('"examples.whole", "flask_ats"', f'"tests.certify.broken", "{fault}"')
    file.write_text(text + SHORT)
    code, cases = run(file, sandbox=sandbox.control.url)
    wanted = {case.id: "passed" for case in CASES} | {FAULTS[fault][1]: "failure"}
    assert (code, cases) == (1, wanted), capsys.readouterr().out


def test_an_ats_that_never_answers_gets_a_report_all_the_same(
    run: Run, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "silent.toml"
    bound = socket.create_server(("127.0.0.1", 0))  # takes connections and says nothing
    url = f"http://127.0.0.1:{bound.getsockname()[1]}/webhooks/board/{{organization}}"
    silent = re.sub(r"(?m)^(webhook_url|start) = .*\n", "", EXAMPLE.read_text())
    silent = silent.replace("[ats]", f'[ats]\nwebhook_url = "{url}"').replace("[acts]", '[acts]\nrestart = "none"')
    file.write_text(silent + "[timeouts]\nstart = 0.5\narrive = 0.5\nact = 0.3\nreport = 0.5\nquiet = 0.1\n")
    page = tmp_path / "certificate.html"
    with bound:
        code, cases = run(file, sandbox=sandbox.control.url, html=page)
    assert (code, len(cases)) == (1, len(CASES))
    assert cases == {case.id: "error" for case in CASES} | {"challenge": "failure", "restart": "skipped"}
    said = capsys.readouterr().out
    assert f"nobody answers at {url.format(organization=12345)} after 0.5 seconds" in said
    assert "Tern is not certified" in said and "not certified" in page.read_text()


class Strict(http.server.BaseHTTPRequestHandler):
    """A webhook that answers challenges and no other GET, and takes no application."""

    secret = ""

    def do_GET(self) -> None:
        if self.path == "/find":
            return self._answer(200, b"nobody")
        if code := parse_qs(urlsplit(self.path).query).get("challengeCode"):
            answered = {"challengeCode": code[0], "challengeResponse": webhook.response(self.secret, code[0])}
            return self._answer(200, json.dumps(answered).encode())
        self.close_connection = True
        return None

    def do_POST(self) -> None:
        signed = webhook.SIGNATURE in self.headers
        self._answer(500 if signed else 401, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def test_a_webhook_that_takes_nothing_is_told_by_its_answers(
    run: Run, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is up, although it answers nothing but challenges; and only the first applicant is waited for."""
    Strict.secret = sandbox.story["client_secret"]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Strict)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    file = tmp_path / "strict.toml"
    acts = re.sub(r"(?s)^.*\[acts\]", '[acts]\nrestart = "none"', EXAMPLE.read_text())
    lookup = f'[lookup]\nurl = "{here}/find"\nfind = "id=([0-9]+)"\n'
    text = f'[ats]\nname = "Strict"\nwebhook_url = "{here}/hook"\n{lookup}{acts}'
    file.write_text(text.replace("{port}", "1") + "[timeouts]\nstart = 5\narrive = 12\n")
    page = tmp_path / "certificate.html"
    only = ["challenge", "delivered", "redelivery", "every-applicant"]
    code, cases = run(file, sandbox=sandbox.control.url, only=only, html=page)
    server.shutdown()
    server.server_close()
    said = capsys.readouterr().out
    wanted = {"challenge": "passed", "delivered": "failure", "redelivery": "error", "every-applicant": "error"}
    assert (code, cases) == (1, wanted), said
    assert said.count("500: Internal Server Error; only 200 counts") >= 3
    assert re.search(rf"#[0-9]+ POST {here}/hook → 500", said)
    entries = sandbox.control.ask("GET", f"journal?path={here}/hook&webhook=delivery")["entries"]
    assert all(f"#{entry['number']} POST" in page.read_text() for entry in entries)


def test_an_ats_that_cannot_be_started_is_told_with_its_last_words(
    run: Run, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(EXAMPLE.read_text().replace('"--port", "{port}"]', '"--prot", "{port}"]'))
    code, cases = run(file, sandbox=sandbox.control.url, only=["delivered"])
    assert (code, cases) == (1, {"delivered": "error"})
    said = " ".join(capsys.readouterr().out.split())
    assert "its last words: python -m examples.whole: error: unrecognized arguments: --prot" in said
    assert "Tern was tried in part" in said


def test_the_faults_of_a_sandbox_that_runs_are_removed_first(
    run: Run, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.control.ask("POST", "faults", {"when": {"route": "any"}, "what": {"status": 503}})
    code, cases = run(EXAMPLE, sandbox=sandbox.control.url, only=["challenge"])
    assert (code, cases) == (0, {"challenge": "passed"}), capsys.readouterr().out
    assert sandbox.control.ask("GET", "faults")["rules"] == []


def test_it_ends_at_the_first_failure_when_asked_to(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(EXAMPLE.read_text().replace('"--port", "{port}"]', '"--prot", "{port}"]'))
    code, cases = run(file, sandbox=sandbox.control.url, fail_fast=True)
    assert (code, list(cases)) == (1, ["challenge"])


def test_what_cannot_be_run_is_one_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    for given, said in (
        ({"only": ["hired"]}, "there is no case 'hired': there are challenge, wrong-signature"),
        ({"junit": tmp_path / "none/x.xml"}, "x.xml cannot be written: make the folder"),
        ({"html": tmp_path}, f"{tmp_path} is a folder: give the name of a file in it"),
        (
            {"junit": Path("/proc/x.xml")},
            "/proc/x.xml cannot be written (No such file or directory): give a place where you may write",
        ),
        ({"sandbox": "http://127.0.0.1:9"}, "the sandbox at http://127.0.0.1:9/ does not answer"),
    ):
        with pytest.raises(Wrong, match=re.escape(said)):
            certify(EXAMPLE, **given)
    unstarted = re.sub(r"(?m)^start = .*\n", "", EXAMPLE.read_text()).replace("[acts]", '[acts]\nrestart = "none"')
    file = tmp_path / "ats.toml"
    file.write_text(unstarted)
    with pytest.raises(Wrong, match="must know its board before: give --sandbox"):
        certify(file)
    with pytest.raises(Wrong, match="which ATS"):
        certify()


def test_the_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert certify(list=True) == 0
    said = capsys.readouterr().out
    assert all(case.id in said for case in CASES)
