"""What the commands ask and change: customers, what waits, dead letters, redrive (spec R31)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Engine, String, bindparam, text

from unghost.ats.store.database import asking


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer and how it stands. `oldest`: when the oldest waiting activity was recorded, in milliseconds.

    `put_off`: how many activities wait for a reason of their own, `why` is one of them; `put_off_until`: the latest.
    """

    id: int
    destination: str
    organization: int
    client_id: str
    attempt_at: int
    trouble: str | None
    applications: int = 0
    waiting: int = 0
    oldest: int | None = None
    dead: int = 0
    put_off: int = 0
    put_off_until: int = 0
    why: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An activity that can never be reported as it is, and why."""

    id: int
    destination: str
    organization: int
    number: int
    activity: str
    performed_at: int
    reason: str | None
    detail: str | None


#: Narrows to one customer or one reason; PostgreSQL must be told the types of values that may be missing.
_ORGANIZATION, _REASON = bindparam("organization", type_=BigInteger), bindparam("reason", type_=String)

_ADD = text(
    """
INSERT INTO unghost_customer (destination, organization, client_id, client_secret, created_at)
VALUES (:destination, :organization, :client_id, :client_secret, :now)
"""
)
# With another client come another token and no blame for the old one's troubles.
_CHANGE = text(
    """
UPDATE unghost_customer SET client_id = :client_id, client_secret = :client_secret, access_token = NULL,
    token_expires_at = NULL, trouble = NULL, failures = 0, attempt_at = 0, turn = turn + 1
WHERE destination = :destination AND organization = :organization
"""
)
_CUSTOMERS = text(
    "SELECT id, destination, organization, client_id, attempt_at, trouble FROM unghost_customer ORDER BY id"
)
_APPLICATIONS = text("SELECT customer_id, count(*) AS n FROM unghost_application GROUP BY customer_id")
_COUNTS = text(
    """
SELECT customer_id, state, count(*) AS n, min(recorded_at) AS oldest, count(detail) AS put_off,
    max(CASE WHEN detail IS NULL THEN 0 ELSE attempt_at END) AS until, max(detail) AS why FROM unghost_activity
WHERE state IN ('waiting', 'dead') GROUP BY customer_id, state
"""
)
_DEAD = text(
    """
SELECT a.id, c.destination, c.organization, p.number, a.activity, a.performed_at, a.reason, a.detail
FROM unghost_activity a JOIN unghost_application p ON p.id = a.application_id
JOIN unghost_customer c ON c.id = a.customer_id
WHERE a.state = 'dead' AND (:organization IS NULL OR c.organization = :organization)
  AND (:reason IS NULL OR a.reason = :reason)
ORDER BY a.id LIMIT :limit
"""
).bindparams(_ORGANIZATION, _REASON)
_REDRIVE = text(
    """
UPDATE unghost_activity SET state = 'waiting', attempt_at = :now, settled_at = NULL, reason = NULL, detail = NULL
WHERE state = 'dead' AND (:organization IS NULL OR customer_id IN (
    SELECT c.id FROM unghost_customer c WHERE c.organization = :organization))
  AND (:reason IS NULL OR reason = :reason)
"""
).bindparams(_ORGANIZATION, _REASON)
_WAKE = text(
    """
UPDATE unghost_customer SET attempt_at = :now, trouble = NULL, failures = 0
WHERE trouble IS NOT NULL AND (:organization IS NULL OR organization = :organization)
"""
).bindparams(_ORGANIZATION)


def add_customer(
    engine: Engine, destination: str, organization: int, client_id: str, client_secret: str, now: int
) -> bool:
    """Add a customer, or give one that is there another client; whether it is new."""
    values = {
        "destination": destination, "organization": organization,
        "client_id": client_id, "client_secret": client_secret,
    }  # fmt: skip
    with asking(engine), engine.begin() as connection:
        if connection.execute(_CHANGE, values).rowcount:
            return False
        connection.execute(_ADD, values | {"now": now})
        return True


def customers(engine: Engine) -> list[Customer]:
    """All customers, with what waits and what is dead."""
    with asking(engine), engine.connect() as connection:
        found = connection.execute(_CUSTOMERS).all()
        applications = {row.customer_id: row.n for row in connection.execute(_APPLICATIONS)}
        counts = {(row.customer_id, row.state): row for row in connection.execute(_COUNTS)}
    listed = []
    for row in found:
        waiting, dead = counts.get((row.id, "waiting")), counts.get((row.id, "dead"))
        listed.append(
            Customer(
                id=row.id,
                destination=row.destination,
                organization=row.organization,
                client_id=row.client_id,
                attempt_at=row.attempt_at,
                trouble=row.trouble,
                applications=applications.get(row.id, 0),
                waiting=waiting.n if waiting else 0,
                oldest=waiting.oldest if waiting else None,
                dead=dead.n if dead else 0,
                put_off=waiting.put_off if waiting else 0,
                put_off_until=waiting.until if waiting else 0,
                why=waiting.why if waiting else None,
            )
        )
    return listed


def dead_letters(engine: Engine, organization: int | None, reason: str | None, limit: int) -> Sequence[DeadLetter]:
    """Dead letters, the oldest first: all, of one customer, for one reason."""
    values = {"organization": organization, "reason": reason, "limit": limit}
    with asking(engine), engine.connect() as connection:
        return [DeadLetter(*row) for row in connection.execute(_DEAD, values)]


def redrive(engine: Engine, organization: int | None, reason: str | None, now: int) -> tuple[int, int]:
    """Put dead letters back into their lines, and let customers in trouble be tried at once; how many of each."""
    with asking(engine), engine.begin() as connection:
        woken = connection.execute(_WAKE, {"organization": organization, "now": now}).rowcount
        back = connection.execute(_REDRIVE, {"organization": organization, "reason": reason, "now": now}).rowcount
    return back, woken
