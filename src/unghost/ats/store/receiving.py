"""How a received application gets its row: built, not run (spec R32). Pure.

The row is claimed before the ATS makes its candidate: whoever delivers the same application at the same moment waits at
the unique constraint until this transaction ends, and then finds it known.
"""

from __future__ import annotations

from datetime import datetime

from unghost.ats.activity import milliseconds
from unghost.ats.application import ReceivedApplication
from unghost.ats.store.recording import Mark, Statement

#: How each database leaves out a row that is there already: after INSERT, and at the end.
_ONCE = {
    "postgresql": ("", " ON CONFLICT (customer_id, number) DO NOTHING"),
    # Not ON DUPLICATE KEY: what it counts depends on an option of the connection.
    "mysql": (" IGNORE", ""),
    "sqlite": ("", " ON CONFLICT (customer_id, number) DO NOTHING"),
}
#: SQLite has one writer, and has it since the INSERT.
_LOCKS = {"postgresql": " FOR NO KEY UPDATE", "mysql": " FOR UPDATE", "sqlite": ""}


def customer(destination: str, organization: int, mark: Mark) -> Statement:
    """Finds a customer's id and its secret as it is stored."""
    sql = f"SELECT id, client_secret FROM unghost_customer WHERE destination = {mark(1)} AND organization = {mark(2)}"
    return Statement(sql, (destination, organization), counts=0)


def claim(application: ReceivedApplication, customer_id: int, now: datetime, dialect: str, mark: Mark) -> Statement:
    """Inserts the row, still without the ATS's own id. It writes none if the application is known."""
    before, after = _ONCE[dialect]
    sql = (
        f"INSERT{before} INTO unghost_application (customer_id, number, ats_id, source, received_at)"
        f" VALUES ({mark(1)}, {mark(2)}, '', {mark(3)}, {mark(4)}){after}"
    )
    return Statement(sql, (customer_id, application.number, application.source, milliseconds(now)))


def known(application: ReceivedApplication, customer_id: int, mark: Mark) -> Statement:
    """Finds the ATS's own id of an application that is known: IGNORE would hide also why none could be written."""
    sql = f"SELECT ats_id FROM unghost_application WHERE customer_id = {mark(1)} AND number = {mark(2)}"
    return Statement(sql, (customer_id, application.number), counts=0)


def locked(application: ReceivedApplication, customer_id: int, dialect: str, mark: Mark) -> Statement:
    """`known`, with the row locked: of two deliveries of an application without the ATS's own id one waits."""
    found = known(application, customer_id, mark)
    return Statement(found.sql + _LOCKS[dialect], found.values, counts=0)


def name(application: ReceivedApplication, customer_id: int, ats_id: str, mark: Mark) -> Statement:
    """Gives the claimed row the ATS's own id."""
    sql = f"UPDATE unghost_application SET ats_id = {mark(1)} WHERE customer_id = {mark(2)} AND number = {mark(3)}"
    return Statement(sql, (ats_id, customer_id, application.number))
