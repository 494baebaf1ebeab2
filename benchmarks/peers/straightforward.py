"""The service that a team would write instead: FastAPI, SQLAlchemy on asyncpg, one transaction a request.

Written to be good: tokens remembered, statements prepared, no ORM session in a report's way, the mail's job put into
procrastinate's queue in the report's own transaction. It keeps the same tables and gives the same answer; of the wire's
tolerances and refusals it has the plain ones.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import and_, bindparam, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from benchmarks.peers.tables import AccessToken, Action, Application, Customer, Notice, OAuthApplication
from unghost.jobboard.store.access import hashed

DATABASE = "PEER_DATABASE_URL"
#: Connections of each process; more made it slower.
_POOL = 16
_PAGES = ("JOB_POSTING", "MY_JOBS")
_PLACES = {
    "APPLICATION_VIEWED": ("EMAIL", *_PAGES),
    "RESUME_DOWNLOADED": _PAGES,
    "APPLICATION_REJECTED": ("EMAIL",),
}
_HOLDS = {"APPLICATION_REJECTED": timedelta(hours=72)}
_TRUST = timedelta(seconds=30)
# procrastinate's own function, called on our connection: the job is committed with the notice or not at all.
_DEFER = text(
    """SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('mail', 'send_mail', 0, NULL, NULL,
           jsonb_build_object('action_id', CAST(:action_id AS bigint)), CAST(:at AS timestamptz)
       )::procrastinate_job_to_defer_v1])"""
)


def engine(url: str) -> AsyncEngine:
    """SQLAlchemy's engine on asyncpg for PostgreSQL's own URL."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return create_async_engine(
        f"postgresql+asyncpg://{parts.username}@/{parts.path.lstrip('/')}",
        connect_args={"host": query["host"], "port": int(query["port"])},
        pool_size=_POOL,
        max_overflow=0,
    )


class Report(BaseModel):
    """The body of a report."""

    application: str = Field(alias="jobApplicationId", pattern=r"^(urn:li:jobApplication:)?[0-9]{1,18}$")
    action: Literal["APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED"]
    performed_at: int = Field(alias="performedAt", gt=100_000_000_000, lt=100_000_000_000_000)
    context: str | None = Field(alias="integrationContext", default=None, pattern=r"^urn:li:organization:[0-9]{1,18}$")


class Reporter(BaseModel):
    """Who reports."""

    id: int
    organization: int
    until: datetime


async def _transaction(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.engine.begin() as connection:
        yield connection


async def _reporter(request: Request, authorization: Annotated[str, Header()] = "") -> Reporter:
    token, now = authorization.removeprefix("Bearer").strip(), datetime.now(UTC)
    known: dict[str, Reporter] = request.app.state.reporters
    reporter = known.get(token)
    if reporter is None or reporter.until < now:
        async with request.app.state.engine.connect() as connection:
            row = (
                await connection.execute(
                    select(OAuthApplication.id, OAuthApplication.organization)
                    .join(AccessToken, AccessToken.oauth_application_id == OAuthApplication.id)
                    .where(AccessToken.hash == hashed(token), AccessToken.expires_at > now)
                    .where(AccessToken.revoked_at.is_(None), OAuthApplication.revoked_at.is_(None))
                )
            ).one_or_none()
        if row is None or row.organization is None:
            raise HTTPException(401, "invalid access token")
        reporter = known[token] = Reporter(id=row.id, organization=row.organization, until=now + _TRUST)
    return reporter


def create() -> FastAPI:
    """The app."""
    app = FastAPI(lifespan=_lifespan)
    app.add_api_route("/v2/jobApplicationLifecycleActions", report, methods=["POST"], status_code=201)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    own = engine(os.environ[DATABASE])
    app.state.engine, app.state.reporters = own, {}
    yield
    await own.dispose()


async def report(
    body: Report,
    reporter: Annotated[Reporter, Depends(_reporter)],
    connection: Annotated[AsyncConnection, Depends(_transaction, scope="function")],
) -> Response:
    """One report: read what it is judged by, store the action and its notices, defer its mail, commit."""
    now = datetime.now(UTC)
    number = int(body.application.rpartition(":")[2])
    performed_at = datetime.fromtimestamp(body.performed_at / 1000, UTC)
    if performed_at > now + timedelta(minutes=5):
        raise HTTPException(400, "performedAt lies in the future")
    if body.context and body.context != f"urn:li:organization:{reporter.organization}":
        raise HTTPException(403, "integrationContext is another customer's")
    known = (await connection.execute(_KNOWN, {"number": number, "action": body.action})).one_or_none()
    if known is None or known.organization != reporter.organization:
        raise HTTPException(404, "unknown application")
    key = {"application_number": number, "action": body.action, "performed_at": performed_at}
    given = key | {"received_at": now, "reported_by": reporter.id}
    action_id = (await connection.execute(_INSERT_ACTION, given)).scalar_one_or_none()
    if action_id is None:
        action_id = (await connection.execute(_STORED, key)).scalar_one()
        return _created(action_id)
    due_at = max(now, performed_at) + _HOLDS[body.action] if body.action in _HOLDS else now
    notices = [_notice(action_id, body, place, known, now, due_at) for place in _PLACES[body.action]]
    await connection.execute(insert(Notice), notices)
    if any(n["place"] == "EMAIL" and n["state"] == "waiting" for n in notices):
        await connection.execute(_DEFER, {"action_id": action_id, "at": due_at})
    return _created(action_id)


_KNOWN = (
    select(
        Application.organization,
        Application.submitted_at,
        Customer.applicant_notifications,
        func.array_agg(Notice.place).filter(Notice.place.is_not(None)).label("spoken_for"),
    )
    .join(Customer, Customer.organization == Application.organization)
    .outerjoin(
        Notice,
        and_(
            Notice.application_number == Application.number,
            Notice.action == bindparam("action"),
            Notice.state != "withheld",
        ),
    )
    .where(Application.number == bindparam("number"))
    .group_by(Application.number, Customer.organization)
)
_INSERT_ACTION = upsert(Action).on_conflict_do_nothing().returning(Action.id)
_STORED = select(Action.id).where(
    Action.application_number == bindparam("application_number"),
    Action.action == bindparam("action"),
    Action.performed_at == bindparam("performed_at"),
)


def _notice(action_id: int, body: Report, place: str, known: Any, now: datetime, due_at: datetime) -> dict[str, object]:
    reason = None
    if not known.applicant_notifications:
        reason = "no_consent"
    elif place in (known.spoken_for or ()):
        reason = "already_told"
    state = "withheld" if reason else "told" if place in _PAGES and due_at <= now else "waiting"
    return {
        "action_id": action_id,
        "place": place,
        "application_number": int(body.application.rpartition(":")[2]),
        "action": body.action,
        "state": state,
        "reason": reason,
        "due_at": due_at,
        "told_at": now if state == "told" else None,
        "attempt_at": due_at if state == "waiting" else None,
    }


def _created(id: int) -> Response:
    headers = {
        "Location": f"/v2/jobApplicationLifecycleActions/{id}",
        "X-RestLi-Id": str(id),
        "X-LinkedIn-Id": str(id),
        "X-RestLi-Protocol-Version": "2.0.0",
    }
    return Response(status_code=201, headers=headers)
