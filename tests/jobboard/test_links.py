"""Signed words: forged, foreign or expired ones are refused, and none names a person (spec R19, R24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from unghost.jobboard.links import BadLink, For, Links, secret_key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LINKS = Links("a secret")


def test_a_word_is_good_until_it_expires_and_only_for_what_it_was_made_for() -> None:
    word = LINKS.make(For.APPLICANT_LINK, 1001, NOW + timedelta(minutes=15))
    assert LINKS.read(For.APPLICANT_LINK, word, NOW) == 1001
    assert LINKS.read(For.APPLICANT_LINK, word, NOW + timedelta(minutes=14, seconds=59)) == 1001
    with pytest.raises(BadLink) as expired:
        LINKS.read(For.APPLICANT_LINK, word, NOW + timedelta(minutes=15))
    assert expired.value.expired
    for other in set(For) - {For.APPLICANT_LINK}:
        with pytest.raises(BadLink):
            LINKS.read(other, word, NOW)


@pytest.mark.parametrize("forged", ["", ".", "\x00", "a.b", "\ud800", "WzEwMDEsMF0.AAAA", "[1001,0]"])
def test_what_we_did_not_sign_is_refused(forged: str) -> None:
    with pytest.raises(BadLink):
        LINKS.read(For.APPLICANT_SESSION, forged, NOW)
    with pytest.raises(BadLink):
        LINKS.read(For.APPLICANT_SESSION, Links("another").make(For.APPLICANT_SESSION, 1, None), NOW)


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = secret_key(None, tmp_path / "new")
    assert secret_key(None, tmp_path / "new") == made
    assert len(made) > 40
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert secret_key("given", tmp_path) == "given"
