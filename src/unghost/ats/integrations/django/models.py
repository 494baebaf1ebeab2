"""The three tables as models. Customers are the ATS's to save; applications and activities are only read (spec R29).

`ats.record` and the webhook write those, and the dispatcher what became of them. The models are unmanaged: the
migration makes the tables from the one definition, `ats/store/schema.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import models

from unghost.ats.activity import Kind
from unghost.ats.store import schema

#: What of a customer the ATS says.
_OWN = frozenset({"destination", "organization", "client_id", "client_secret"})
_ACTIVITIES = [(str(kind), kind.replace("_", " ").replace("resume", "résumé").capitalize()) for kind in Kind]
_STATES = [(state, state.replace("_", " ").capitalize()) for state in schema.STATES]


class OnlyRead(models.Model):
    """Saved as a whole, a row would put back what the dispatcher wrote meanwhile: refused."""

    class Meta:  # noqa: D106
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse."""
        raise TypeError(f"{type(self).__name__} is only read: ats.record, the webhook and the dispatcher write it")

    def delete(self, *args: Any, **kwargs: Any) -> None:
        """Refuse."""
        raise TypeError(f"{type(self).__name__} is only read: what was reported stays reported")


class Customer(models.Model):
    """A hiring organisation at one destination, with the credentials of its child application.

    `client_secret` is the secret, or env:NAME or file:PATH that holds it. `access_token` and on are the dispatcher's.
    """

    id = models.BigAutoField(primary_key=True)
    destination = models.CharField(max_length=190)
    organization = models.BigIntegerField()
    client_id = models.CharField(max_length=190)
    client_secret = models.CharField(max_length=190)
    created_at = models.BigIntegerField(default=0)
    access_token = models.TextField(null=True)
    token_expires_at = models.BigIntegerField(null=True)
    attempt_at = models.BigIntegerField(default=0)
    turn = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    trouble = models.TextField(null=True)
    bucket_level = models.FloatField(null=True)
    bucket_at = models.BigIntegerField(null=True)
    quota_day = models.BigIntegerField(null=True)
    quota_used = models.BigIntegerField(default=0)

    class Meta:  # noqa: D106
        managed = False
        db_table = "unghost_customer"

    def __str__(self) -> str:
        return f"{self.organization} at {self.destination}"

    def save(self, *, update_fields: Any = None, **kwargs: Any) -> None:
        """Save what is the ATS's own: all else would put back what the dispatcher wrote meanwhile."""
        if not self._state.adding:
            update_fields = _OWN if update_fields is None else _OWN & set(update_fields)
        super().save(update_fields=update_fields, **kwargs)


class Application(OnlyRead):
    """An application that came from a board: its number there, and the ATS's own id."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.DO_NOTHING)
    number = models.BigIntegerField()
    ats_id = models.CharField(max_length=190)
    source = models.CharField(max_length=190, default="LinkedIn apply")
    received_at = models.BigIntegerField(default=0)

    class Meta:  # noqa: D106
        managed = False
        db_table = "unghost_application"

    def __str__(self) -> str:
        return f"{self.ats_id} ({self.number})"


class Activity(OnlyRead):
    """What a recruiter did, and what became of its report."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.DO_NOTHING)
    application = models.ForeignKey(Application, models.DO_NOTHING)
    activity = models.CharField(max_length=190, choices=_ACTIVITIES)
    performed_at = models.BigIntegerField()
    recorded_at = models.BigIntegerField(default=0)
    state = models.CharField(max_length=190, choices=_STATES, default="waiting")
    attempt_at = models.BigIntegerField(null=True, default=0)
    attempts = models.IntegerField(default=0)
    report_id = models.CharField(max_length=190, null=True)
    settled_at = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=190, null=True)
    detail = models.TextField(null=True)

    class Meta:  # noqa: D106
        managed = False
        db_table = "unghost_activity"
        verbose_name_plural = "activities"

    def __str__(self) -> str:
        return f"{self.activity} of {self.application_id}"

    @property
    def performed(self) -> datetime:
        """When the recruiter did it."""
        return datetime.fromtimestamp(self.performed_at / 1000, UTC)
