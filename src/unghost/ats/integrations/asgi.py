"""The webhook as an ASGI application, for FastAPI, Starlette, Litestar or any ASGI server (spec R32)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

from unghost.ats import receive, webhook
from unghost.ats.receive import Delivery, OnApplication
from unghost.ats.webhook import Answer
from unghost.clock import Clock, SystemClock
from unghost.wire.webhook import SIGNATURE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def webhook_app(
    connect: Callable[[], AbstractContextManager[Any] | AbstractAsyncContextManager[Any]],
    on_application: OnApplication,
    *,
    clock: Clock | None = None,
) -> Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]:
    """The application to mount; the path below it ends with /{destination}/{organization}.

    `connect` opens a connection for one delivery, as a context manager. Is it an async one, such as
    `async_sessionmaker(engine)`, then `on_application` is an async function; else both run in a thread.
    `on_application(application, connection)` makes the candidate on that connection, without committing, and gives the
    ATS's own id of it. What it raises rolls everything back.
    """
    clock = clock or SystemClock()

    async def app(scope: Scope, receive_part: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"the webhook takes HTTP, not {scope['type']}")
        body = await read(receive_part, webhook.MOST_BYTES)
        if body is None:
            return
        try:
            told = await asyncio.to_thread(_at_once, connect, _delivery(scope, body), on_application, clock)
            if isinstance(told, AbstractAsyncContextManager):
                async with told as connection:
                    told = await receive.awaiting(_delivery(scope, body), connection, on_application, clock)
        except Exception as error:
            told = receive.failed(error)
        answer: Answer = told
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.all_headers()]
        await send({"type": "http.response.start", "status": answer.status.value, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return app


def _at_once(
    connect: Callable[[], Any], delivery: Delivery, on_application: OnApplication, clock: Clock
) -> Answer | AbstractAsyncContextManager[Any]:
    """The answer, all in one thread, for sqlite3 wants that; or what `connect` gave, if that is to be awaited."""
    opened = connect()
    if isinstance(opened, AbstractAsyncContextManager):
        return opened
    with opened as connection:
        return receive.at_once(delivery, connection, on_application, clock)


def _delivery(scope: Scope, body: bytes) -> Delivery:
    signatures = [value for name, value in scope["headers"] if name == SIGNATURE.lower().encode()]
    return Delivery(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        signature=signatures[0].decode("latin-1") if signatures else "",
        body=body,
    )


async def read(receive_part: Receive, most: int) -> bytes | None:
    """The body, and no more than one part beyond `most` bytes of it; None if the caller went away."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive_part()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most or not message.get("more_body"):
            return b"".join(parts)
