"""Opt-in: records a change of stage when a model is saved, in the same transaction (spec R29). Calls are better.

Blind: what sends no signal is not seen: QuerySet.update(), bulk_create(), bulk_update(), raw SQL, other programs; nor
are fixtures, and saves through a proxy or a subclass. Views and résumés change no stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from django.db import connections
from django.db.models.signals import post_save, pre_save
from django.db.transaction import TransactionManagementError

from unghost import ats
from unghost.ats.activity import of_kind
from unghost.ats.integrations.moves import move, table

#: Where an instance keeps, between its two signals, what its save is.
_MARK = "_unghost_activities"


def connect(
    model: Any, *, stage_field: str, stages: Mapping[Any, str], ats_id: str | Callable[[Any], str | int] = "pk"
) -> Callable[[], None]:
    """Record when saving an instance of `model` moves it to another stage. Gives what undoes this.

    `stages`: values of `stage_field` with the activities they are, e.g. `{"declined": "rejected"}`; leaving a rejected
    one is `unrejected`. `ats_id`: the attribute that is the ATS's own id, or what gives it. Such a save outside
    `transaction.atomic()` is refused before it: the change and its record could part. Raises `RecordError`.
    """
    known = table(stages)
    column = model._meta.get_field(stage_field).attname
    identify = attrgetter(ats_id) if isinstance(ats_id, str) else ats_id

    def before(instance: Any, raw: bool, using: str, update_fields: Any, **_: Any) -> None:
        instance.__dict__.pop(_MARK, None)
        written = update_fields is None or {stage_field, column} & set(update_fields)
        if raw or not written or column in instance.get_deferred_fields():
            return
        new = getattr(instance, column)
        if hasattr(new, "resolve_expression"):
            raise ats.RecordError(f"{stage_field} is set to an expression: set the value, so that it can be recorded")
        kinds = list(move(known, _stored(model, instance, column, using), new))
        if not kinds:
            return
        if not connections[using].in_atomic_block:
            raise TransactionManagementError(
                f"saving this {model.__name__} is recorded as {' and '.join(kinds)}: save it inside "
                "transaction.atomic(), so that both are committed or neither"
            )
        setattr(instance, _MARK, kinds)

    def after(instance: Any, using: str, **_: Any) -> None:
        kinds = instance.__dict__.pop(_MARK, ())
        if kinds:
            ats.record(connections[using], *(of_kind(kind, identify(instance)) for kind in kinds))

    pre_save.connect(before, sender=model, weak=False)
    post_save.connect(after, sender=model, weak=False)

    def disconnect() -> None:
        pre_save.disconnect(before, sender=model)
        post_save.disconnect(after, sender=model)

    return disconnect


def _stored(model: Any, instance: Any, column: str, using: str) -> Any:
    """The stage in the database, None for a new row. Locked: of two moves at once the later sees the earlier."""
    if instance.pk is None:
        return None
    rows = model._base_manager.using(using).filter(pk=instance.pk)
    if connections[using].in_atomic_block and connections[using].features.has_select_for_update:
        rows = rows.select_for_update()
    return rows.values_list(column, flat=True).first()
