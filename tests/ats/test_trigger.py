"""Generated triggers, installed and fired on each of the databases (spec R29)."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ats.conftest import AtsDatabase
from unghost.ats import stages
from unghost.ats.store.trigger import Column, TriggerError, statements
from unghost.cli import ats_trigger
from unghost.cli.frame import Wrong

ON_EACH = pytest.mark.parametrize("ats_database", ["postgresql", "mysql", "sqlite"], indirect=True)
READ = stages.read(
    {
        "Screening": "viewed",
        'O\'Brien \\ "x" `y` $unghost$ ü': "resume_downloaded",
        "Rejected": "rejected",
        "rejected": "nothing",
        "Withdrew": "candidate_withdrew",
    }
)
STRANGE = 'O\'Brien \\ "x" `y` $unghost$ ü'
#: A table whose names want quoting everywhere.
COLUMN = Column('Candidates "x" `y`', "the id", "stage; --")


def quoted(database: AtsDatabase, name: str) -> str:
    sign = "`" if database.dialect == "mysql" else '"'
    return sign + name.replace(sign, sign * 2) + sign


def acts(database: AtsDatabase) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in database.recorded()]


def install(database: AtsDatabase, column: Column, id_type: str = "bigint") -> None:
    table, id, stage = (quoted(database, name) for name in (column.table, column.id, column.stage))
    database.do(f"CREATE TABLE {table} ({id} {id_type}, {stage} varchar(80), note varchar(80))")
    database.do(*statements(database.dialect, column, READ))
    database.do(*statements(database.dialect, column, READ))  # again they replace themselves


@ON_EACH
def test_a_stage_that_changes_is_recorded_in_the_same_transaction(ats_database: AtsDatabase) -> None:
    install(ats_database, COLUMN)
    table, id, stage = (quoted(ats_database, name) for name in (COLUMN.table, COLUMN.id, COLUMN.stage))
    mark = "?" if ats_database.dialect == "sqlite" else "%s"

    def put(*values: object) -> None:
        with closing(ats_database.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"UPDATE {table} SET {stage} = {mark} WHERE {id} = {mark}", values)
            connection.commit()

    before = datetime.now(UTC)
    ats_database.do(f"INSERT INTO {table} VALUES (4711, 'Screening', ''), (1, 'Rejected', ''), (815, NULL, '')")
    assert acts(ats_database) == [(10001, "viewed")], "what did not come from a board is left out"
    put("Screening", 4711)
    ats_database.do(f"UPDATE {table} SET note = 'new' WHERE {id} = 4711")
    assert acts(ats_database) == [(10001, "viewed")], "a stage that stays is none that changes"
    put("Rejected", 815)
    put(STRANGE, 4711)
    put("rejected", 4711)
    put("Forgotten", 4711)
    put("screening", 4711)
    put("Screening", 4711)
    assert acts(ats_database)[1:] == [(20001, "rejected"), (10001, "resume_downloaded"), (10001, "viewed")], (
        "case counts"
    )
    put("Screening", 815)
    assert acts(ats_database)[4:] == [(20001, "unrejected"), (20001, "viewed")], "in this order"
    put("Rejected", 4711)
    put(None, 4711)
    put("Rejected", 4711)
    put("Withdrew", 4711)
    assert acts(ats_database)[6:] == [
        (10001, each) for each in ("rejected", "unrejected", "rejected", "candidate_withdrew")
    ]
    with closing(ats_database.connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"UPDATE {table} SET {stage} = 'Screening'")
        connection.rollback()
    assert len(acts(ats_database)) == 10, "what is rolled back is not recorded"
    since = timedelta(milliseconds=ats_database.recorded()[0][2])
    assert abs(datetime(1970, 1, 1, tzinfo=UTC) + since - before) < timedelta(minutes=10)
    rows = ats_database.all("SELECT DISTINCT state, attempt_at FROM unghost_activity")
    assert rows == [("waiting", 0)]


@ON_EACH
def test_an_id_that_is_a_text_is_found_letter_by_letter(ats_database: AtsDatabase) -> None:
    column = Column("candidate", "id", "stage")
    install(ats_database, column, "varchar(40)")
    ats_database.do("UPDATE unghost_application SET ats_id = 'one' WHERE number = 10002")
    ats_database.do("INSERT INTO candidate (id, stage) VALUES ('one', 'Rejected'), ('ONE', 'Rejected')")
    assert acts(ats_database) == [(10002, "rejected")]


@ON_EACH
def test_customers_whose_ids_are_alike_are_told_apart_or_nothing_is_recorded(ats_database: AtsDatabase) -> None:
    ats_database.do(
        """INSERT INTO unghost_customer (id, destination, organization, client_id, client_secret)
           VALUES (3, 'linkedin', 67890, 'three', 'x')""",
        "INSERT INTO unghost_application (customer_id, number, ats_id) VALUES (3, 30002, 'both'), (3, 30001, '815')",
        "CREATE TABLE person (id varchar(40), stage varchar(80), tenant bigint)",
        *statements(ats_database.dialect, Column("person", "id", "stage"), READ),
        "INSERT INTO person VALUES ('both', 'Rejected', 67890), ('815', 'Screening', 67890)",
    )
    assert acts(ats_database) == [(20001, "viewed"), (30001, "viewed")], "at two boards one customer's is reported"
    ats_database.do(
        *statements(ats_database.dialect, Column("person", "id", "stage", "tenant"), READ),
        "UPDATE person SET stage = 'Screening' WHERE id = 'both'",
        "INSERT INTO person VALUES ('both', 'Rejected', NULL)",
    )
    assert acts(ats_database)[2:] == [
        (20002, "unrejected"), (30002, "unrejected"), (20002, "viewed"), (30002, "viewed"),
    ]  # fmt: skip


@pytest.mark.parametrize("ats_database", ["postgresql"], indirect=True)
def test_a_table_of_a_schema_and_a_stage_of_a_type_of_its_own(ats_database: AtsDatabase) -> None:
    ats_database.do(
        "CREATE SCHEMA hiring",
        "CREATE TYPE hiring.stage AS ENUM ('Screening', 'Rejected')",
        "CREATE TABLE hiring.candidate (id bigint, stage hiring.stage)",
        *statements("postgresql", Column("hiring.candidate", "id", "stage"), READ),
        "INSERT INTO hiring.candidate VALUES (4711, 'Screening')",
        "UPDATE hiring.candidate SET stage = 'Rejected'",
    )
    assert acts(ats_database) == [(10001, "viewed"), (10001, "rejected")]


@ON_EACH
def test_the_command_prints_what_a_databases_own_client_runs(
    ats_database: AtsDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "unghost.toml"
    config.write_text(f'[ats]\ndatabase_url = "{ats_database.url}"\n[stages]\nScreening = "viewed"\n')
    assert ats_trigger.trigger(table="candidate", config=config) == 0
    printed = capsys.readouterr().out
    assert "Run it in the ATS's database" in printed
    ats_database.do("CREATE TABLE candidate (id bigint, stage varchar(80))")
    if ats_database.dialect == "mysql":
        socket = ats_database.url.partition("unix_socket=")[2]
        name = re.findall(r"ats_[0-9a-f]+", ats_database.url)[0]
        subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", name], input=printed.encode(), check=True
        )
    elif ats_database.dialect == "sqlite":
        with closing(ats_database.connect()) as connection:
            connection.executescript(printed)
    else:
        ats_database.do(printed)
    ats_database.do("INSERT INTO candidate VALUES (4711, 'Screening')")
    assert acts(ats_database) == [(10001, "viewed")]


def test_names_that_no_database_has_are_refused(tmp_path: Path) -> None:
    for column, says in (
        (Column("a..b", "id", "stage"), "the table is ''"),
        (Column("candidate", "i\0d", "stage"), "the id is"),
        (Column("candidate", "id", "s" * 64), "the stage is"),
        (Column("candidate", "id", "stage", ""), "the organization is"),
    ):
        with pytest.raises(TriggerError, match=says):
            statements("postgresql", column, READ)
    with pytest.raises(TriggerError, match="reports nothing"):
        statements("sqlite", Column("candidate", "id", "stage"), stages.read({"New": "nothing"}))
    config = tmp_path / "unghost.toml"
    config.write_text('[ats]\ndatabase_url = "sqlite:///nowhere"\n')
    with pytest.raises(Wrong, match=r"\[stages\] is missing"):
        ats_trigger.trigger(table="candidate", config=config)


def test_long_names_give_triggers_that_are_told_apart() -> None:
    def names(table: str) -> set[str]:
        found = " ".join(statements("postgresql", Column(table, "id", "stage"), READ))
        return set(re.findall(r'TRIGGER (?:IF EXISTS )?"([^"]+)"', found))

    first, second = names("t" * 63), names("t" * 62 + "u")
    assert not first & second
    assert max(map(len, first)) <= 63
