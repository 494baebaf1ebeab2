"""Coverage and back-fill over the ATS's own tables, on each of the databases (spec R33)."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.ats.conftest import AtsDatabase
from unghost import ats
from unghost.ats import coverage, history, stages
from unghost.ats.store.database import open_engine
from unghost.cli import ats_coverage, ats_stages
from unghost.cli.frame import Wrong

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MS = 1_795_597_200_000
ON_EACH = pytest.mark.parametrize("ats_database", ["postgresql", "mysql", "sqlite"], indirect=True)
#: How each database keeps the moments of the ATS's own history.
MOMENTS = {"postgresql": "timestamptz", "mysql": "datetime(3)", "sqlite": "text"}
STAGES = """[stages]
"Screening" = "viewed"
"CV geöffnet: ja" = "resume_downloaded"
"Rejected" = "rejected"
"Interview" = "nothing"
"""


@pytest.fixture
def planted(ats_database: AtsDatabase, tmp_path: Path) -> Callable[..., Path]:
    """Fills the ATS's history and gives the settings' file. A row of the history may end with the customer's number."""

    def plant(*rows: tuple[Any, ...], ids: str = "varchar(40)") -> Path:
        kind = MOMENTS[ats_database.dialect]
        ats_database.do(f"CREATE TABLE moves (candidate {ids}, stage varchar(40), moved {kind}, customer bigint)")
        with closing(ats_database.connect()) as connection, closing(connection.cursor()) as cursor:
            mark = "?" if ats_database.dialect == "sqlite" else "%s"
            zone = "+00" if ats_database.dialect == "postgresql" else ""
            given = [(id, stage, moved + zone, *customer, None)[:4] for id, stage, moved, *customer in rows]
            cursor.executemany(f"INSERT INTO moves VALUES ({mark}, {mark}, {mark}, {mark})", given)
            connection.commit()
        zone = "" if ats_database.dialect == "postgresql" else 'time_zone = "UTC"'
        of = ", customer AS organization" if any(len(row) > 3 for row in rows) else ""
        query = f"SELECT candidate AS application_id, stage, moved AS at{of} FROM moves WHERE stage <> 'a: b %'"
        path = tmp_path / "unghost.toml"
        path.write_text(
            f"[ats]\ndatabase_url = {json.dumps(ats_database.url)}\n{STAGES}\n"
            f'[history]\nquery = "{query};"\n{zone}\ntolerance = "60s"\n',
            encoding="utf-8",
        )
        return path

    return plant


def at(minute: int) -> str:
    return f"2026-11-25 09:{minute:02}:00"


@ON_EACH
def test_planted_gaps_are_found_and_the_backfill_closes_them(
    ats_database: AtsDatabase, planted: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(ats_database.connect()) as connection:
        recorded = datetime(2026, 11, 25, 9, 0, 30, tzinfo=UTC)
        ats.record(connection, ats.viewed("4711", at=recorded), now=NOW)
        connection.commit()
    config = planted(
        ("4711", "Screening", at(0)),
        ("4711", "CV geöffnet: ja", at(1)),
        ("4711", "Rejected", at(2)),
        ("4712", "Screening", at(3)),
        ("4712", "Rejected", at(4)),
        ("4712", "Interview", at(5)),
        ("from elsewhere", "Rejected", at(7)),
    )
    assert ats_coverage.coverage(config=config, json=True, gaps=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(gap["ats_id"], gap["activity"], gap["performed_at"] - MS) for gap in told["gaps"]] == [
        ("4711", "resume_downloaded", 60_000),
        ("4711", "rejected", 120_000),
        ("4712", "viewed", 180_000),
    ]
    assert [(each["received"], each["no_activity"], each["missing"]) for each in told["customers"]] == [
        (3, 2, 3), (2, 2, 0),
    ]  # fmt: skip
    assert ats_coverage.backfill(config=config, dry_run=True) == 0
    assert len(ats_database.recorded()) == 1, "a dry run records nothing"
    assert ats_coverage.backfill(config=config) == 0
    assert "3 activities recorded" in capsys.readouterr().out
    after = ats_database.recorded()
    assert (10001, "rejected", MS + 120_000, "waiting") in [row[:4] for row in after]
    assert ats_coverage.backfill(config=config) == 0
    assert "nothing was missing" in capsys.readouterr().out
    assert ats_database.recorded() == after, "a second run adds nothing"
    assert ats_coverage.coverage(config=config) == 0
    assert "Nothing is missing" in capsys.readouterr().out


@ON_EACH
def test_customers_whose_ids_are_alike_are_told_apart_or_nothing_is_recorded(
    ats_database: AtsDatabase, planted: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """spec R33: the rejection of one customer's applicant is not recorded for another's"""
    config = planted(("4711", "Screening", at(0), 12345), ("both", "Rejected", at(1), 12345))
    assert ats_stages.stages(config=config, json=True) == 0
    told = json.loads(capsys.readouterr().out)["stages"]
    assert {each["stage"]: each["would_report"] for each in told if each["entered"]} == {"Screening": 1, "Rejected": 1}
    config.write_text(config.read_text().replace(", customer AS organization", ""))
    commands: list[Callable[..., Any]] = [ats_coverage.coverage, ats_coverage.backfill, ats_stages.stages]
    for each in commands:
        with pytest.raises(Wrong, match=r"'both' is an application of several customers: let history\.query select"):
            each(config=config)
    assert ats_database.recorded() == []
    config.write_text(config.read_text().replace(" AS at ", " AS at, customer AS organization "))
    assert ats_coverage.backfill(config=config) == 0
    assert [row[:2] for row in ats_database.recorded()] == [(10001, "viewed"), (10002, "rejected")]


@ON_EACH
def test_one_customers_application_at_two_boards_is_missing_at_both(
    ats_database: AtsDatabase, planted: Callable[..., Path]
) -> None:
    ats_database.do(
        """INSERT INTO unghost_customer (id, destination, organization, client_id, client_secret)
           VALUES (3, 'linkedin', 12345, 'three', 'x')""",
        "INSERT INTO unghost_application (customer_id, number, ats_id) VALUES (3, 30001, '4711')",
    )
    assert ats_coverage.backfill(config=planted(("4711", "Screening", at(0)))) == 0
    assert [row[:2] for row in ats_database.recorded()] == [(10001, "viewed"), (30001, "viewed")]


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("rows", [[("from elsewhere", "Rejected", at(0))], [(None, "Rejected", at(0))], []])
def test_a_history_that_knows_no_application_is_not_taken_for_one_without_gaps(
    ats_database: AtsDatabase, planted: Callable[..., Path], capsys: pytest.CaptureFixture[str], rows: list[Any]
) -> None:
    """spec R33"""
    config = planted(*rows)
    commands: list[Callable[..., Any]] = [ats_coverage.coverage, ats_coverage.backfill]
    for each in commands:
        assert each(config=config) == 1
        told = capsys.readouterr().out
        assert "a change of none of the applications received" in told
        assert "select as application_id the ids that you give to record" in told
        assert "othing" not in told.replace("nothing can be said", "")
    assert ats_coverage.coverage(config=config, json=True) == 1
    assert json.loads(capsys.readouterr().out)["missing"] is None
    ats_database.do("DELETE FROM unghost_application")
    assert [each(config=config) for each in commands] == [0, 0], "of nothing nothing is missing"


@ON_EACH
def test_changes_of_no_application_are_passed_over_wherever_they_stand(
    ats_database: AtsDatabase, planted: Callable[..., Path]
) -> None:
    config = planted((None, "Screening", at(0)), ("4711", "Screening", at(0)), (None, "Screening", at(0)))
    assert ats_stages.stages(config=config) == 0
    assert ats_coverage.backfill(config=config) == 0
    assert [row[:2] for row in ats_database.recorded()] == [(10001, "viewed")]


@ON_EACH
@pytest.mark.parametrize("ids", ["bigint"])
def test_ids_that_are_numbers_are_found_too(ats_database: AtsDatabase, planted: Callable[..., Path], ids: str) -> None:
    config = planted(("4711", "Screening", at(0)), ("815", "Rejected", at(1)), ids=ids)
    assert ats_coverage.backfill(config=config) == 0
    assert [row[:2] for row in ats_database.recorded()] == [(10001, "viewed"), (20001, "rejected")]


@pytest.mark.parametrize("ats_database", ["postgresql"], indirect=True)
def test_ids_that_are_uuids_are_found_too(ats_database: AtsDatabase, planted: Callable[..., Path]) -> None:
    id = "0a5d3f6e-93a5-4a2a-9a3c-5a1f5b7f1c11"
    ats_database.do(f"INSERT INTO unghost_application (customer_id, number, ats_id) VALUES (1, 5, '{id}')")
    assert ats_coverage.backfill(config=planted((id, "Screening", at(0)), ids="uuid")) == 0
    assert [row[:2] for row in ats_database.recorded()] == [(5, "viewed")]


@ON_EACH
def test_two_backfills_at_once_record_each_gap_once(ats_database: AtsDatabase, planted: Callable[..., Path]) -> None:
    count = 1200
    values = ", ".join(f"(1, {30000 + n}, 'A-{n}')" for n in range(count))
    ats_database.do(f"INSERT INTO unghost_application (customer_id, number, ats_id) VALUES {values}")
    config = planted(*((f"A-{n}", "Screening", at(n % 60)) for n in range(count)))
    threads = [threading.Thread(target=lambda: ats_coverage.backfill(config=config)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ats_database.recorded()) == count


@ON_EACH
def test_the_dry_run_says_what_each_stage_would_have_reported(
    ats_database: AtsDatabase, planted: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config = planted(
        ("4711", "Screening", at(0)),
        ("4711", "Rejected", at(1)),
        ("4711", "Interview", at(2)),
        ("elsewhere", "Screening", at(0)),
        ("4712", "Forgotten", at(0)),
    )
    assert ats_stages.stages(config=config, json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert {each["stage"]: (each["activity"], each["entered"], each["would_report"]) for each in told["stages"]} == {
        "Screening": ("viewed", 2, 1),
        "Rejected": ("rejected", 1, 1),
        "Interview": ("nothing", 1, 0),
        "Forgotten": (None, 1, 0),
        "CV geöffnet: ja": ("resume_downloaded", 0, 0),
    }
    assert told["rejections_left"] == 1
    assert ats_stages.stages(config=config) == 1
    assert 'Not written down: "Forgotten"' in capsys.readouterr().out
    assert ats_database.recorded() == []


@ON_EACH
def test_numbers_stand_for_each_customer_and_each_state(ats_database: AtsDatabase) -> None:
    with closing(ats_database.connect()) as connection:
        ats.record(connection, ats.viewed("4711", "both"), ats.rejected("4711"), now=NOW)
        connection.commit()
    ats_database.do("UPDATE unghost_activity SET state = 'dead', attempt_at = NULL WHERE activity = 'rejected'")
    engine = open_engine(ats_database.url)
    found = coverage.whole(engine, None, None, NOW, 10)
    engine.dispose()
    first, second = found.customers
    assert (first.received, first.silent, first.unviewed, first.waiting, first.dead) == (3, 1, 1, 2, 1)
    assert (second.received, second.silent, second.unviewed, second.waiting, second.dead) == (2, 1, 1, 1, 0)
    assert found.missing is None
    assert [one.ats_id for one in found.unviewed] == ["815", "4712"]


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
def test_memory_stays_flat_over_a_long_history(ats_database: AtsDatabase) -> None:
    def peak(applications: int) -> int:
        ats_database.do(
            "DELETE FROM unghost_activity",
            "DELETE FROM unghost_application",
            "DROP TABLE IF EXISTS moves",
            "CREATE TABLE moves (application_id text, stage text, at bigint)",
            f"""WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {applications})
                INSERT INTO unghost_application (customer_id, number, ats_id) SELECT 1, n, 'A' || n FROM n""",
            f"INSERT INTO moves SELECT ats_id, 'Screening', {MS} FROM unghost_application",
            f"INSERT INTO moves SELECT ats_id, 'Rejected', {MS + 1} FROM unghost_application",
            "CREATE INDEX moves_of ON moves (application_id)",
        )
        engine = open_engine(ats_database.url)
        past = history.History("SELECT application_id, stage, at FROM moves")
        read = stages.read({"Screening": "viewed", "Rejected": "rejected"})
        tracemalloc.start()
        recorded = sum(len(page.gaps) for page in coverage.backfill(engine, past, read, NOW))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        engine.dispose()
        assert recorded == 2 * applications
        return most

    few = peak(1_500)
    assert peak(15_000) < 1.5 * few


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
def test_a_history_without_a_zone_is_refused_with_the_remedy(
    ats_database: AtsDatabase, planted: Callable[..., Path]
) -> None:
    config = planted(("4711", "Screening", at(0)))
    config.write_text(config.read_text().replace('time_zone = "UTC"', ""))
    with pytest.raises(Wrong, match=r"at is 2026-11-25T09:00:00 without a time zone.*time_zone = \"UTC\""):
        ats_coverage.coverage(config=config)
    config.write_text(config.read_text().replace("FROM moves", "FROM nowhere"))
    with pytest.raises(Wrong, match="no such table: nowhere"):
        ats_coverage.coverage(config=config)


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
def test_without_a_history_the_numbers_are_there_and_the_rest_is_asked_for(
    ats_database: AtsDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "unghost.toml"
    config.write_text(f'[ats]\ndatabase_url = "{ats_database.url}"\n')
    assert ats_coverage.coverage(config=config, gaps=True) == 0
    told = capsys.readouterr().out
    assert "board / urn:li:organization:12345" in told
    assert "write [stages] and [history] into unghost.toml" in told
    assert "Never viewed" in told
    act: list[Any] = [lambda: ats_coverage.backfill(config=config), lambda: ats_stages.stages(config=config)]
    for each in act:
        with pytest.raises(Wrong, match=r"\[history\] is missing"):
            each()
