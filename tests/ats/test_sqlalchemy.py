"""SQLAlchemy: the tables on the ATS's MetaData, opt-in events (spec R29). Recording itself: test_record.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, String, create_engine, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.ats.conftest import AtsDatabase, _made
from tests.ats.shape import shape
from tests.house.sources import ROOT
from unghost import ats
from unghost.ats.integrations import sqlalchemy
from unghost.ats.integrations.sqlalchemy import events
from unghost.ats.store import schema

ON_EACH = pytest.mark.parametrize("ats_database", ["postgresql", "mysql", "sqlite"], indirect=True)
STAGES = {"declined": "rejected", "screening": "viewed", "interview": "nothing", "left": "candidate_withdrew"}


class Own(DeclarativeBase):
    pass


class Candidate(Own):
    """The ATS's own."""

    __tablename__ = "candidate"

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stage: Mapped[str] = mapped_column("phase", String(20), server_default="new")


@ON_EACH
def test_create_all_makes_the_tables_that_the_schema_says(
    ats_database: AtsDatabase, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    conventions = {
        name: f"{name}_%(table_name)s_%(constraint_name)s"
        if name == "ck"
        else f"{name}_%(table_name)s_%(column_0_name)s"
        for name in ("ix", "uq", "ck", "fk")
    }
    metadata = MetaData(naming_convention=conventions, schema="elsewhere")
    assert sqlalchemy.tables(metadata)._fields == ("customer", "application", "activity")
    with ExitStack() as stack:
        other = _made(ats_database.dialect, request, folder, stack)
        engine = create_engine(other.url)
        metadata.create_all(engine)
        engine.dispose()
        assert shape(other) == shape(ats_database)
        assert set(schema.NAMES) == set(metadata.tables)


@pytest.fixture
def watched(ats_database: AtsDatabase) -> Iterator[AtsDatabase]:
    """Flushing a candidate is recorded."""
    engine = create_engine(ats_database.url)
    Own.metadata.create_all(engine)
    engine.dispose()
    disconnect = events.connect(Candidate, stage="stage", stages=STAGES, ats_id="key")
    yield ats_database
    disconnect()


def _kinds(database: AtsDatabase) -> list[str]:
    return [row[1] for row in database.recorded()]


@ON_EACH
def test_flushing_another_stage_is_recorded_in_the_sessions_transaction(watched: AtsDatabase) -> None:
    """spec R29, R34"""
    engine = create_engine(watched.url)
    with Session(engine) as session:
        session.add(Candidate(key=4711))
        session.commit()
        for stage in ("screening", "declined", "interview", "declined", "screening", "declined", "left", "new"):
            session.get_one(Candidate, 4711).stage = stage  # expired: set without having been read
            session.flush()
            session.rollback()
            session.get_one(Candidate, 4711).stage = stage
            session.commit()
        session.add(Candidate(key=4712, stage="declined"))
        session.commit()
    engine.dispose()
    assert _kinds(watched) == [
        "viewed", "rejected", "unrejected", "rejected", "unrejected", "viewed", "rejected", "candidate_withdrew",
        "rejected",
    ]  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("ats_database", "driver"),
    [("postgresql", "psycopg"), ("postgresql", "asyncpg"), ("sqlite", "aiosqlite")],
    indirect=["ats_database"],
)
async def test_an_async_sessions_flush_is_recorded_too(watched: AtsDatabase, driver: str) -> None:
    engine = create_async_engine(watched.async_url.replace("+psycopg:", f"+{driver}:"))
    async with AsyncSession(engine) as session:
        session.add(Candidate(key=4711))
        await session.commit()
        (await session.get_one(Candidate, 4711)).stage = "declined"
        await session.commit()
    await engine.dispose()
    assert _kinds(watched) == ["rejected"]


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
def test_what_passes_by_the_unit_of_work_is_not_seen(watched: AtsDatabase) -> None:
    """The blind spots that the documentation names: whoever uses these calls `ats.record` beside them."""
    engine = create_engine(watched.url)
    with Session(engine) as session:
        session.add(Candidate(key=4711))
        session.commit()
        session.execute(update(Candidate).values(stage="declined"))
        session.bulk_update_mappings(Candidate, [{"key": 4711, "stage": "left"}])
        session.execute(insert(Candidate), [{"key": 4712, "stage": "declined"}])
        session.execute(text("UPDATE candidate SET phase = 'duplicate'"))
        session.commit()
    engine.dispose()
    assert _kinds(watched) == []


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
def test_a_stage_that_only_the_database_knows_is_refused(watched: AtsDatabase) -> None:
    engine = create_engine(watched.url)
    expression: Any = text("'declined'")
    with Session(engine) as session:
        session.add(Candidate(key=4711))
        session.commit()
        session.get_one(Candidate, 4711).stage = expression
        with pytest.raises(ats.RecordError, match="stage is set to an SQL expression: set the value"):
            session.commit()
    engine.dispose()
    assert _kinds(watched) == []


def test_a_stage_that_is_no_activity_is_refused_where_it_is_connected() -> None:
    with pytest.raises(ats.RecordError, match=r"stages says 'hired' of 'joined': give one of viewed, .*, or nothing"):
        events.connect(Candidate, stage="stage", stages={"joined": "hired"})


@ON_EACH
def test_a_savepoint_that_comes_first_is_rolled_back_with_its_transaction(ats_database: AtsDatabase) -> None:
    """spec R29: on SQLite with what the page tells to add, for its driver begins nothing at a savepoint"""
    engine = create_engine(ats_database.url)
    if ats_database.dialect == "sqlite":
        page = (ROOT / "docs/howto/add-to-a-sqlalchemy-project.md").read_text(encoding="utf-8")
        told = page.partition("## SQLite and savepoints")[2].partition("```python\n")[2].partition("```")[0]
        exec(told, {"engine": engine})
    with Session(engine) as session:
        with session.begin_nested():
            ats.record(session, ats.rejected(4711))
        session.rollback()
        assert ats_database.recorded() == []
        ats.record(session, ats.viewed(4711))
        with session.begin_nested() as savepoint:
            ats.record(session, ats.rejected(4711))
            savepoint.rollback()
        session.commit()
    engine.dispose()
    assert _kinds(ats_database) == ["viewed"]
