"""What a recruiter does, each as one function: the ATS's own change and its record, in one transaction (spec R29).

This is all that unghost asks of an ATS. A candidate who did not come from a board is left out by `record` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from unghost import ats
from unghost.ats.application import ReceivedApplication

from ..resume import Resume
from .models import Candidate, Stage


def receive(application: ReceivedApplication, _: Any) -> int:
    """An application came in by the board's webhook. Gives this ATS's own id of it (spec R32)."""
    candidate = Candidate.objects.create(
        name=" ".join(filter(None, (application.first_name, application.last_name))) or "Without a name",
        email=application.email or "",
        phone=application.phone or "",
        job=application.external_job_id or "",
        source=application.source,
        applied_at=application.applied_at or timezone.now(),
        resume_url=application.resume_url or "",
    )
    return int(candidate.pk)


def open_record(candidate: Candidate) -> None:
    """Somebody opened the record."""
    ats.record(connection, ats.viewed(candidate.pk))


def show_resume(candidate: Candidate) -> None:
    """Somebody has the résumé before them, in the page."""
    ats.record(connection, ats.resume_displayed(candidate.pk))


def download_resume(candidate: Candidate) -> None:
    """Somebody took the résumé away."""
    ats.record(connection, ats.resume_downloaded(candidate.pk))


def keep_resume(candidate: Candidate, resume: Resume) -> None:
    """Keep a résumé here. Nobody has looked at it by that: nothing is recorded."""
    candidate.resume_name, candidate.resume_type, candidate.resume = resume.name, resume.media_type, resume.content
    candidate.save(update_fields=["resume_name", "resume_type", "resume"])


def reject(ids: Sequence[int]) -> tuple[int, int]:
    """Reject one or many. Gives how many were, and how many of them came from no board."""
    return _move(ids, {Stage.REVIEW}, Stage.REJECTED, ats.rejected)


def unreject(ids: Sequence[int]) -> tuple[int, int]:
    """Take rejections back: unghost cancels or withdraws their reports (spec R34)."""
    return _move(ids, {Stage.REJECTED}, Stage.REVIEW, ats.unrejected)


def withdraw(ids: Sequence[int]) -> tuple[int, int]:
    """The candidates withdrew by themselves."""
    return _move(ids, {Stage.REVIEW, Stage.REJECTED}, Stage.WITHDRAWN, ats.candidate_withdrew)


def _move(ids: Sequence[int], before: set[Any], after: Any, activity: Callable[..., ats.Activity]) -> tuple[int, int]:
    """Move those that stand where they may be moved from. Locked, so that who clicks twice moves them once."""
    with transaction.atomic():
        movable = Candidate.objects.select_for_update().filter(pk__in=ids, stage__in=before).order_by("pk")
        found = list(movable.values_list("pk", flat=True))
        if not found:
            return 0, 0
        Candidate.objects.filter(pk__in=found).update(stage=after)
        return len(found), ats.record(connection, activity(*found)).left_out
