"""The floor: bare ASGI on Uvicorn that reads a report as unghost does and answers it, without a database."""

from __future__ import annotations

from itertools import count

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from unghost.clock import SystemClock
from unghost.jobboard.rules.policy import DEFAULT, reportable
from unghost.wire import lifecycle, restli
from unghost.wire.refusals import Refused


def create() -> ASGIApp:
    """The app."""
    clock, actions, ids = SystemClock(), reportable(DEFAULT), count(1)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        headers = dict(scope["headers"])
        body = (await receive())["body"]
        status, id = 400, b"0"
        if b"authorization" in headers:
            restli.bearer(headers[b"authorization"].decode("latin-1"))
            read = lifecycle.read(msgspec.json.decode(body), clock.now(), actions, demand_context=False)
            if not isinstance(read, Refused):
                status, id = 201, str(next(ids)).encode()
        answer = [
            (b"location", restli.location(scope["path"], int(id)).encode()),
            (b"x-restli-id", id),
            (b"x-linkedin-id", id),
            (b"x-restli-protocol-version", b"2.0.0"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": answer})
        return await send({"type": "http.response.body", "body": b""})

    return app


async def _live(receive: Receive, send: Send) -> None:
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})
