"""The webhook as a WSGI application, for Flask, Pyramid, Bottle or any WSGI server (spec R32)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from unghost.ats import receive, webhook
from unghost.ats.receive import Delivery, OnApplication
from unghost.clock import Clock, SystemClock

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def webhook_app(
    connect: Callable[[], AbstractContextManager[Any]],
    on_application: OnApplication,
    *,
    clock: Clock | None = None,
) -> WSGIApplication:
    """The application to mount; the path below it ends with /{destination}/{organization}.

    `connect` opens a connection for one delivery, as a context manager: `engine.connect`, `sessionmaker(engine)`,
    `lambda: psycopg.connect(url)`. `on_application(application, connection)` makes the candidate on that connection,
    without committing, and gives the ATS's own id of it. What it raises rolls everything back.
    """
    clock = clock or SystemClock()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            with connect() as connection:
                answer = receive.at_once(delivery(environ), connection, on_application, clock)
        except Exception as error:
            answer = receive.failed(error)
        start_response(f"{answer.status.value} {answer.status.phrase}", answer.all_headers())
        return [answer.body]

    return app


def delivery(environ: WSGIEnvironment) -> Delivery:
    """The request of a WSGI environment; at most one byte more than is allowed is read."""
    path = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
    length = environ.get("CONTENT_LENGTH") or "0"
    wanted = min(int(length), webhook.MOST_BYTES + 1) if length.isascii() and length.isdigit() else 0
    if environ.get("wsgi.input_terminated"):  # in chunks, whose end the server knows
        wanted = webhook.MOST_BYTES + 1
    return Delivery(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=environ.get("QUERY_STRING", ""),
        signature=environ.get("HTTP_X_LI_SIGNATURE", ""),
        body=environ["wsgi.input"].read(wanted) if wanted else b"",
    )
