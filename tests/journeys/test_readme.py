"""The commands that the documentation shows, run as they stand there against a demo: only the address is put in."""

from __future__ import annotations

import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest

from tests.house.sources import ROOT, text
from tests.journeys.playing import Demo, stops
from tests.sandbox.running import environment, wait_for

README, REPORT, CONNECT = "README.md", "docs/howto/report-from-an-ats.md", "docs/howto/connect-a-job-board.md"
SEED = {
    '"jobApplicationId":  "urn:li:jobApplication:12345678",',
    '"action": "APPLICATION_VIEWED",',
    '"performedAt": 1604600000017,',
    '"integrationContext": "urn:li:organization:12345"',
}

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: install it to run the examples")


def examples(page: str) -> list[str]:
    """The shell examples of a page that call the board, in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text(ROOT / page), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "curl " in block]


def run(demo: Demo, lines: list[str], **variables: str) -> str:
    """What a shell prints that runs these lines; whatever is refused fails."""
    shell = 'set -euo pipefail\ncurl() { command curl --silent --show-error --fail "$@"; echo; }\n'
    script = shell + "".join(lines).replace("127.0.0.1:8400", urlsplit(demo.base_url).netloc)
    known = environment(**variables) | {"NO_PROXY": "127.0.0.1"}
    done = subprocess.run(["bash", "-c", script], env=known, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def client(demo: Demo) -> dict[str, str]:
    return {"CLIENT_ID": demo.line["client_id"], "CLIENT_SECRET": demo.line["client_secret"]}


def test_the_readme_s_report_is_the_seed_s_and_becomes_a_mail_and_a_change_on_both_pages(demo: Demo) -> None:
    """spec R1, R3, R8, R11, R13"""
    token, report = examples(README)
    assert set(map(str.strip, report.splitlines())) >= SEED
    answer = run(demo, [token, report], **client(demo))
    assert answer.startswith("HTTP/1.1 201")
    said = "Your application was viewed by Harbour & Pine"
    wait_for(lambda: [mail for mail in demo.mails("mira.okafor@example.org") if mail["subject"] == said])
    browser = demo.signed_in(demo.line["applicant_login_url"])
    my_jobs = browser.get(f"{demo.base_url}/my-jobs", timeout=10).text
    entry = my_jobs.partition('id="application-12345678"')[2]
    assert "Viewed" in stops(entry)
    job = re.findall(r'href="(/jobs/\d+)"', entry)[0]
    assert "Viewed" in stops(browser.get(demo.base_url + job, timeout=10).text)
    again = run(demo, [token, report], **client(demo))
    assert id_of(again) == id_of(answer)


def test_the_readme_s_report_by_command_is_taken(demo: Demo) -> None:
    """spec R1"""
    line = next(
        block for block in re.findall(r"```sh\n(.*?)```", text(ROOT / README), re.DOTALL) if "unghost r" in block
    )
    line = re.sub(r" +#.*", "", line.partition("\n")[2])
    for option, value in zip(("--client-id …", "--client-secret …"), client(demo).values(), strict=True):
        assert option in line
        line = line.replace(option, option.replace("…", value).replace(" ", "=", 1))
    arguments = line.replace("\\\n", " ").split()[1:]
    done = demo.unghost(*arguments, "--base-url", demo.base_url)
    assert done.returncode == 0 and "201 taken" in done.stdout, done.stdout + done.stderr


def test_the_examples_of_how_to_report_are_taken(demo: Demo) -> None:
    """spec R1, R7"""
    token, single, batch = examples(REPORT)
    assert run(demo, [token, single], **client(demo)).startswith("HTTP/1.1 201")
    assert run(demo, [token, batch], **client(demo)).count('"status":201') == 2


def test_the_examples_of_how_to_connect_a_job_board_are_taken(demo: Demo) -> None:
    """spec R23, R28"""
    key = (demo.data_dir / "board-key").read_text().strip()
    # A customer of its own: the demo's is left as it is for other tests.
    lines = [block.replace("12345", "777001") for block in examples(CONNECT)]
    said = run(demo, lines, BOARD_KEY=key)
    assert "urn:li:jobApplication:" in said and '"timeline"' in said


def id_of(answer: str) -> str:
    """The id in an answer's head."""
    return re.findall(r"(?im)^x-restli-id: (\S+)", answer)[0]
