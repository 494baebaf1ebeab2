"""The sandbox with the example ATS: its clicks are reported, time is wound, and a state takes both ends back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.journeys.recruiting import Recruiter, apply
from tests.journeys.winding import Sandbox
from tests.journeys.winding import sandbox as run_sandbox
from tests.sandbox.running import wait_for


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox with an ATS, and a state that is kept."""
    folder = tmp_path_factory.mktemp("sandbox")
    with run_sandbox(folder, "--ats", "--data-dir", str(folder / "kept")) as running:
        yield running


def test_a_click_in_the_ats_is_told_when_72_hours_are_wound(sandbox: Sandbox) -> None:
    applied, recruiter = apply(sandbox), Recruiter(sandbox)
    recruiter.reject(applied.name)
    number = applied.urn.rpartition(":")[2]
    reports = f"journal?path=/v2/jobApplication&application={number}&status=2xx"
    wait_for(lambda: sandbox.told("GET", reports)["entries"])
    sandbox.advance("71h")
    assert [mail["subject"] for mail in sandbox.mails(applied.email) if "not" in mail["subject"]] == []
    before = len(sandbox.mails(applied.email))
    sandbox.advance("2h")
    assert len(sandbox.mails(applied.email)) == before + 1
    assert f'href="{sandbox.line["ats_url"]}"' in requests.get(sandbox.control_url, timeout=10).text


def test_an_act_while_the_clock_stands_is_reported_when_the_clock_has_come_so_far(sandbox: Sandbox) -> None:
    sandbox.reset()
    applied = apply(sandbox)
    sandbox.told("POST", "clock/freeze")
    Recruiter(sandbox).reject(applied.name)
    number = applied.urn.rpartition(":")[2]
    reports = f"journal?path=/v2/jobApplication&application={number}"
    assert sandbox.told("GET", reports)["entries"] == []
    sandbox.told("POST", "clock/freeze", {"by": "1m"})
    wait_for(lambda: sandbox.told("GET", reports)["entries"])
    assert [entry["status"] for entry in sandbox.told("GET", reports)["entries"]] == [201]
    sandbox.told("POST", "clock/run")


def test_a_state_takes_the_ats_back_too(sandbox: Sandbox) -> None:
    kept = apply(sandbox)
    sandbox.told("POST", "snapshots", {"name": "kept"})
    later = apply(sandbox)
    assert {kept.name, later.name} <= Recruiter(sandbox).candidates().keys()
    sandbox.told("POST", "reset", {"to": "kept"})
    found = Recruiter(sandbox).candidates()
    assert (kept.name in found, later.name in found) == (True, False)
    again = apply(sandbox)
    assert again.urn == later.urn, "the board gives the number again"
    assert again.name in Recruiter(sandbox).candidates()
    sandbox.reset()
    assert Recruiter(sandbox).candidates().keys().isdisjoint({kept.name, again.name})
    anew = apply(sandbox)
    assert anew.name in Recruiter(sandbox).candidates()


def test_a_kept_sandbox_has_its_ats_at_the_same_address(tmp_path: Path) -> None:
    urls = []
    for _ in range(2):
        with run_sandbox(tmp_path, "--ats", "--data-dir", str(tmp_path / "kept")) as running:
            urls.append(running.line["ats_url"])
            running.reset()
            assert apply(running).name in Recruiter(running).candidates()
    assert urls[0] == urls[1]


def test_the_control_page_leads_only_to_what_is_there(tmp_path: Path) -> None:
    with run_sandbox(tmp_path, "--empty", "--smtp", "smtp://127.0.0.1:1") as running:
        page = running.ask("GET", "")
        assert (page.status_code, ">Inbox</a>" in page.text, ">ATS</a>" in page.text) == (200, False, False)
