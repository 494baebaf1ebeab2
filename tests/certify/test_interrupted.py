"""`unghost certify` that is ended by a signal: a report all the same, and nothing left running (spec R39)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from tests.house.sources import ROOT
from tests.sandbox.running import wait_for
from unghost.sandbox.certify.cases import CASES

pytestmark = pytest.mark.timeout(300)
FILE = """
[ats]
webhook_url = "http://127.0.0.1:{port}/hook"
start = ["{python}", "-m", "tests.certify.endless", "--port", "{port}", "MARK" ANSWERS]
[timeouts]
arrive = 0.5
[acts]
view = { person = "open {name}" }
download = { person = "download {name}" }
reject = { person = "reject {name}" }
display = "none"
bulk_reject = "none"
unreject = "none"
elsewhere = "none"
"""


@pytest.mark.parametrize(
    ("number", "answers", "before"),
    [(signal.SIGTERM, "", 0), (signal.SIGINT, ', "--answers"', 1)],
    ids=["SIGTERM while it starts", "SIGINT in a case"],
)
def test_a_run_that_is_ended_leaves_a_report_and_nothing_else(
    number: signal.Signals, answers: str, before: int, tmp_path: Path
) -> None:
    file, mark, junit, page = (tmp_path / name for name in ("ats.toml", "mark", "certify.xml", "page.html"))
    file.write_text(FILE.replace("MARK", str(mark)).replace(" ANSWERS", answers))
    words = (tmp_path / "said").open("w+b")
    command = [sys.executable, "-m", "unghost", "certify", str(file), "--junit", str(junit), "--html", str(page)]
    with words, subprocess.Popen(command, cwd=ROOT, stdout=words, stderr=words, start_new_session=True) as running:
        try:
            wait_for(lambda: mark.exists() and (not before or b"challenge" in Path(words.name).read_bytes()), 120)
            running.send_signal(number)
            code = running.wait(60)
        finally:
            running.kill()
    said = Path(words.name).read_text()
    assert code == 128 + number, said
    results = {str(case.get("name")): case for case in ElementTree.parse(junit).getroot().iter("testcase")}
    assert list(results) == [case.id for case in CASES]
    errors = [error.get("message") for case in results.values() for error in case.iter("error")]
    assert errors == ["interrupted"] * (len(CASES) - before)
    assert "was tried in part" in said and "was tried in part" in page.read_text()
    pid, board = mark.read_text().split()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)

    def gone() -> bool:
        with socket.socket() as asking:
            return asking.connect_ex((urlsplit(board).hostname, urlsplit(board).port)) != 0

    assert gone()
