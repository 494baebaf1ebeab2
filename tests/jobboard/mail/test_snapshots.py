"""Every mail in every language, word for word (spec R21).

After a change that is meant: UNGHOST_TEST_WRITE_SNAPSHOTS=1 pytest tests/jobboard/mail, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unghost.jobboard.mail import render_sample
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.settings import Settings
from unghost.jobboard.wording import load

SNAPSHOTS = Path(__file__).parent / "snapshots"
# The programs under test refuse settings they do not know.
WRITE = os.environ.pop("UNGHOST_TEST_WRITE_SNAPSHOTS", None)


@pytest.mark.parametrize("language", load().languages)
@pytest.mark.parametrize("action", DEFAULT)
def test_a_mail_reads_as_it_was_approved(action: str, language: str) -> None:
    """spec R13, R21"""
    rendered = render_sample(action, language, Settings(base_url="https://jobs.example", board_name="Kingsway Jobs"))
    for suffix, content in (("txt", f"Subject: {rendered.subject}\n\n{rendered.text}"), ("html", rendered.html)):
        path = SNAPSHOTS / f"{action.lower()}.{language}.{suffix}"
        if WRITE:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        assert path.exists(), f"no snapshot {path.name}: run with UNGHOST_TEST_WRITE_SNAPSHOTS=1"
        assert content == path.read_text(encoding="utf-8")


def test_no_snapshot_is_left_of_a_mail_that_is_gone() -> None:
    names = {path.name.split(".")[0] for path in SNAPSHOTS.iterdir()}
    assert names == {action.lower() for action in DEFAULT}
