"""The settings' file: what it may hold, and the sentence for what it may not (spec R31, R35)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from unghost.ats.settings import SettingsError, load, secret

WHOLE = """
[ats]
database_url = "env:ATS_DATABASE"
grace = "15m"
[destinations.board]
kind = "unghost"
base_url = "https://jobs.example/"
rate_per_second = 5
daily_quota = 1000
[destinations.linkedin]
kind = "linkedin"
[stages]
Rejected = "rejected"
[history]
table = "x"
"""
BOARD = '[ats]\ndatabase_url = "sqlite://"\n[destinations.board]\nkind = "unghost"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "unghost.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_and_what_others_read_is_handed_through(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    read = load(None, {"UNGHOST_ATS_CONFIG": str(path), "ATS_DATABASE": "sqlite:///x"})
    assert (read.database_url, read.grace, read.lease) == ("sqlite:///x", timedelta(minutes=15), timedelta(seconds=60))
    board, linkedin = read.destinations["board"], read.destinations["linkedin"]
    assert (board.base_url, board.token_url) == ("https://jobs.example", "https://jobs.example/oauth/v2/accessToken")
    assert (board.rate_per_second, board.daily_quota) == (5.0, 1000)
    assert linkedin.base_url == "https://api.linkedin.com"
    assert linkedin.token_url == "https://www.linkedin.com/oauth/v2/accessToken"
    assert read.others == {"stages": {"Rejected": "rejected"}, "history": {"table": "x"}}
    assert "sqlite" not in repr(read), "a database's URL may hold a password"


def test_a_secret_is_itself_or_lies_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("hidden\n", encoding="utf-8")
    assert secret("plain") == "plain" and secret("with:colon") == "with:colon"
    assert secret("env:WORD", {"WORD": "x"}) == "x" and secret(f"file:{tmp_path / 'word'}") == "hidden"
    with pytest.raises(SettingsError, match="env:NONE is not set: set the variable NONE"):
        secret("env:NONE", {})
    with pytest.raises(SettingsError, match="cannot be read"):
        secret(f"file:{tmp_path / 'none'}")


WRONG = [
    ("[ats", "is not TOML"),
    ("[other]\n", r"other is not a table of this file: there are \[ats\], \[destinations\]"),
    ("ats = 1", "ats is not a table"),
    ("", "ats.database_url is missing"),
    ("[ats]\nurl = 'x'", "ats.url is not a setting: there are database_url, grace"),
    ("[ats]\ndatabase_url = 'x'\ngrace = '15'", "ats.grace is '15': give a number with s, m, h or d"),
    ("[ats]\ndatabase_url = 'x'\ngrace = '15m\\n'", "ats.grace is"),
    ("[ats]\ndatabase_url = 5", "ats.database_url is no URL: give a text in quotes"),
    ("[ats]\ndatabase_url = 'x'\nconcurrency = true", "concurrency is True: give a whole number"),
    ("[ats]\ndatabase_url = 'env:NONE'", "env:NONE is not set"),
    (BOARD, "destinations.board.base_url is missing: give the job board's address"),
    (BOARD + "base_url = 'ftp://x'", "give an address such as"),
    (BOARD + "base_url = 'http://x y'", "give an address such as"),
    (BOARD + "base_url = 'http://user@x'", "give an address such as"),
    (BOARD + "base_url = 'http://x:99999'", "give an address such as"),
    (BOARD + "base_url = 'http://x'\nspeed = 1", "destinations.board.speed is not a setting"),
    (BOARD + "base_url = 'http://x'\nrate_per_second = 0", "give a number above 0"),
    (BOARD + "base_url = 'http://x'\nbatch = 1001", "from 1 to 1000"),
    (BOARD.replace('"unghost"', '"indeed"'), "kind is 'indeed': give linkedin or unghost"),
    (BOARD.replace('kind = "unghost"', ""), "destinations.board.kind is missing"),
    (BOARD.replace("destinations.board", 'destinations."a b"'), "has a name with other signs"),
]


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as error:
        load(written(tmp_path, text), {})
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read .*: write it, or name another by UNGHOST_ATS_CONFIG"):
        load(tmp_path / "none.toml")
