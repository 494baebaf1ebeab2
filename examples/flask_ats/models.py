"""What this ATS keeps: its candidates, and beside them unghost's three tables."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Engine, LargeBinary, String, Text, create_engine, event, func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, deferred, mapped_column

from unghost.ats.integrations.sqlalchemy import tables

from ..settings import Settings


class Stage(StrEnum):
    """Where a candidate stands."""

    REVIEW = "review"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Base(DeclarativeBase):
    """The ATS's own tables."""


class Candidate(Base):
    """Somebody's application for one job. Times are UTC."""

    __tablename__ = "candidate"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320), default="")
    phone: Mapped[str] = mapped_column(String(60), default="")
    job: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(60))
    stage: Mapped[str] = mapped_column(String(20), default=Stage.REVIEW)
    applied_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))
    resume_url: Mapped[str] = mapped_column(Text, default="")
    resume_name: Mapped[str] = mapped_column(String(255), default="")
    resume_type: Mapped[str] = mapped_column(String(100), default="")
    resume: Mapped[bytes | None] = deferred(mapped_column(LargeBinary(6 << 20)))

    @property
    def has_resume(self) -> bool:
        """Whether there is one to show, here or at the board."""
        return bool(self.resume_url or self.resume_name)


#: unghost's tables stand on the same MetaData, so that create_all or Alembic makes them too.
unghost = tables(Base.metadata)


def connected(settings: Settings) -> Engine:
    """The database, with its tables and the customer's row."""
    url = settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url.replace("mysql://", "mysql+pymysql://", 1), pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        # As it comes, sqlite3 reads outside the transaction: two clicks at once would both find somebody to reject.
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE") and None)
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        here = {"destination": settings.destination, "organization": settings.organization}
        known = update(unghost.customer).filter_by(**here).values(client_id=settings.client_id)
        if not session.connection().execute(known).rowcount:
            new = {"client_id": settings.client_id, "client_secret": "env:CLIENT_SECRET", **here}
            session.execute(insert(unghost.customer).values(new))
    return engine


def numbers(session: Session) -> dict[str, int]:
    """How many candidates stand where."""
    rows = session.execute(select(Candidate.stage, func.count()).group_by(Candidate.stage))
    return {row[0]: row[1] for row in rows}


def reports(session: Session, ats_id: int) -> list[dict[str, object]]:
    """What was recorded about a candidate for the board, the newest first; empty for who did not come from one."""
    activity, application = unghost.activity.c, unghost.application.c
    rows = session.execute(
        select(activity.activity, activity.performed_at, activity.state, activity.detail)
        .join_from(unghost.activity, unghost.application, activity.application_id == application.id)
        .where(application.ats_id == str(ats_id))
        .order_by(activity.id.desc())
    )
    return [row._asdict() | {"at": datetime.fromtimestamp(row.performed_at / 1000, UTC)} for row in rows]


def board_number(session: Session, ats_id: int) -> int | None:
    """The application's number at the board, None for who did not come from one."""
    application = unghost.application.c
    return session.scalar(select(application.number).where(application.ats_id == str(ats_id)))
