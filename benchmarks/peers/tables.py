"""The tables, as the peer's models: the same as unghost's, so that both are checked by the same count."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All in the schema jobboard."""

    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's own way)
        int: BigInteger,
        datetime: DateTime(timezone=True),
        str: Text,
        bytes: LargeBinary,
    }


class Customer(Base):
    __tablename__ = "customer"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    organization: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    applicant_notifications: Mapped[bool]


class OAuthApplication(Base):
    __tablename__ = "oauth_application"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    organization: Mapped[int | None]
    revoked_at: Mapped[datetime | None]


class AccessToken(Base):
    __tablename__ = "access_token"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    oauth_application_id: Mapped[int]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Job(Base):
    __tablename__ = "job"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


class Applicant(Base):
    __tablename__ = "applicant"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    viewed_mails: Mapped[bool]
    status_mails: Mapped[bool]


class Application(Base):
    __tablename__ = "application"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    number: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int]
    organization: Mapped[int]
    applicant_id: Mapped[int]
    submitted_at: Mapped[datetime]


class Action(Base):
    __tablename__ = "action"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    application_number: Mapped[int]
    action: Mapped[str]
    performed_at: Mapped[datetime]
    received_at: Mapped[datetime]
    reported_by: Mapped[int | None]


class Notice(Base):
    __tablename__ = "notice"
    __table_args__ = {"schema": "jobboard"}  # noqa: RUF012
    action_id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    application_number: Mapped[int]
    action: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    due_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    attempt_at: Mapped[datetime | None]
