"""The app as Django registers it."""

from __future__ import annotations

from django.apps import AppConfig


class UnghostAts(AppConfig):
    """The three tables of the ATS's end, in the ATS's own database."""

    name = "unghost.ats.integrations.django"
    label = "unghost_ats"
    verbose_name = "Reports to job boards"
    default_auto_field = "django.db.models.BigAutoField"
