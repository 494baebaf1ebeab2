"""What PostgreSQL prints when it fails becomes one sentence with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from unghost.postgres.why import why


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ('FATAL:  could not extend file "base/5/1249": No space left on device', "free some space"),
        ("[Errno 28] No space left on device: 'data'", "free some space"),
        ("initdb: error: could not create directory: Permission denied", "choose another data directory"),
        ("[Errno 13] Permission denied: 'data'", "choose another data directory"),
        ("[Errno 30] Read-only file system: 'data'", "read-only"),
        ('FATAL:  data directory "x" has wrong ownership', "start unghost as that user"),
        ('FATAL:  lock file "postmaster.pid" already exists', "another PostgreSQL server uses"),
        ("PANIC:  could not locate a valid checkpoint record at 0/1F61D50", "restore it from a backup"),
        ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", "give the machine"),
        ('FATAL:  unrecognized configuration parameter "x"', "unrecognized configuration parameter"),
        ("", "did not start (LOG: starting LOG: database system is shut down): see home/log"),
    ],
)
def test_each_failure_has_its_remedy(printed: str, sentence: str) -> None:
    said = why(f"LOG:  starting\n{printed}\nLOG:  database system is shut down", Path("home"))
    assert sentence in said
    assert "\n" not in said
