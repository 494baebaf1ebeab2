"""A running board with operators for each test that speaks HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobboard.operator.desk import DANA, EMIL
from tests.jobboard.pages.site import Site, standing


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A board with jobs, ada and ben, and two operators."""
    with standing(database_url, tmp_path, operators=(DANA, EMIL)) as running:
        yield running
