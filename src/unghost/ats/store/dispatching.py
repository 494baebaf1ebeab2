"""Leasing customers: a claim is a turn at one customer, and only its holder may send for it (spec R30, R31).

`attempt_at` is when the next turn may begin and, while one has it, the lease's end; `turn` counts claims and is the
fence of all that the holder writes. A claim's cost does not depend on how many activities wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, text

from unghost.ats.allowance import Allowance

#: Stands for the trouble that the customer's row has already.
KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Turn:
    """A claimed customer, with what its row says. `failures`: turns in a row in which the way was closed."""

    customer_id: int
    turn: int
    destination: str
    organization: int
    client_id: str
    client_secret: str
    access_token: str | None
    token_expires_at: int | None
    failures: int
    allowance: Allowance

    @property
    def attempts(self) -> int:
        """For the backoff: how often it has been tried in vain, this time included."""
        return self.failures + 1


@dataclass(frozen=True, slots=True)
class Release:
    """How a turn ended. `attempt_at`: of the next one; `failed`: the way was closed; `trouble`: why, or KEPT."""

    turn: Turn
    attempt_at: int
    failed: bool
    trouble: str | None


# A scalar subquery, not EXISTS: no planner turns it into a join that reads all activities.
_DUE = text(
    """
SELECT c.id, c.turn, c.destination, c.organization, c.client_id, c.client_secret, c.access_token, c.token_expires_at,
       c.failures, c.bucket_level, c.bucket_at, c.quota_day, c.quota_used
FROM unghost_customer c
WHERE c.attempt_at <= :now AND (
    SELECT a.id FROM unghost_activity a WHERE a.customer_id = c.id AND a.attempt_at <= :now
    ORDER BY a.attempt_at, a.id LIMIT 1) IS NOT NULL
ORDER BY c.attempt_at, c.id LIMIT :limit
"""
)
_LEASE = text(
    """
UPDATE unghost_customer SET turn = turn + 1, attempt_at = :until WHERE id = :id AND turn = :turn AND attempt_at <= :now
"""
)
_RELEASE = text(
    """
UPDATE unghost_customer SET attempt_at = :attempt_at, failures = failures + :failed,
    trouble = CASE WHEN :kept = 1 THEN trouble ELSE :trouble END
WHERE id = :id AND turn = :turn
"""
)
_TOKEN = text(
    "UPDATE unghost_customer SET access_token = :token, token_expires_at = :expires WHERE id = :id AND turn = :turn"
)


def claim(engine: Engine, now: int, until: int, limit: int) -> list[Turn]:
    """Lease up to `limit` customers with due activities; committed on return. Who comes second at one gets nothing."""
    with engine.begin() as connection:
        found = connection.execute(_DUE, {"now": now, "limit": limit}).all() if limit else []
        if not limit:
            connection.execute(text("SELECT 1"))
    if not found:
        return []
    with engine.begin() as connection:  # in the order of ids: claims of several processes cannot lock each other out
        won = {
            row.id
            for row in sorted(found, key=lambda row: row.id)
            if connection.execute(_LEASE, {"id": row.id, "turn": row.turn, "now": now, "until": until}).rowcount
        }
    return [
        Turn(
            customer_id=row.id,
            turn=row.turn + 1,
            destination=row.destination,
            organization=row.organization,
            client_id=row.client_id,
            client_secret=row.client_secret,
            access_token=row.access_token,
            token_expires_at=row.token_expires_at,
            failures=row.failures,
            allowance=Allowance(row.bucket_level, row.bucket_at, row.quota_day, row.quota_used),
        )
        for row in found
        if row.id in won
    ]


def release(engine: Engine, ended: Sequence[Release]) -> None:
    """End turns, in one transaction. One whose lease had ended and was taken by another is left alone."""
    with engine.begin() as connection:
        for one in sorted(ended, key=lambda one: one.turn.customer_id):
            connection.execute(
                _RELEASE,
                {
                    "id": one.turn.customer_id,
                    "turn": one.turn.turn,
                    "attempt_at": one.attempt_at,
                    "trouble": one.trouble,
                    "kept": int(one.trouble == KEPT),
                    "failed": int(one.failed),
                },
            )


def keep_token(engine: Engine, turn: Turn, token: str | None, expires_at: int | None) -> bool:
    """Share a token with later turns, or drop it; False: the turn is another's by now."""
    values = {"id": turn.customer_id, "turn": turn.turn, "token": token, "expires": expires_at}
    with engine.begin() as connection:
        return connection.execute(_TOKEN, values).rowcount > 0
