"""What is known of one application, from the recruiter's click to the mailbox (spec R17). Reads only.

For the operator alone: it shows notices that are held. The applicant's address leaves only masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as stored; see migrations/0001_first.sql for its fields."""

    action_id: int
    place: str
    state: str
    reason: str | None
    due_at: datetime
    told_at: datetime | None
    attempts: int
    attempt_at: datetime | None
    detail: str | None
    redriven_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an application goes to the ATS (spec R28); `webhook`: the state of what it goes to."""

    state: str
    webhook: str
    failures: int
    created_at: datetime
    attempt_at: datetime | None
    delivered_at: datetime | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """An action with who reported it and what the consent was when it was received.

    `consent_then` follows the ledger: the last change before receipt, False if there was none. `consent_stands`: it is
    there now and was never taken back since the action was stored.
    """

    id: int
    action: str
    performed_at: datetime
    received_at: datetime
    reported_by: str | None
    partner: str | None
    consent_then: bool
    consent_stands: bool
    notices: Sequence[Notice] = ()


@dataclass(frozen=True, slots=True)
class Application:
    """An application with all that was ever done about telling its applicant. `mail_to` is masked."""

    number: int
    submitted_at: datetime
    job: str
    customer: str
    organization: int
    consent_now: bool
    consent_changed_at: datetime | None
    consent_changed_by: str | None
    applicant_id: int
    mail_to: str
    viewed_mails: bool
    status_mails: bool
    mail_suppressed: str | None


_APPLICATION = """
SELECT a.number, a.submitted_at, j.title AS job, c.name AS customer, a.organization,
       c.applicant_notifications AS consent_now, l.changed_at AS consent_changed_at, l.changed_by AS consent_changed_by,
       p.id AS applicant_id, left(p.email, 1) || '…@' || regexp_replace(p.email, '^.*@', '') AS mail_to,
       p.viewed_mails, p.status_mails, p.mail_suppressed
FROM jobboard.application a
JOIN jobboard.job j ON j.id = a.job_id
JOIN jobboard.customer c ON c.organization = a.organization
JOIN jobboard.applicant p ON p.id = a.applicant_id
LEFT JOIN LATERAL (
    SELECT changed_at, changed_by FROM jobboard.consent_ledger
    WHERE organization = a.organization ORDER BY id DESC LIMIT 1
) l ON true
WHERE a.number = %s
"""

_ACTIONS = """
SELECT x.id, x.action, x.performed_at, x.received_at, o.name AS reported_by, p.name AS partner,
       coalesce((SELECT l.ticked FROM jobboard.consent_ledger l
                 WHERE l.organization = a.organization AND l.changed_at <= x.received_at
                 ORDER BY l.changed_at DESC, l.id DESC LIMIT 1), false) AS consent_then,
       c.applicant_notifications AND x.id > c.consent_after AS consent_stands
FROM jobboard.action x
JOIN jobboard.application a ON a.number = x.application_number
JOIN jobboard.customer c ON c.organization = a.organization
LEFT JOIN jobboard.oauth_application o ON o.id = x.reported_by
LEFT JOIN jobboard.oauth_application p ON p.id = o.parent_id
WHERE x.application_number = %s
ORDER BY x.performed_at, x.id
"""

_NOTICES = """
SELECT action_id, place, state, reason, due_at, told_at, attempts, attempt_at, detail, redriven_at
FROM jobboard.notice WHERE action_id = ANY (%s) ORDER BY place
"""

_DELIVERY = """
SELECT d.state, w.state AS webhook, d.failures, d.created_at, d.attempt_at, d.delivered_at, d.detail
FROM jobboard.delivery d JOIN jobboard.webhook w ON w.id = d.webhook_id
WHERE d.application_number = %s
"""


async def application(connection: AsyncConnection[Any], number: int) -> Application | None:
    """The application of this number; None if there is none."""
    async with connection.cursor(row_factory=class_row(Application)) as cursor:
        await cursor.execute(_APPLICATION, (number,))
        return await cursor.fetchone()


async def actions(connection: AsyncConnection[Any], number: int) -> list[Action]:
    """All actions of an application with their notices, in the order in which they were performed."""
    async with connection.cursor(row_factory=class_row(Action)) as cursor:
        await cursor.execute(_ACTIONS, (number,))
        found = await cursor.fetchall()
    told = await notices(connection, [action.id for action in found])
    return [replace(action, notices=[n for n in told if n.action_id == action.id]) for action in found]


async def application_of(connection: AsyncConnection[Any], action_id: int) -> int | None:
    """The number of the application that this action is about; None if there is no such action."""
    cursor = await connection.execute("SELECT application_number FROM jobboard.action WHERE id = %s", (action_id,))
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def notices(connection: AsyncConnection[Any], action_ids: Sequence[int]) -> list[Notice]:
    """The notices of these actions, as they are now."""
    async with connection.cursor(row_factory=class_row(Notice)) as cursor:
        await cursor.execute(_NOTICES, (list(action_ids),))
        return await cursor.fetchall()


async def delivery(connection: AsyncConnection[Any], number: int) -> Delivery | None:
    """How an application goes to the ATS; None: to no webhook, or there is no such application."""
    async with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        await cursor.execute(_DELIVERY, (number,))
        return await cursor.fetchone()
