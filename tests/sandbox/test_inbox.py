"""The inbox takes mails on a real socket and shows them as a person would read them (issue 2, point 8)."""

from __future__ import annotations

import os
import smtplib
import stat
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.sandbox.running import RunningInbox, inbox, wait_for


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningInbox]:
    with inbox(tmp_path / "inbox.jsonl") as started:
        yield started


def mail(
    subject: str = "Your application", to: str = "mira@example.org", message_id: str | None = "<1@board>"
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Board <jobs@board.example>", f"Mira <{to}>", subject
    if message_id:
        message["Message-ID"] = message_id
    message.set_content("First line.\n.begins with a dot\n\nEnds with a dot.\n")
    message.add_alternative("<h1>Grüße</h1><script>document.title='caught'</script><a href='/x'>x</a>", subtype="html")
    return message.as_bytes(policy=SMTP)


def send(running: RunningInbox, content: bytes, *to: str) -> None:
    with smtplib.SMTP("127.0.0.1", running.smtp_port, timeout=10) as client:
        client.sendmail("jobs@board.example", to or ("mira@example.org",), content)


def get(url: str) -> tuple[dict[str, str], str]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode(errors="replace")


def test_a_mail_is_answered_as_json_with_its_parts_decoded(running: RunningInbox) -> None:
    send(running, mail("Ihre Bewerbung als Köchin"))
    (got,) = running.mails()
    assert got["to"] == "mira@example.org"
    assert got["subject"] == got["headers"]["Subject"] == "Ihre Bewerbung als Köchin"
    assert got["text"] == "First line.\n.begins with a dot\n\nEnds with a dot.\n"
    assert "Grüße" in got["html"]
    assert got["headers"]["Message-ID"] == "<1@board>"
    assert datetime.fromisoformat(got["received_at"]).tzinfo is not None
    assert got["copies"] == 1


def test_the_newest_mail_comes_first_and_one_recipient_can_be_asked_for(running: RunningInbox) -> None:
    send(running, mail("one", message_id="<1@b>"))
    send(running, mail("two", message_id="<2@b>"), "jonas@example.net")
    assert [m["subject"] for m in running.mails()] == ["two", "one"]
    assert [m["subject"] for m in running.mails("?to=mira@example.org")] == ["one"]
    assert [m["subject"] for m in running.mails("?limit=1")] == ["two"]


def test_a_mail_whose_message_id_is_there_already_is_kept_once_and_counted(running: RunningInbox) -> None:
    for _ in range(3):
        send(running, mail())
    send(running, mail(), "jonas@example.net")
    assert [(m["to"], m["copies"]) for m in running.mails()] == [("jonas@example.net", 1), ("mira@example.org", 3)]


def test_mails_without_a_message_id_are_all_kept(running: RunningInbox) -> None:
    for _ in range(2):
        send(running, mail(message_id=None))
    assert len(running.mails()) == 2


def test_a_folded_message_id_is_found(running: RunningInbox) -> None:
    folded = mail().replace(b"Message-ID: <1@board>", b"message-id:\r\n <1@board>")
    for content in (mail(), folded):
        send(running, content)
    assert [m["copies"] for m in running.mails()] == [2]


@pytest.mark.parametrize(
    "content",
    [b"", b"no header at all", b"\xff\xfe\r\n\r\n\xff", b"Subject: \xff\r\n\r\n\xff", b"Content-Type: x/\r\n\r\n.\r\n"],
)
def test_whatever_is_sent_is_shown(running: RunningInbox, content: bytes) -> None:
    send(running, content)
    send(running, mail())
    assert len(running.mails()) == 2
    for number in (1, 2):
        for path in ("", "/html", "/raw"):
            get(f"{running.url}messages/{number}{path}")
    get(running.url)


def test_a_restart_keeps_the_mails_and_passes_over_a_cut_off_line(tmp_path: Path) -> None:
    path = tmp_path / "inbox.jsonl"
    with inbox(path) as first:
        send(first, mail("Grüße"))
        before = first.mails()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("a") as file:
        file.write('{"received_at": "2026-')
    with inbox(path) as second:
        assert second.mails() == before
        send(second, mail(message_id="<2@board>"))
    with inbox(path) as third:
        assert len(third.mails()) == 2


def test_a_mails_html_has_no_rights_in_the_inbox(running: RunningInbox) -> None:
    send(running, mail())
    headers, _ = get(f"{running.url}messages/1/html")
    policy = headers["content-security-policy"]
    assert "sandbox allow-popups" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy
    headers, page = get(f"{running.url}messages/1")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page


def test_a_hostile_subject_is_text(running: RunningInbox) -> None:
    send(running, mail("<script>alert(1)</script>"))
    assert "<script>alert" not in get(running.url)[1]


def test_the_inbox_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    with inbox(tmp_path / "inbox.jsonl") as running:
        again = os.dup(running.lifeline)
        os.close(running.lifeline)
        os.dup2(os.open(os.devnull, os.O_RDONLY), running.lifeline)
        os.close(again)
        running.process.wait(10)


@pytest.mark.browser
def test_an_open_inbox_shows_a_new_mail_without_a_reload(running: RunningInbox, chromium: str) -> None:
    send(running, mail("the first"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{running.url}messages/1")
        wait_for(lambda: page.title().startswith("the first"))
        page.evaluate("window.kept = true")
        page.frame_locator("iframe.paper").get_by_role("heading", name="Grüße").wait_for()
        send(running, mail("the second", message_id="<2@board>"))
        page.get_by_role("link", name="the second").wait_for(timeout=10_000)
        assert page.evaluate("window.kept") is True
        assert page.get_by_role("link", name="the first").get_attribute("aria-current") == "page"
        assert page.title().startswith("the first")
        assert [line for line in said if "Blocked script execution" not in line] == []
        browser.close()
