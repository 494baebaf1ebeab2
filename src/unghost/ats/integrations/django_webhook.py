"""The webhook as a Django view, on Django's own connection (spec R32)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unghost.ats import receive, webhook
from unghost.ats.receive import Call, Delivery, OnApplication, Step, Transaction
from unghost.ats.store import callers
from unghost.ats.store.recording import Statement
from unghost.clock import Clock, SystemClock
from unghost.wire.webhook import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


def webhook_view(
    on_application: OnApplication, *, using: str = "default", clock: Clock | None = None
) -> Callable[..., HttpResponse]:
    """The view for a pattern whose path ends with /<destination>/<organization>.

    `on_application(application, connection)` makes the candidate by the ORM of the database `using`, inside
    `transaction.atomic`, and gives the ATS's own id of it. What it raises rolls everything back.
    """
    from django.views.decorators.csrf import csrf_exempt

    clock = clock or SystemClock()

    def view(request: HttpRequest, **of_the_url: Any) -> HttpResponse:
        from django.http import HttpResponse

        try:
            answer = _answer(_delivery(request), on_application, using, clock)
        except Exception as error:
            answer = receive.failed(error)
        response = HttpResponse(answer.body, status=answer.status.value)
        for name, value in answer.all_headers():
            response[name] = value
        return response

    # Signed by the board, not by a form of this site.
    exempt: Callable[..., HttpResponse] = csrf_exempt(view)
    return exempt


def _answer(delivery: Delivery, on_application: OnApplication, using: str, clock: Clock) -> webhook.Answer:
    from django.db import connections, transaction

    connection = connections[using]
    speaking = callers.of(connection)
    assert isinstance(speaking, callers.Caller)
    opened: list[Any] = []

    def take(step: Step) -> Any:
        if isinstance(step, Statement):
            return speaking.run(step.sql, step.values) if step.counts else speaking.fetch(step.sql, step.values)
        if isinstance(step, Call):
            return on_application(step.application, connection)
        if step is Transaction.BEGIN:
            opened.append(transaction.atomic(using=using))
            opened[-1].__enter__()
        elif opened:
            # An atomic block rolls back when it is left by an exception.
            error = None if step is Transaction.COMMIT else RuntimeError()
            opened.pop().__exit__(type(error) if error else None, error, None)
        return None

    return receive.drive(receive.flow(delivery, speaking, clock), take)


def _delivery(request: HttpRequest) -> Delivery:
    from django.core.exceptions import RequestDataTooBig

    try:
        body = request.body
    except RequestDataTooBig:  # Django's own limit, DATA_UPLOAD_MAX_MEMORY_SIZE, is for forms and lower than ours
        body = request.read(webhook.MOST_BYTES + 1)
    return Delivery(
        method=str(request.method),
        path=request.path_info,
        query=request.META.get("QUERY_STRING", ""),
        signature=request.headers.get(SIGNATURE, ""),
        body=body,
    )
