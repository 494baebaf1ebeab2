"""Erasing an applicant: every row about them, also what waits to be told, and their tombstones (spec R20).

One transaction, which takes its locks in the order in which reports and registrations take theirs. Must not wait for
what a dispatcher has in its hands: it says so, and erase.py waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import LockNotAvailable

from unghost.jobboard.store.accepting import LIVE, notify
from unghost.jobboard.tombstones import Tombstones


class InHand(Exception):
    """A dispatcher has a mail or a delivery about this applicant in its hands. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased. `waiting`: of the notices, those that were not told yet, held ones among them."""

    applications: int
    resumes: int
    actions: int
    notices: int
    waiting: int
    deliveries: int


# Whoever registers an application holds the applicant's row, and whoever stores a report the application's, until they
# commit (FOR KEY SHARE): what came first is waited for and erased too, what comes later finds nothing.
_APPLICANT = "SELECT external_id FROM jobboard.applicant WHERE id = %(applicant)s FOR UPDATE"
_APPLICATIONS = """
SELECT number FROM jobboard.application WHERE applicant_id = %(applicant)s ORDER BY number FOR UPDATE
"""
_ACTIONS = "SELECT id FROM jobboard.action WHERE application_number = ANY (%(numbers)s::bigint[])"

# A row that somebody else has locked is being claimed or settled. One that is claimed has no detail until its attempt
# has ended; one whose lease is over is in nobody's hands any more.
_NOTICES = """
SELECT state = 'waiting',
       state = 'waiting' AND attempts > 0 AND detail IS NULL AND attempt_at > %(now)s
FROM jobboard.notice WHERE action_id = ANY (%(actions)s::bigint[]) FOR UPDATE NOWAIT
"""
_DELIVERIES = """
SELECT state = 'waiting' AND attempts > 0 AND detail IS NULL AND attempt_at > %(now)s
FROM jobboard.delivery WHERE application_number = ANY (%(numbers)s::bigint[]) FOR UPDATE NOWAIT
"""
_RESUMES = "SELECT count(*) FROM jobboard.resume WHERE application_number = ANY (%(numbers)s::bigint[])"

# Applications, actions, résumés and deliveries go with the applicant (ON DELETE CASCADE); notices have no foreign key.
_DELETE_NOTICES = "DELETE FROM jobboard.notice WHERE action_id = ANY (%(actions)s::bigint[])"
_DELETE_APPLICANT = "DELETE FROM jobboard.applicant WHERE id = %(applicant)s"
_BURY = """
INSERT INTO jobboard.tombstone (digest, erased_at) SELECT unnest(%(digests)s::bytea[]), %(now)s
ON CONFLICT (digest) DO NOTHING
"""


async def erase(
    connection: AsyncConnection[Any], applicant: int, tombstones: Tombstones, now: datetime, *, patient: bool
) -> Erased | None:
    """Erase an applicant in the caller's transaction, and wake their open pages. None: there is no such applicant.

    `patient`: raises `InHand` if a dispatcher has something about them in its hands; else it is erased under it, and
    what is sent already is sent.
    """
    given: dict[str, Any] = {"applicant": applicant, "now": now}
    found = await (await connection.execute(_APPLICANT, given)).fetchone()
    if found is None:
        return None
    given["numbers"] = await _column(connection, _APPLICATIONS, given)
    given["actions"] = await _column(connection, _ACTIONS, given)
    try:
        notices = await (await connection.execute(_NOTICES, given)).fetchall()
        deliveries = await _column(connection, _DELIVERIES, given)
    except LockNotAvailable:
        raise InHand from None
    if patient and (any(in_hand for _, in_hand in notices) or any(deliveries)):
        raise InHand
    [resumes] = await _column(connection, _RESUMES, given)
    await connection.execute(_DELETE_NOTICES, given)
    await connection.execute(_DELETE_APPLICANT, given)
    given["digests"] = _digests(tombstones, found[0], given["numbers"])
    await connection.execute(_BURY, given)
    await notify(connection, LIVE, [applicant])
    return Erased(
        applications=len(given["numbers"]),
        resumes=resumes,
        actions=len(given["actions"]),
        notices=len(notices),
        waiting=sum(waiting for waiting, _ in notices),
        deliveries=len(deliveries),
    )


async def erased_at(connection: AsyncConnection[Any], digest: bytes) -> datetime | None:
    """When that of which this is the tombstone was erased; None: it never was."""
    cursor = await connection.execute("SELECT erased_at FROM jobboard.tombstone WHERE digest = %s", (digest,))
    row = await cursor.fetchone()
    return None if row is None else row[0]


def _digests(tombstones: Tombstones, external_id: str | None, numbers: Sequence[int]) -> list[bytes]:
    digests = [tombstones.of_application(number) for number in numbers]
    return digests if external_id is None else [tombstones.of_applicant(external_id), *digests]


async def _column(connection: AsyncConnection[Any], statement: str, given: dict[str, Any]) -> list[Any]:
    return [value for (value,) in await (await connection.execute(statement, given)).fetchall()]
