"""What this ATS keeps: its candidates. unghost's tables are an app of their own."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Stage(models.TextChoices):
    """Where a candidate stands."""

    REVIEW = "review", "In review"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Candidate(models.Model):
    """Somebody's application for one job."""

    name = models.CharField(max_length=200)
    email = models.CharField(max_length=320, blank=True)
    phone = models.CharField(max_length=60, blank=True)
    job = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=60)
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.REVIEW)
    applied_at = models.DateTimeField(default=timezone.now)
    resume_url = models.TextField(blank=True)
    resume_name = models.CharField(max_length=255, blank=True)
    resume_type = models.CharField(max_length=100, blank=True)
    resume = models.BinaryField(null=True)

    class Meta:
        """The newest first."""

        ordering = ("-applied_at", "-id")

    def __str__(self) -> str:
        return str(self.name)

    @property
    def has_resume(self) -> bool:
        """Whether there is one to show, here or at the board."""
        return bool(self.resume_url or self.resume_name)
