"""PostgreSQL: an embedded server, pools of connections, migrations. It knows nothing of what the tables mean."""

from __future__ import annotations

from unghost.postgres.connect import connect, open_pool
from unghost.postgres.embedded import Embedded
from unghost.postgres.errors import DatabaseUnreachable, MigrationError, PostgresError
from unghost.postgres.migrate import migrate, pending

__all__ = [
    "DatabaseUnreachable",
    "Embedded",
    "MigrationError",
    "PostgresError",
    "connect",
    "migrate",
    "open_pool",
    "pending",
]
