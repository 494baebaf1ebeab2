"""What can go wrong between unghost and PostgreSQL. Every message is one sentence that names the remedy."""

from __future__ import annotations


class PostgresError(Exception):
    """PostgreSQL cannot be used as it stands; the message says what to do (spec R40)."""


class DatabaseUnreachable(PostgresError):
    """No connection could be made in the time given."""


class MigrationError(PostgresError):
    """The database's tables and the migrations of this release do not fit together."""
