"""The demo is one process tree: whatever ends it, nothing is left running; what dies within is started again."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.journeys.playing import Demo, alive, command, descendants, unghost
from tests.journeys.playing import demo as run_demo
from tests.sandbox.running import environment, inbox, wait_for


def child(demo: Demo, part: str) -> int:
    """The process that runs this part, 0 if there is none just now."""
    for pid in alive(descendants(demo.process.pid)):
        if command(pid)[2:4] == ["unghost.sandbox.child", part]:
            return pid
    return 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_demo_and_all_it_started(tmp_path: Path, number: signal.Signals) -> None:
    with run_demo(tmp_path) as demo:
        processes = descendants(demo.process.pid)
        assert len(processes) > 6
        demo.process.send_signal(number)
        assert demo.process.wait(30) == 0
        assert alive(processes) == set()
        assert not demo.data_dir.exists()
        assert demo.errors.read_text() == ""


def test_nothing_is_left_when_the_demo_is_killed(tmp_path: Path) -> None:
    with run_demo(tmp_path) as demo:
        processes = descendants(demo.process.pid)
        demo.process.kill()
        wait_for(lambda: not alive(processes))
        assert not demo.data_dir.exists()


def test_a_signal_while_it_starts_leaves_nothing_either(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    arguments = [sys.executable, "-m", "unghost", "demo", "--json", "--port", "0", "--data-dir", str(folder)]
    starting = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment())
    wait_for((folder / "postgres").exists)
    starting.send_signal(signal.SIGTERM)
    assert starting.communicate(timeout=60)[0] == b""
    assert starting.returncode == 0
    running = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    assert not [pid for pid in running if str(folder) in " ".join(command(pid))]


@pytest.mark.parametrize("part", ["web", "dispatcher", "inbox"])
def test_a_part_that_dies_is_started_again(demo: Demo, part: str) -> None:
    before = child(demo, part)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: child(demo, part) not in (0, before))
    applied = demo.applied()  # the listening socket outlived the process: nobody is refused
    assert demo.mail(applied.email, "received")
    assert f"{part} ended (killed by SIGKILL) and is started again" in demo.errors.read_text()


def test_a_data_directory_is_one_sandboxs_at_a_time_however_that_ended(tmp_path: Path) -> None:
    kept = ("--data-dir", str(tmp_path / "kept"))
    with run_demo(tmp_path, *kept, "--control-port", "0", command="sandbox") as first:
        for other in ("demo", "sandbox"):
            done = unghost(other, "--json", "--port", "0", *kept)
            assert (done.returncode, done.stdout) == (2, "")
            said = f"a demo or sandbox runs in {kept[1]} already (process {first.process.pid}): end it, or give another"
            assert said in done.stderr and done.stderr.count("\n") == 1
        assert first.report(first.line["applications"][0], "APPLICATION_VIEWED").status_code == 201
        first.process.kill()
    with run_demo(tmp_path, *kept) as again:
        assert again.line["client_id"] == first.line["client_id"]


def test_the_same_data_directory_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with run_demo(tmp_path, "--data-dir", str(folder)) as first:
        wait_for(lambda: len(first.mails()) == 7)
        first.report(first.line["applications"][1], "APPLICATION_VIEWED")
        first.mail("mira.okafor@example.org", "viewed")
        before = first.mails()
    for name in ("client-secrets.json", "board-key", "secret.key", "inbox.jsonl"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    with run_demo(tmp_path, "--data-dir", str(folder)) as second:
        for same in ("client_id", "client_secret", "organization", "applications", "data_dir"):
            assert second.line[same] == first.line[same]
        assert second.mails() == before
        second.report(second.line["applications"][2], "APPLICATION_VIEWED")
        wait_for(lambda: len(second.mails()) == len(before) + 1)


def test_a_lost_secret_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with run_demo(tmp_path, "--data-dir", str(folder)) as first:
        pass
    (folder / "client-secrets.json").unlink()
    with run_demo(tmp_path, "--data-dir", str(folder)) as second:
        assert second.line["client_id"] == first.line["client_id"]
        assert second.token()


def test_a_database_by_url_is_used_and_left_running(tmp_path: Path, database_url: str) -> None:
    with run_demo(tmp_path, "--database-url", database_url) as demo:
        assert not (demo.data_dir / "postgres").exists()
        assert demo.mail("mira.okafor@example.org", "received")
    shown = unghost("customer", "list", "--database-url", database_url)
    assert "Harbour & Pine" in shown.stdout


def test_a_real_boards_database_and_mail_server_are_left_alone(tmp_path: Path) -> None:
    real = {"UNGHOST_DATABASE_URL": "postgresql://127.0.0.1:1/real", "UNGHOST_SMTP_URL": "smtp://127.0.0.1:1"}
    with run_demo(tmp_path, **real) as demo:
        assert demo.mail("mira.okafor@example.org", "received")


def test_mails_go_to_another_server_when_one_is_given(tmp_path: Path) -> None:
    with (
        inbox(tmp_path / "other.jsonl") as other,
        run_demo(tmp_path, "--smtp", f"smtp://127.0.0.1:{other.smtp_port}") as demo,
    ):
        assert demo.line["inbox_url"] is None
        wait_for(lambda: len(other.mails()) == 7)


def test_each_part_listens_on_a_port_of_its_own(demo: Demo) -> None:
    addresses = [demo.line["base_url"] + "/", demo.line["inbox_url"], demo.line["host_url"]]
    assert len({address.rsplit(":", 1)[1] for address in addresses}) == 3
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)
    host = requests.get(demo.line["host_url"], timeout=10).text
    assert f'src="{demo.base_url}/consent/widget.js"' in host and demo.line["client_id"] in host


def test_the_admins_link_signs_in(demo: Demo) -> None:  # spec R24
    browser = demo.signed_in(demo.line["admin_login_url"])
    page = browser.get(f"{demo.base_url}/admin/consent", timeout=10)
    assert page.status_code == 200 and "Harbour &amp; Pine" in page.text


def test_the_operators_link_signs_in(demo: Demo) -> None:  # spec R42
    browser = demo.signed_in(demo.line["operator_login_url"])
    page = browser.get(f"{demo.base_url}/operator", timeout=10)
    assert page.status_code == 200 and "APPLICATION_SUBMITTED" in page.text
    assert "In order" in browser.get(f"{demo.base_url}/operator/audit", timeout=10).text


def test_what_cannot_be_started_is_one_sentence(tmp_path: Path) -> None:
    wrong = {
        ("--port", "70000"): "port 70000 cannot be used",
        ("--tls-cert", "nowhere.pem"): "--tls-cert and --tls-key belong together",
        ("--smtp", "mail.example"): "UNGHOST_SMTP_URL is not an SMTP URL",
        ("--database-url", "postgresql://127.0.0.1:1/x"): "cannot be reached",
        ("--data-dir", "/proc/nowhere"): "/proc/nowhere",
    }
    for options, said in wrong.items():
        done = unghost("demo", "--json", *options)
        assert (done.returncode, done.stdout) == (2, ""), options
        assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_what_the_terminal_says_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "unghost", "demo", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment()) as running:
        assert running.stdout is not None
        said = list(itertools.takewhile(lambda line: "Ctrl-C stops it" not in line, running.stdout))
        begin = next(number for number, line in enumerate(said) if line.startswith("TOKEN="))
        end = next(number for number, line in enumerate(said) if "jobApplicationId" in line)
        pasted = subprocess.run(["bash", "-c", "".join(said[begin : end + 1])], capture_output=True, text=True)
        assert pasted.stdout.startswith("HTTP/1.1 201 Created"), pasted
        explain = next(line.split() for line in said if line.strip().startswith("unghost explain"))
        assert "handed to the mail server" in wait_for(
            lambda: told if (told := unghost(*explain[1:]).stdout).count("handed to") == 2 else ""
        )
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0


def test_the_line_is_one_line_of_json(demo: Demo) -> None:
    expected = {
        "base_url", "inbox_url", "client_id", "client_secret", "organization", "applications", "applicant_login_url",
        "admin_login_url", "operator_login_url", "data_dir",
    }  # fmt: skip
    assert set(demo.line) >= expected
    assert demo.line["applications"][0] == "urn:li:jobApplication:12345678"
    assert len(demo.line["applications"]) >= 5
    assert json.loads(json.dumps(demo.line)) == demo.line
