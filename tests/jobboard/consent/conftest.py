"""A running board for each consent test that speaks HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobboard.consent.stand import Stand, standing

ATS = "https://ats.example"


@pytest.fixture
def stand(database_url: str, tmp_path: Path) -> Iterator[Stand]:
    """A board whose widget may be embedded on ATS."""
    with standing(database_url, tmp_path, ATS) as running:
        yield running
