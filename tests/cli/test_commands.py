"""The command's own manners: help at once, one sentence for what is wrong, mails rendered, the set-up examined."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import pytest
import requests

from tests.cli.conftest import Unghost
from tests.sandbox.running import environment, inbox, wait_for
from unghost.cli import reading
from unghost.cli.frame import Wrong
from unghost.cli.report import token_url

COMMANDS = (
    "demo", "serve", "work", "migrate", "partner", "partner add", "partner rotate", "partner revoke", "partner list",
    "customer", "customer add", "customer list", "customer show", "customer hold", "customer consent", "customer admin",
    "job", "job add", "job list", "job close", "report", "explain", "mail", "mail render", "doctor",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(unghost: Unghost, command: str) -> None:
    done = unghost(*command.split(), "--help")
    assert done.code == 0 and f"Usage: unghost {command}" in done.out


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from unghost.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('heavy:', [m for m in ('psycopg', 'starlette', 'uvicorn', 'jinja2', 'aiosmtpd') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stderr


@pytest.mark.parametrize(
    "arguments", [("nothing",), ("serve", "--prot", "1"), ("serve", "--port", "x"), ("report",), ("job", "close")]
)
def test_what_is_mistyped_is_one_sentence(unghost: Unghost, arguments: tuple[str, ...]) -> None:
    done = unghost(*arguments)
    assert done.code == 2
    assert done.err.startswith("unghost: ") and done.err.count("\n") == 1 and "--help" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--processes", "0"), "give a number from 1 to 64"),
        (("serve", "--port", "99999"), "cannot listen on 127.0.0.1:99999"),
        (("serve", "--host", "nowhere.invalid"), "cannot listen on nowhere.invalid"),
        (("serve", "--tls-cert", "x.pem"), "belong together"),
        (("serve", "--tls-cert", "x.pem", "--tls-key", "y.pem"), "cannot be used"),
        (("report", "1", "APPLICATION_VIEWED"), "nothing to report with"),
        (("report", "1", "APPLICATION_VIEWED", "--base-url", "ftp://x", "--token", "t"), "not an origin"),
        (
            ("report", "1", "APPLICATION_VIEWED", "--base-url", "http://127.0.0.1:1", "--token", "t"),
            "cannot be reached",
        ),
        (("report", "1", "APPLICATION_VIEWED", "--performed-at", "today", "--token", "t"), "--performed-at is 'today'"),
        (("report", "1", "APPLICATION_VIEWED", "--token", "t\nX: y"), "no header can carry"),
        (("report", "1", "APPLICATION_VIEWED", "--token", "t", "--ca-file", "nowhere.pem"), "cannot be used"),
        (("mail", "render", "APPLICATION_ADMIRED", "--to", "x.html"), "the policy knows"),
        (("mail", "render", "APPLICATION_VIEWED", "--to", "x.pdf"), ".html, .txt, .eml"),
        (("mail", "render", "APPLICATION_VIEWED", "--to", "x.html", "--language", "tlh"), "mails are written in en"),
        (("mail", "render", "APPLICATION_VIEWED", "--to", "/nowhere/x.html"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(unghost: Unghost, arguments: tuple[str, ...], said: str) -> None:
    done = unghost(*arguments)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert said in done.err


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("1604600000017", datetime(2020, 11, 5, 18, 13, 20, 17000, tzinfo=UTC)),
        ("2020-11-05T18:13:20Z", datetime(2020, 11, 5, 18, 13, 20, tzinfo=UTC)),
        ("2020-11-05T19:13:20+01:00", datetime(2020, 11, 5, 18, 13, 20, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_people_write_them(given: str, read: datetime) -> None:
    assert reading.moment("--performed-at", given, read) == read


@pytest.mark.parametrize("given", ["2020-11-05T18:13:20", "99999999999999999999", "1e9", "", "٣"])
def test_moments_that_are_not_clear_are_refused(given: str) -> None:
    with pytest.raises(Wrong, match="--performed-at is"):
        reading.moment("--performed-at", given, datetime(2020, 1, 1, tzinfo=UTC))


def test_linkedins_tokens_come_from_another_host_than_its_api() -> None:  # spec R35
    assert token_url("https://api.linkedin.com") == "https://www.linkedin.com/oauth/v2/accessToken"
    assert token_url("http://127.0.0.1:8400") == "http://127.0.0.1:8400/oauth/v2/accessToken"


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("action", ["APPLICATION_SUBMITTED", "APPLICATION_VIEWED", "APPLICATION_REJECTED"])
def test_each_mail_is_rendered_to_each_kind_of_file(  # spec R21
    unghost: Unghost, tmp_path: Path, action: str, language: str
) -> None:
    for kind in (".html", ".txt", ".eml"):
        path = tmp_path / f"mail{kind}"
        where = ("--data-dir", str(tmp_path / "data"))
        done = unghost("mail", "render", action, "--language", language, "--to", str(path), *where)
        assert done.code == 0, done.err
        assert f"{path.stat().st_size} bytes" in done.out.replace("\n", "")
    assert f'lang="{language}"' in (tmp_path / "mail.html").read_text()
    message = message_from_bytes((tmp_path / "mail.eml").read_bytes())
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Content-Language"] == language


def test_doctor_finds_a_good_set_up_in_order(here: Unghost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with inbox(tmp_path / "inbox.jsonl") as running:
        monkeypatch.setenv("UNGHOST_SMTP_URL", f"smtp://127.0.0.1:{running.smtp_port}")
        monkeypatch.setenv("UNGHOST_SECRET_KEY", "k" * 40)
        monkeypatch.setenv("UNGHOST_BASE_URL", "http://127.0.0.1:1")
        done = here("doctor", "--data-dir", str(tmp_path / "data"))
    assert (done.code, done.err) == (0, "")
    assert "Everything is in order." in done.out and "wrong" not in done.out


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("UNGHOST_COLOUR", "blue", "is not a setting"),
        ("UNGHOST_DATABASE_URL", "postgresql://127.0.0.1:1/x", "cannot be reached"),
        ("UNGHOST_SMTP_URL", "smtp://127.0.0.1:1", "127.0.0.1:1 does not answer (Connection refused)"),
        ("UNGHOST_SMTP_URL", "smtp+starttls://127.0.0.1:1", "does not answer"),
        ("UNGHOST_BASE_URL", "http://jobs.example", "is not https"),
        ("UNGHOST_SECRET_KEY", "short", "shorter than 32 characters"),
        ("UNGHOST_MAIL_FROM", "nobody", "UNGHOST_MAIL_FROM"),
        ("UNGHOST_DKIM_KEY", "nonsense", "UNGHOST_DKIM_KEY cannot sign"),
    ],
)
def test_doctor_says_what_is_wrong_and_how_to_mend_it(
    unghost: Unghost,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv("UNGHOST_DATABASE_URL", database_url)
    monkeypatch.setenv(name, value)
    done = unghost("doctor", "--data-dir", str(tmp_path / "data"))
    assert done.code == 1
    assert said in " ".join(done.out.split())


def test_doctor_names_what_is_not_migrated(unghost: Unghost, database_url: str, tmp_path: Path) -> None:
    server, _, query = database_url.partition("?")
    empty = f"{server.rpartition('/')[0]}/postgres?{query}"
    done = unghost("doctor", "--database-url", empty, "--data-dir", str(tmp_path / "data"))
    assert done.code == 1 and "run `unghost migrate`" in done.out


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "unghost", *arguments], stderr=subprocess.PIPE, text=True, env=environment(**settings)
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_serve_and_work_make_a_board_that_stops_in_order(  # spec R40, R41
    here: Unghost, database_url: str, tmp_path: Path
) -> None:
    here("customer", "add", "12345", "Harbour & Pine")
    shared = {"UNGHOST_DATABASE_URL": database_url, "UNGHOST_DATA_DIR": str(tmp_path), "UNGHOST_BOARD_KEYS": "key"}
    with inbox(tmp_path / "inbox.jsonl") as running:
        shared["UNGHOST_SMTP_URL"] = f"smtp://127.0.0.1:{running.smtp_port}"
        with (
            started("serve", "--port", "0", "--processes", "2", **shared) as serve,
            started("work", "--processes", "2", **shared) as work,
        ):
            assert serve.stderr is not None and work.stderr is not None
            hint, address = serve.stderr.readline(), serve.stderr.readline().split()[-1]
            assert f"UNGHOST_BASE_URL={address}" in hint
            assert work.stderr.readline().startswith("unghost tells what is due, 2 dispatcher(s)")
            assert requests.get(f"{address}/readyz", timeout=30).json() == {"status": "ready"}
            key = {"Authorization": "Bearer key"}
            for path, body in (
                ("jobs/12345/j", {"title": "Joiner"}),
                ("applicants/kim", {"email": "kim@example.org", "name": "Kim"}),
            ):
                assert requests.put(f"{address}/board/v1/{path}", json=body, headers=key, timeout=10).ok
            applied = {"job": {"organization": "12345", "externalId": "j"}, "applicant": "kim"}
            assert requests.post(f"{address}/board/v1/applications", json=applied, headers=key, timeout=10).ok
            (mail,) = wait_for(running.mails)
            assert mail["to"] == "kim@example.org"
            for process in (serve, work):
                process.send_signal(signal.SIGTERM)
            assert (serve.wait(30), work.wait(30)) == (0, 0)
            with pytest.raises(requests.ConnectionError):
                requests.get(address, timeout=5)


def test_work_without_a_mail_server_says_that_mails_wait(database_url: str, tmp_path: Path) -> None:
    with started("work", "--data-dir", str(tmp_path), UNGHOST_DATABASE_URL=database_url) as work:
        assert work.stderr is not None
        assert "mails wait until UNGHOST_SMTP_URL names a mail server" in work.stderr.readline()
        os.kill(work.pid, signal.SIGINT)
        assert work.wait(30) == 0
