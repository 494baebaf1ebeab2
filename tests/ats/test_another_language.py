"""docs/howto/record-from-another-language.md, followed to the letter (spec R29)."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.ats.conftest import AtsDatabase
from tests.ats.test_relay import post, relaying
from tests.house.sources import ROOT
from unghost.ats import stages
from unghost.cli import ats_trigger

PAGE = (ROOT / "docs" / "howto" / "record-from-another-language.md").read_text(encoding="utf-8")
HEADINGS = {"postgresql": "PostgreSQL", "mysql": "MySQL and MariaDB", "sqlite": "SQLite"}
MS = 1_795_597_200_000
ON_EACH = pytest.mark.parametrize("ats_database", [*HEADINGS], indirect=True)


def shown(heading: str, language: str) -> list[str]:
    """The blocks of code in a section, with those of the sections in it."""
    _, marks, section = re.split(rf"^(#+) {re.escape(heading)}$", PAGE, maxsplit=1, flags=re.MULTILINE)
    section = re.split(rf"^#{{2,{len(marks)}}} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@ON_EACH
def test_the_insert_records_in_the_atss_own_transaction(ats_database: AtsDatabase) -> None:
    (statement,) = shown(HEADINGS[ats_database.dialect], "sql")
    with closing(ats_database.connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(statement)
        connection.rollback()
        assert ats_database.recorded() == []
        cursor.execute(statement.replace("'4711'", "'from elsewhere'"))
        cursor.execute(statement)
        connection.commit()
    assert ats_database.recorded() == [(10001, "viewed", MS, "waiting", 0)]


@ON_EACH
def test_the_trigger_is_written_from_the_pages_stages(
    ats_database: AtsDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table,) = shown("A trigger on the stage", "toml")
    config = tmp_path / "unghost.toml"
    config.write_text(f'[ats]\ndatabase_url = "{ats_database.url}"\n{table}', encoding="utf-8")
    assert ats_trigger.trigger(dialect=ats_database.dialect, table="candidate", config=config) == 0  # type: ignore[arg-type]
    written = [each for each in re.split(r";\n\n", capsys.readouterr().out) if each.strip()]
    ats_database.do("CREATE TABLE candidate (id integer, stage varchar(40))", *written)
    ats_database.do("INSERT INTO candidate VALUES (4711, 'Screening')", "UPDATE candidate SET stage = 'Rejected'")
    ats_database.do("UPDATE candidate SET stage = 'Interview'")
    assert [row[1] for row in ats_database.recorded()] == ["viewed", "rejected", "unrejected"]
    assert stages.NOTHING in table


@pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)
def test_the_endpoint_takes_what_the_page_sends(ats_database: AtsDatabase, tmp_path: Path) -> None:
    calls = [each for each in shown("A local HTTP endpoint", "sh") if each.startswith("curl")]
    (told, _) = shown("A local HTTP endpoint", "json")
    with relaying(ats_database, tmp_path) as port:
        answers = []
        for call in calls:
            kind, body = re.findall(r'-H "Content-Type: ([^"]+)" -d \'(.+)\'', call, re.DOTALL)[0]
            answers.append(post(port, body.encode(), {"Content-Type": kind}))
    assert answers == [(201, json.loads(told)), (201, {"written": 1, "left_out": 0})]
    assert [row[:3] for row in ats_database.recorded()] == [
        (10001, "viewed", MS), (10003, "rejected", MS), (10001, "viewed", MS),
    ]  # fmt: skip
