"""The ATS's own app, wherever this package stands."""

from __future__ import annotations

from django.apps import AppConfig


class Curlew(AppConfig):
    """Candidates."""

    name = __package__ or "django_ats"
    label = "curlew"
    default_auto_field = "django.db.models.BigAutoField"
