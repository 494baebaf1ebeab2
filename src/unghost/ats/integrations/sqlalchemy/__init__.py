"""The three tables on the ATS's own MetaData, so that `create_all` makes them and Alembic sees them (spec R29).

The same tables as `ats/store/schema.py`; a test compares the two on each database. Nothing is recorded by itself:
`events` is for those who ask for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    BLANK_SCHEMA,
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import conv

__all__ = ["Tables", "tables"]

_BINARY = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
_KEY = Text().with_variant(mysql.VARCHAR(190, **_BINARY), "mysql", "mariadb")
_TEXT = Text().with_variant(mysql.TEXT(None, **_BINARY), "mysql", "mariadb")
_REAL: Double[float] = Double().with_variant(REAL(), "sqlite")
_ID = BigInteger().with_variant(Integer(), "sqlite")
_ZERO = text("0")
_WAITS = text("attempt_at IS NOT NULL")
#: Every name is given as it shall be, whatever naming convention the MetaData has.
_ON_EACH: dict[str, Any] = {"schema": BLANK_SCHEMA, "mysql_engine": "InnoDB", "sqlite_autoincrement": True}


class Tables(NamedTuple):
    """The three tables."""

    customer: Table
    application: Table
    activity: Table


def tables(metadata: MetaData) -> Tables:
    """Put the three tables on `metadata`, once, in the schema that the connection looks in."""
    customer = Table(
        "unghost_customer",
        metadata,
        _id(),
        Column("destination", _KEY, nullable=False),
        Column("organization", BigInteger, nullable=False),
        Column("client_id", _KEY, nullable=False),
        Column("client_secret", _KEY, nullable=False),
        Column("created_at", BigInteger, nullable=False, server_default=_ZERO),
        Column("access_token", _TEXT),
        Column("token_expires_at", BigInteger),
        Column("attempt_at", BigInteger, nullable=False, server_default=_ZERO),
        Column("turn", BigInteger, nullable=False, server_default=_ZERO),
        Column("failures", Integer, nullable=False, server_default=_ZERO),
        Column("trouble", _TEXT),
        Column("bucket_level", _REAL),
        Column("bucket_at", BigInteger),
        Column("quota_day", BigInteger),
        Column("quota_used", BigInteger, nullable=False, server_default=_ZERO),
        UniqueConstraint("destination", "organization", name=conv("unghost_customer_once")),
        CheckConstraint("organization > 0", name=conv("unghost_customer_organization")),
        **_ON_EACH,
    )
    application = Table(
        "unghost_application",
        metadata,
        _id(),
        Column("customer_id", BigInteger, nullable=False),
        Column("number", BigInteger, nullable=False),
        Column("ats_id", _KEY, nullable=False),
        Column("source", _KEY, nullable=False, server_default="LinkedIn apply"),
        Column("received_at", BigInteger, nullable=False, server_default=_ZERO),
        UniqueConstraint("customer_id", "number", name=conv("unghost_application_once")),
        CheckConstraint("number > 0", name=conv("unghost_application_number")),
        ForeignKeyConstraint(["customer_id"], [customer.c.id], name=conv("unghost_application_customer")),
        Index(conv("unghost_application_ats_id"), "ats_id"),
        Index(conv("unghost_application_of_number"), "number"),
        **_ON_EACH,
    )
    activity = Table(
        "unghost_activity",
        metadata,
        _id(),
        Column("customer_id", BigInteger, nullable=False),
        Column("application_id", BigInteger, nullable=False),
        Column("activity", _KEY, nullable=False),
        Column("performed_at", BigInteger, nullable=False),
        Column("recorded_at", BigInteger, nullable=False, server_default=_ZERO),
        Column("state", _KEY, nullable=False, server_default="waiting"),
        Column("attempt_at", BigInteger, server_default=_ZERO),
        Column("attempts", Integer, nullable=False, server_default=_ZERO),
        Column("report_id", _KEY),
        Column("settled_at", BigInteger),
        Column("reason", _KEY),
        Column("detail", _TEXT),
        CheckConstraint("performed_at > 0", name=conv("unghost_activity_performed")),
        CheckConstraint(
            "state IN ('waiting', 'sent', 'cancelled', 'withdrawn', 'not_reportable', 'dead')",
            name=conv("unghost_activity_state"),
        ),
        CheckConstraint("(state = 'waiting') = (attempt_at IS NOT NULL)", name=conv("unghost_activity_timer")),
        ForeignKeyConstraint(["application_id"], [application.c.id], name=conv("unghost_activity_application")),
        Index(
            conv("unghost_activity_due"),
            "customer_id",
            "attempt_at",
            "id",
            postgresql_where=_WAITS,
            sqlite_where=_WAITS,
        ),
        Index(conv("unghost_activity_line"), "application_id", "attempt_at", "id"),
        **_ON_EACH,
    )
    return Tables(customer, application, activity)


def _id() -> Column[int]:
    return Column("id", _ID, Identity(), primary_key=True)
