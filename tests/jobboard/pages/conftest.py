"""A running board for each test of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobboard.pages.site import Site, standing


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A board with jobs, ada and ben."""
    with standing(database_url, tmp_path) as running:
        yield running
