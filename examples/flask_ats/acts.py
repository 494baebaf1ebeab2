"""What a recruiter does, each as one function: the ATS's own change and its record, in one transaction (spec R29).

This is all that unghost asks of an ATS. A candidate who did not come from a board is left out by `record` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC

from sqlalchemy import select
from sqlalchemy.orm import Session

from unghost import ats
from unghost.ats.application import ReceivedApplication

from ..resume import Resume
from .models import Candidate, Stage


def receive(application: ReceivedApplication, session: Session) -> int:
    """An application came in by the board's webhook. Gives this ATS's own id of it (spec R32)."""
    candidate = Candidate(
        name=" ".join(filter(None, (application.first_name, application.last_name))) or "Without a name",
        email=application.email or "",
        phone=application.phone or "",
        job=application.external_job_id or "",
        source=application.source,
        resume_url=application.resume_url or "",
    )
    if application.applied_at:
        candidate.applied_at = application.applied_at.astimezone(UTC).replace(tzinfo=None)
    session.add(candidate)
    session.flush()
    return candidate.id


def open_record(session: Session, candidate: Candidate) -> None:
    """Somebody opened the record."""
    ats.record(session, ats.viewed(candidate.id))


def show_resume(session: Session, candidate: Candidate) -> None:
    """Somebody has the résumé before them, in the page."""
    ats.record(session, ats.resume_displayed(candidate.id))


def download_resume(session: Session, candidate: Candidate) -> None:
    """Somebody took the résumé away."""
    ats.record(session, ats.resume_downloaded(candidate.id))


def keep_resume(candidate: Candidate, resume: Resume) -> None:
    """Keep a résumé here. Nobody has looked at it by that: nothing is recorded."""
    candidate.resume_name, candidate.resume_type, candidate.resume = resume.name, resume.media_type, resume.content


def reject(session: Session, ids: Sequence[int]) -> tuple[int, int]:
    """Reject one or many. Gives how many were, and how many of them came from no board."""
    return _move(session, ids, {Stage.REVIEW}, Stage.REJECTED, ats.rejected)


def unreject(session: Session, ids: Sequence[int]) -> tuple[int, int]:
    """Take rejections back: unghost cancels or withdraws their reports (spec R34)."""
    return _move(session, ids, {Stage.REJECTED}, Stage.REVIEW, ats.unrejected)


def withdraw(session: Session, ids: Sequence[int]) -> tuple[int, int]:
    """The candidates withdrew by themselves."""
    return _move(session, ids, {Stage.REVIEW, Stage.REJECTED}, Stage.WITHDRAWN, ats.candidate_withdrew)


def _move(
    session: Session, ids: Sequence[int], before: set[Stage], after: Stage, activity: Callable[..., ats.Activity]
) -> tuple[int, int]:
    """Move those that stand where they may be moved from. Locked, so that who clicks twice moves them once."""
    movable = select(Candidate).where(Candidate.id.in_(ids), Candidate.stage.in_(before)).order_by(Candidate.id)
    candidates = session.scalars(movable.with_for_update()).all()
    if not candidates:
        return 0, 0
    for candidate in candidates:
        candidate.stage = after
    recorded = ats.record(session, activity(*(candidate.id for candidate in candidates)))
    return len(candidates), recorded.left_out
