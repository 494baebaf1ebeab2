"""From an activity in the ATS's database to a report on a real board (spec R30, R31, R34)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ats.conftest import DIALECTS, AtsDatabase
from tests.ats.reporting import Reporting, activities
from tests.ats.reporting import reporting as both_ends
from unghost import ats

ON_EACH = pytest.mark.parametrize("ats_database", DIALECTS, indirect=True)
ON_ONE = pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)


@pytest.fixture
def reporting(ats_database: AtsDatabase, database_url: str, tmp_path: Path) -> Iterator[Reporting]:
    with both_ends(ats_database, database_url, tmp_path) as (own, _):
        yield own


@ON_EACH
@pytest.mark.parametrize("kind", ["unghost", "linkedin"])
def test_what_is_recorded_reaches_the_board_once_and_in_order(reporting: Reporting, kind: str) -> None:
    """spec R30, R35: by batches and by LinkedIn's single creates"""
    reporting.destination["kind"] = kind
    reporting.record(*activities(reporting.world, ats.viewed, ats.resume_displayed, ats.viewed, ats.rejected))
    reporting.record(ats.viewed(reporting.world.other_application))
    assert reporting.work() == 2, "a turn for each customer"
    stored = reporting.stored()
    for number in reporting.world.applications:
        actions = [action for application, action, _ in stored if application == number]
        assert actions == ["APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED"] or actions == [
            "APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_VIEWED", "APPLICATION_REJECTED",
        ]  # fmt: skip
    assert {state for _, state in reporting.states()} == {"sent"}
    assert all(row[0] for row in reporting.database.all("SELECT report_id FROM unghost_activity"))
    assert reporting.work() == 0
