"""The shape of the three tables as a database itself tells it: what two ways of creating them are compared by."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, inspect

from tests.ats.conftest import AtsDatabase
from unghost.ats.store import schema


def shape(database: AtsDatabase) -> dict[str, list[Any]]:
    """Columns, indexes and constraints of each table, as text."""
    engine = create_engine(database.url)
    try:
        look = inspect(engine)
        return {
            name: [
                [_words(each) for each in look.get_columns(name)],
                *(
                    sorted(_words(each) for each in every)
                    for every in (
                        look.get_indexes(name),
                        look.get_unique_constraints(name),
                        look.get_check_constraints(name),
                        look.get_foreign_keys(name),
                        [look.get_pk_constraint(name)],
                    )
                ),
            ]
            for name in schema.NAMES
        }
    finally:
        engine.dispose()


def _words(told: Any) -> str:
    if isinstance(told, dict):
        return "{" + ", ".join(f"{key}: {_words(told[key])}" for key in sorted(told)) + "}"
    return str(told)
