"""The migration's operation that creates the three tables as the connection's database writes them, or drops them.

An operation, not a Python function, so that `sqlmigrate` shows its statements to who must approve them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import router
from django.db.migrations.operations.base import Operation

from unghost.ats.store import schema
from unghost.ats.store.recording import DIALECTS


class CreateTables(Operation):
    """Create the tables; undone, drop them with what they hold."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Leave the state to the models' own operations."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create."""
        _run(app_label, schema_editor, schema.ddl)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop."""
        _run(app_label, schema_editor, lambda dialect: schema.DROP)

    def describe(self) -> str:
        """Say it in the plan of `migrate`."""
        return f"Create {', '.join(schema.NAMES)}"


def _run(app_label: str, editor: Any, statements: Any) -> None:
    connection = editor.connection
    if not router.allow_migrate(connection.alias, app_label):
        return
    if connection.vendor not in DIALECTS:
        raise ValueError(
            f"the database {connection.alias!r} is {connection.vendor}: unghost records on {', '.join(DIALECTS)} "
            "(and MariaDB); let a database router keep the app unghost_ats from this one"
        )
    each: Iterable[str] = statements(connection.vendor)
    run = editor.execute
    for statement in each:
        run(statement)
