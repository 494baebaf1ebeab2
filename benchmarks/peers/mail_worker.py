"""The peer's mails: a procrastinate worker, `python -m benchmarks.peers.mail_worker`. One job is one mail."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape

import aiosmtplib
from procrastinate import App, PsycopgConnector
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from benchmarks.peers.straightforward import DATABASE, engine
from benchmarks.peers.tables import Action, Applicant, Application, Customer, Job, Notice

SMTP_PORT = "PEER_SMTP_PORT"
#: Jobs that one worker has under way, and its connections to the mail server.
_CONCURRENCY = 16


class Smtp:
    """Connections to the mail server that are kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[aiosmtplib.SMTP] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """One of them, for one mail."""
        if self._idle:
            client = self._idle.pop()
        else:
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self._port, start_tls=False)
            await client.connect()
        try:
            yield client
        except BaseException:
            client.close()
            raise
        self._idle.append(client)


async def send_mail(session: AsyncSession, smtp: Smtp, action_id: int) -> None:
    """Send the mail of one notice if it may still be told, and store that it was."""
    found = (
        await session.execute(
            select(Notice, Action, Customer, Job, Applicant)
            .join(Action, Action.id == Notice.action_id)
            .join(Application, Application.number == Notice.application_number)
            .join(Customer, Customer.organization == Application.organization)
            .join(Job, Job.id == Application.job_id)
            .join(Applicant, Applicant.id == Application.applicant_id)
            .where(Notice.action_id == action_id, Notice.place == "EMAIL", Notice.state == "waiting")
        )
    ).one_or_none()
    if found is None:
        return
    notice, action, customer, job, applicant = found
    await session.commit()
    if not customer.applicant_notifications or not applicant.status_mails or not applicant.viewed_mails:
        settled: dict[str, object] = {"state": "withheld", "reason": "consent_withdrawn", "attempt_at": None}
    else:
        async with smtp.connection() as client:
            await client.send_message(_mail(action_id, action, customer, job, applicant))
        settled = {"state": "told", "told_at": max(datetime.now(UTC), notice.due_at), "attempt_at": None}
    which = (Notice.action_id == action_id, Notice.place == "EMAIL", Notice.state == "waiting")
    await session.execute(
        update(Notice).where(*which).values(settled), execution_options={"synchronize_session": False}
    )
    await session.commit()


def _mail(action_id: int, action: Action, customer: Customer, job: Job, applicant: Applicant) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "jobs@localhost"
    mail["To"] = applicant.email
    mail["Subject"] = f"{customer.name}: news about your application"
    mail["Message-ID"] = f"<notice-{action_id}-email@localhost>"
    mail["Auto-Submitted"] = "auto-generated"
    said = f"Your application as {job.title}: {action.action} on {action.performed_at:%d %B %Y}."
    mail.set_content(f"Dear {applicant.name},\n\n{said}\n")
    mail.add_alternative(f"<p>Dear {escape(applicant.name)},</p><p>{escape(said)}</p>", subtype="html")
    return mail


async def main() -> None:
    """Work until SIGTERM."""
    url = os.environ[DATABASE]
    queue = App(connector=PsycopgConnector(conninfo=url, max_size=_CONCURRENCY))
    own = engine(url)
    sessions, smtp = async_sessionmaker(own, expire_on_commit=False), Smtp(int(os.environ[SMTP_PORT]))

    @queue.task(name="send_mail", queue="mail")
    async def job(action_id: int) -> None:
        async with sessions() as session:
            await send_mail(session, smtp, action_id)

    async with queue.open_async():
        print("worker started", flush=True)
        with suppress(asyncio.CancelledError):
            await queue.run_worker_async(queues=["mail"], concurrency=_CONCURRENCY, delete_jobs="successful")
    await own.dispose()


if __name__ == "__main__":
    asyncio.run(main())
