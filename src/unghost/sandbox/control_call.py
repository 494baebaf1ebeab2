"""A call to the control server: who may make it, its body read into a type, its refusal as one sentence.

No password guards it, so no page of another origin may reach it, whatever name it gives this machine.
"""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

T = TypeVar("T")
_HOSTS = ("127.0.0.1", "localhost", "::1")
_MOST = 1024 * 1024


class Wrong(ValueError):
    """The call cannot be done. The message is one sentence with the remedy."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def refused(message: str, status: int = 400) -> Response:
    """The answer to what cannot be done."""
    return JSONResponse({"status": status, "message": message}, status)


async def wrong(request: Request, error: Exception) -> Response:
    """Starlette's handler of `Wrong`, and of other one-sentence errors."""
    return refused(str(error), getattr(error, "status", 400))


async def body(request: Request, kind: type[T]) -> T:
    """The body as this type; an empty one is an empty object. Raises `Wrong`."""
    given = b""
    async for part in request.stream():
        given += part
        if len(given) > _MOST:
            raise Wrong(f"the body is over {_MOST} bytes: send less", 413)
    try:
        return msgspec.json.decode(given or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Wrong(f"the body cannot be read: {_plain(error)}; see the list of calls at /help") from None


class OnlyFromHere:
    """Lets through what this machine's programs and the control page itself ask."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 403 what another page asks."""
        if scope["type"] == "http":
            headers: dict[bytes, bytes] = dict(scope["headers"])
            host = headers.get(b"host", b"").decode("latin-1")
            origin = headers.get(b"origin", b"").decode("latin-1")
            if _named(f"//{host}") not in _HOSTS or (origin and urlsplit(origin).netloc != host):
                answer = refused("the control server answers this machine and its own page: call it as 127.0.0.1", 403)
                return await answer(scope, receive, send)
        return await self._app(scope, receive, send)


def _named(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _plain(error: Exception) -> str:
    said: Any = error
    return " ".join(str(said).split())[:200] if isinstance(error, msgspec.DecodeError) else "it is not UTF-8 JSON"
