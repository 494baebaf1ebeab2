"""Webhooks of child applications, and which job's applications go to which (spec R28).

Each function runs in the caller's transaction. It judges no URL: rules/reach does, before it is stored.
"""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection

from unghost.jobboard.store.accepting import notify

#: NOTIFY channel: a challenge or a delivery is due now.
DELIVER = "jobboard_deliver"

# A webhook that is blocked gets another chance; one that is verified stays so while it is asked again; a
# challenge under way settles nothing any more.
_REGISTER = """
INSERT INTO jobboard.webhook AS w (oauth_application_id, url, state, attempt_at, created_at)
VALUES (%(oauth_application)s, %(url)s, 'unverified', %(now)s, %(now)s)
ON CONFLICT (oauth_application_id, url) DO UPDATE SET
    state = CASE w.state WHEN 'blocked' THEN 'unverified' ELSE w.state END,
    failures = CASE w.state WHEN 'blocked' THEN 0 ELSE w.failures END,
    attempt_at = %(now)s, attempts = w.attempts + 1
RETURNING id
"""

_ATTACH = "UPDATE jobboard.job SET webhook_id = %(webhook)s, webhook_url = %(url)s WHERE id = %(job)s"

_MOVE = """
UPDATE jobboard.delivery d SET webhook_id = %(webhook)s
FROM jobboard.application a
WHERE a.job_id = %(job)s AND d.application_number = a.number AND d.state = 'waiting' AND d.webhook_id <> %(webhook)s
"""


async def register_webhook(
    connection: AsyncConnection, *, job_id: int, oauth_application: int, url: str, now: datetime
) -> None:
    """Let a job's applications go to this URL of a child application, and make its challenge due (spec R28).

    Applications that wait for the job's former webhook go to the new one.
    """
    given = {"oauth_application": oauth_application, "url": url, "now": now, "job": job_id}
    row = await (await connection.execute(_REGISTER, given)).fetchone()
    assert row is not None
    given["webhook"] = row[0]
    await connection.execute(_ATTACH, given)
    await connection.execute(_MOVE, given)
    await notify(connection, DELIVER)


async def challenge_again(connection: AsyncConnection, oauth_application: int, now: datetime) -> None:
    """Make the challenges of a child application's webhooks due; blocked ones get another chance (spec R28)."""
    await connection.execute(
        """UPDATE jobboard.webhook SET attempt_at = %(now)s, attempts = attempts + 1,
               state = CASE state WHEN 'blocked' THEN 'unverified' ELSE state END,
               failures = CASE state WHEN 'blocked' THEN 0 ELSE failures END
           WHERE oauth_application_id = %(oauth_application)s""",
        {"oauth_application": oauth_application, "now": now},
    )
    await notify(connection, DELIVER)
