"""The pytest plugin, as a suite in a folder of its own meets it (spec R38)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys import winding
from tests.journeys.playing import alive, command, descendants
from tests.sandbox import suites
from tests.sandbox.running import environment, wait_for

pytestmark = pytest.mark.timeout(300)  # each starts sandboxes, on machines that do other things, too
PLAIN = """
def test_one(unghost_board):
    assert unghost_board.applied().urn.startswith("urn:li:jobApplication:")
"""
CLAIMS = """
from datetime import datetime, timedelta
import pytest

VIEWED, DOWNLOADED, REJECTED = "APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED"

@pytest.fixture
def applied(unghost_board):
    return unghost_board.applied()

def reported(board, *actions):
    application = board.applied()
    for action in actions:
        assert board.report(application, action).status == 201
    return application

def test_once_however_often_it_is_reported(unghost_board, unghost_inbox):
    application = reported(unghost_board, VIEWED, DOWNLOADED, VIEWED, VIEWED)
    unghost_board.told_once(application, VIEWED)
    unghost_board.told_once(application.urn, DOWNLOADED)
    unghost_board.not_told(application, REJECTED)
    assert [mail.to for mail in unghost_inbox.mails()] == [application.email] * 2

def test_withheld_without_consent(unghost_board):
    unghost_board.consent(False)
    application = reported(unghost_board, VIEWED)
    unghost_board.not_told(application, VIEWED, reason="no_consent")
    unghost_board.not_told(application)
    unghost_board.consent(True)
    unghost_board.not_told(application)

def test_each_test_finds_the_board_empty_and_the_box_ticked(unghost_board, unghost_inbox, unghost_clock):
    assert unghost_inbox.mails() == []
    unghost_board.told_once(reported(unghost_board, VIEWED), VIEWED)
    unghost_clock.advance("300d")

def test_and_the_clock_at_the_real_time(unghost_clock, unghost_inbox):
    from datetime import UTC, datetime
    assert abs(unghost_clock.now() - datetime.now(UTC)) < timedelta(minutes=5)
    assert unghost_inbox.mails() == []

def test_after_72_hours(unghost_board, unghost_clock):
    application = reported(unghost_board, REJECTED)
    unghost_board.told_after("72h", application, REJECTED)
    assert unghost_clock.now() < unghost_clock.now()

def test_after_72_hours_that_are_long_over(unghost_board, unghost_clock):
    application = reported(unghost_board, REJECTED)
    unghost_clock.advance("10d")
    unghost_board.told_after(timedelta(hours=72), application, REJECTED)

def test_a_stopped_clock_stays_stopped(unghost_board, unghost_clock):
    unghost_clock.freeze()
    unghost_board.told_after("72h", reported(unghost_board, REJECTED), REJECTED)
    assert unghost_clock.now() == unghost_clock.now()

def test_a_rule_of_the_control_server_breaks_a_report(unghost_board, applied):
    import requests
    rule = {"when": {}, "what": {"status": 503}, "nth": 1}
    assert requests.post(unghost_board.control_url + "faults", json=rule, timeout=10).status_code == 201
    assert unghost_board.report(applied, VIEWED).status == 503

def test_and_is_gone_in_the_next_test(unghost_board, applied):
    assert unghost_board.report(applied, VIEWED).status == 201

def test_nothing_reported(unghost_board, applied):
    unghost_board.not_told(applied)
    unghost_board.told_once(applied, VIEWED)

def test_something_else_reported(unghost_board):
    unghost_board.told_after("72h", reported(unghost_board, VIEWED), REJECTED)

def test_refused(unghost_board, applied):
    assert unghost_board.report(applied, VIEWED, token="none").status == 401
    unghost_board.told_once(applied, VIEWED)

def test_answered_503_by_its_magic_number(unghost_board):
    application = unghost_board.applied(number=9901503)
    assert [unghost_board.report(application, VIEWED).status for _ in range(2)] == [503, 201]
    unghost_board.told_once(application, VIEWED)

def test_a_moment_without_an_offset_is_local_time(unghost_board, unghost_clock):
    local = datetime.now().replace(microsecond=0) + timedelta(minutes=5)
    stands = unghost_clock.freeze(local)
    assert stands == local.astimezone()
    application = unghost_board.applied()
    assert unghost_board.report(application, VIEWED, performed_at=local).status == 201
    [act] = [each for each in unghost_board.explain(application)["actions"] if each["action"] == VIEWED]
    assert datetime.fromisoformat(act["performed_at"]) == stands

def test_still_held(unghost_board):
    unghost_board.told_once(reported(unghost_board, REJECTED), REJECTED)

def test_held_longer_than_said(unghost_board):
    unghost_board.told_after("24h", reported(unghost_board, REJECTED), REJECTED)

def test_told_sooner_than_said(unghost_board):
    unghost_board.told_after("96h", reported(unghost_board, REJECTED), REJECTED)

def test_told_at_once_instead(unghost_board):
    unghost_board.told_after("1h", reported(unghost_board, VIEWED), VIEWED)

def test_told_after_all(unghost_board):
    unghost_board.not_told(reported(unghost_board, VIEWED))

def test_withheld(unghost_board):
    unghost_board.consent(False)
    unghost_board.told_after("72h", reported(unghost_board, REJECTED), REJECTED)

def test_withheld_for_another_reason(unghost_board):
    unghost_board.consent(False)
    unghost_board.not_told(reported(unghost_board, VIEWED), VIEWED, reason="consent_withdrawn")

def test_not_even_reported(unghost_board, applied):
    unghost_board.not_told(applied, VIEWED, reason="no_consent")

def test_no_such_action(unghost_board, applied):
    unghost_board.told_once(applied, "VIEWED")

def test_no_such_application(unghost_board):
    unghost_board.told_once("urn:li:jobApplication:1", VIEWED)

def test_no_such_time(unghost_clock):
    unghost_clock.advance("-1h")

def test_back_by_a_timedelta(unghost_clock):
    unghost_clock.advance(timedelta(hours=-1))

def test_a_number_is_no_time(unghost_clock):
    unghost_clock.advance(72)

def test_what_the_board_refuses(unghost_board):
    unghost_board.applied(email="nobody")
"""
FAILING = {
    "test_nothing_reported": "the board has had no report of APPLICATION_VIEWED for it: see that your ATS sends it",
    "test_something_else_reported": "no report of APPLICATION_REJECTED for it; it has had APPLICATION_VIEWED: see",
    "test_refused": "the board has had no report of APPLICATION_VIEWED for it: see that your ATS sends it",
    "test_still_held": "was not told: EMAIL held until",
    "test_held_longer_than_said": "once, after 24h, but was not told: EMAIL held until",
    "test_told_sooner_than_said": "once, after 96h, but was told after 3d: EMAIL handed to the mail server",
    "test_told_at_once_instead": "once, after 1h, but was told after",
    "test_told_after_all": "should not have been told of anything, but was told: EMAIL handed to the mail server",
    "test_withheld": "but is not told: EMAIL withheld: the customer had not ticked",
    "test_withheld_for_another_reason": "but was not told, but for 'no_consent', not for 'consent_withdrawn': EMAIL",
    "test_not_even_reported": "the board has had no report of APPLICATION_VIEWED for it",
    "test_no_such_action": "there is no action 'VIEWED': give one of APPLICATION_SUBMITTED, APPLICATION_VIEWED",
    "test_no_such_application": "no application 1: it was never received here, or came before the last reset",
    "test_no_such_time": "'-1h' goes back, and the clock goes forward only",
    "test_back_by_a_timedelta": "'-1h' goes back, and the clock goes forward only",
    "test_a_number_is_no_time": '72 is no time: give a text such as "72h", a timedelta or a datetime',
    "test_what_the_board_refuses": "the board refuses it: email",
}


def test_what_is_claimed_holds_or_the_failure_says_what_is_so(tmp_path: Path) -> None:  # spec R38
    done = suites.run(tmp_path, CLAIMS, TZ="IST-5:30")
    assert done.failures.keys() == FAILING.keys(), done.said
    for name, said in FAILING.items():
        assert said in done.failures[name]
    assert "sandbox/testing.py" not in done.said and "sandbox/talk.py" not in done.said  # the tests' own lines alone
    assert "Seen by the board at" in done.failures["test_still_held"]
    assert "POST /v2/jobApplicationLifecycleActions 401: " in done.said
    assert "APPLICATION_REJECTED by Tern - Harbour & Pine, performed" in done.said
    assert "Harbour & Pine has not ticked “Applicant notifications”" in done.said
    assert done.passed == {
        line.partition("(")[0].removeprefix("def ") for line in CLAIMS.splitlines() if line.startswith("def test_")
    } - set(FAILING)


@pytest.mark.parametrize("module", [suites.PLUGIN, "unghost.sandbox.testing"])
def test_nothing_heavy_is_imported(module: str) -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); __import__(sys.argv[1]); "
        "print({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, module], capture_output=True, text=True, env=environment(), timeout=60
    )
    assert done.stdout == "{'unghost'}\n", done.stderr


def test_a_suite_without_the_fixtures_starts_nothing(tmp_path: Path) -> None:
    suite = """
import sys
def test_plain():
    assert [name for name in sys.modules if name.startswith("unghost.sandbox.")] == ["unghost.sandbox.pytest_plugin"]
"""
    assert suites.run(tmp_path, suite).passed == {"test_plain"}


def test_each_worker_has_a_sandbox_of_its_own_and_none_is_left(tmp_path: Path) -> None:
    suite = """
import os
from pathlib import Path
import pytest
@pytest.mark.parametrize("number", range(6))
def test_alone(unghost_board, unghost_inbox, number):
    assert unghost_inbox.mails() == []
    application = unghost_board.applied()
    unghost_board.report(application, "APPLICATION_REJECTED")
    unghost_board.told_after("72h", application, "APPLICATION_REJECTED")
    Path(f"{os.environ['PYTEST_XDIST_WORKER']} {unghost_board.control_url.split(':')[-1][:-1]}").touch()
    Path(unghost_board.applied().urn).touch()
"""
    process = suites.begin(tmp_path, suite, "-n", "2", "--dist", "each")
    seen: set[tuple[int, str]] = set()

    def ended() -> bool:
        seen.update(descendants(process.pid))
        return process.poll() is not None

    wait_for(ended, 200)
    said, _ = process.communicate()
    assert "12 passed" in said
    boards = {path.name for path in tmp_path.glob("gw* *")}
    assert {name.partition(" ")[0] for name in boards} == {"gw0", "gw1"}
    assert len({name.partition(" ")[2] for name in boards}) == len(boards) == 2
    assert len(seen) > 10
    assert alive(seen) == set()


def test_a_ctrl_c_ends_the_sandbox_with_the_session(tmp_path: Path) -> None:
    process = suites.begin(tmp_path, suites.waiting(tmp_path))
    wait_for((tmp_path / "there").exists, 200)
    processes = descendants(process.pid)
    assert len(processes) > 5
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, "KeyboardInterrupt" in said) == (2, True)
    assert alive(processes) == set()


def test_a_worker_that_is_killed_takes_its_sandbox_with_it(tmp_path: Path) -> None:
    process = suites.begin(tmp_path, suites.waiting(tmp_path), "-n", "1")
    wait_for((tmp_path / "there").exists, 200)
    own = [pid for pid, _ in descendants(process.pid) if "--lifeline" in command(pid) and "sandbox" in command(pid)]
    worker = int(next(line.split()[1] for line in status(own[0]) if line.startswith("PPid:")))
    processes = descendants(worker)
    assert len(processes) > 5
    assert worker != process.pid
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not alive(processes))
    process.communicate(timeout=60)
    assert process.returncode == 1


def status(pid: int) -> list[str]:
    """What the system says of a process, line by line."""
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def test_a_sandbox_that_dies_is_told_by_its_last_words(tmp_path: Path) -> None:
    suite = """
import os, signal
from pathlib import Path
def test_kills(unghost_board):
    own = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if b"--lifeline" in path.read_bytes()
           and f"\\nPPid:\\t{os.getpid()}\\n" in path.with_name("status").read_text()]
    os.kill(own[0], signal.SIGKILL)
    os.waitid(os.P_PID, own[0], os.WEXITED | os.WNOWAIT)
def test_next(unghost_board):
    pass
"""
    done = suites.run(tmp_path, suite)
    assert done.passed == {"test_kills"}
    assert "has ended (exit code -9" in done.failures["test_next"]
    assert "\n" not in done.failures["test_next"]


def test_settings_and_options_are_the_suites_own(tmp_path: Path) -> None:
    suites.ini(tmp_path, "unghost_sandbox_options = UNGHOST_POLICY_HOLDS=APPLICATION_REJECTED=2h --data-dir kept")
    suite = """
def test_two_hours(unghost_board):
    application = unghost_board.applied()
    unghost_board.report(application, "APPLICATION_REJECTED")
    unghost_board.told_after("2h", application, "APPLICATION_REJECTED")
"""
    done = suites.run(tmp_path, suite, UNGHOST_POLICY_HOLDS="APPLICATION_REJECTED=9h")
    assert done.passed == {"test_two_hours"}, done.said
    assert (tmp_path / "kept" / "board-key").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--prot 1", "unghost's sandbox cannot start: Unknown option: --prot. Did you mean --port?"),
        ("--tls-cert none.pem", "unghost's sandbox cannot start: "),
        ("UNGHOST_POLICY_HOLDS=soon", "unghost's sandbox cannot start: "),
        ("--control-port {taken}", "unghost's sandbox cannot start: port {taken} cannot be used"),
    ],
)
def test_a_sandbox_that_cannot_start_says_why_in_one_sentence(tmp_path: Path, options: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        suites.ini(tmp_path, f"unghost_sandbox_options = {options.format(taken=port)}")
        done = suites.run(tmp_path, PLAIN)
    assert done.failures["test_one"].removeprefix('failed on setup with "Failed: ').startswith(said.format(taken=port))
    assert "\n" not in done.failures["test_one"]


def test_a_sandbox_that_is_not_installed_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "cyclopts.py").write_text("raise ModuleNotFoundError(\"No module named 'cyclopts'\")")
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    done = suites.run(tmp_path, PLAIN, PYTHONPATH=path)
    assert "(No module named 'cyclopts'): pip install 'unghost[sandbox]'" in done.failures["test_one"]


def test_a_sandbox_that_runs_already_is_used(tmp_path: Path) -> None:
    with winding.sandbox(tmp_path) as sandbox:
        stranger = sandbox.applied()
        used = suites.run(tmp_path, PLAIN, "--unghost-url", sandbox.control_url.rstrip("/"))
        assert used.passed == {"test_one"}, used.said
        assert sandbox.mails(stranger.email) == []
        board = suites.run(tmp_path, PLAIN, "--unghost-url", sandbox.base_url).failures["test_one"]
        assert (
            "is no sandbox's control server (it answers 404 at /story): give the address of the control page" in board
        )
        two = suites.run(tmp_path, PLAIN, "-n", "2", "--unghost-url", sandbox.control_url).failures["test_one"]
        assert "2 workers would empty it for each other: give -n 1" in two
    gone = suites.run(tmp_path, PLAIN, "--unghost-url", sandbox.control_url).failures["test_one"]
    assert f"the sandbox at {sandbox.control_url} does not answer" in gone
    none = suites.run(tmp_path, PLAIN, "--unghost-url", "localhost:1")
    assert "'localhost:1' is no address: give the control page's" in none.failures["test_one"]
    assert "During handling" not in none.said  # the sentence, once
