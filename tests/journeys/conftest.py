"""The demo that the journeys share: with the policy as it stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys import playing


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[playing.Demo]:
    """A demo with the policy's own holds, on a temporary data directory of its own."""
    with playing.demo(tmp_path_factory.mktemp("demo")) as running:
        yield running
