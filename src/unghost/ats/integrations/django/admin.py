"""The three tables in Django's admin, for looking at them: nothing can be changed there, no secret is shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from unghost.ats.integrations.django.models import Activity, Application, Customer


class OnlyLookedAt(admin.ModelAdmin):
    """No adding, changing or deleting."""

    def has_add_permission(self, request: Any, *args: Any) -> bool:
        """Nobody may."""
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody may."""
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody may."""
        return False


@admin.register(Customer)
class CustomerAdmin(OnlyLookedAt):
    """Which customers report, and what is in the way."""

    list_display = ("destination", "organization", "client_id", "failures", "trouble")
    list_filter = ("destination",)
    exclude = ("client_secret", "access_token")


@admin.register(Application)
class ApplicationAdmin(OnlyLookedAt):
    """What came from a board."""

    list_display = ("ats_id", "number", "customer", "source")
    list_select_related = ("customer",)
    search_fields = ("=ats_id", "=number")


@admin.register(Activity)
class ActivityAdmin(OnlyLookedAt):
    """What was recorded and what became of it."""

    list_display = ("id", "application", "activity", "performed", "state", "attempts", "reason")
    list_filter = ("state", "activity", "customer")
    list_select_related = ("application",)
    search_fields = ("=application__ats_id", "=application__number")
    ordering = ("-id",)
