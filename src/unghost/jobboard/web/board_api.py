"""The board API: a job board's own back end keeps its customers, jobs and applicants here, and registers applications.

This module is its door: the key, the path, the body, the refusals. Every answer is JSON. Handlers stand beside it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import msgspec
import psycopg
import psycopg_pool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from unghost.jobboard.web.board_answers import RefusalShown
from unghost.jobboard.web.board_call import Call
from unghost.jobboard.web.board_operations import OPERATIONS, Operation
from unghost.jobboard.web.board_refusals import BoardRefusal, BoardRefused, Unfit, decode
from unghost.jobboard.web.board_shapes import check_external_id, read_urn
from unghost.jobboard.web.services import Services
from unghost.wire import urn
from unghost.wire.refusals import shown

PREFIX = "/board"
#: Largest body in bytes.
BODY_LIMIT = 1024 * 1024


_CHECKS: dict[str, Callable[[str, str], Any]] = {
    "organization": lambda field, given: read_urn(field, urn.ORGANIZATION, given),
    "jobApplicationId": lambda field, given: read_urn(field, urn.JOB_APPLICATION, given),
    "externalId": check_external_id,
}


class BoardApi(BaseRoute):
    """Answers everything under /board, as JSON whatever is asked. A `Mount` would let paths with a line break by."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Every HTTP request under /board is for here."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        ours = scope["type"] == "http" and (path == PREFIX or path.startswith(f"{PREFIX}/"))
        return (Match.FULL if ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Never raises for what a client can send."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except BoardRefused as refused:
            response = _refusal(refused)
        except ClientDisconnect:
            return
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed):
            sentence = "the job board cannot reach its database; want the same call again in a moment"
            response = _refusal(BoardRefused(BoardRefusal.UNAVAILABLE, sentence, headers={"Retry-After": "2"}))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        _authorize(request.headers.get("authorization"), self.services.settings.board_keys)
        operation, named = _find(request)
        body: Any = None
        if operation.body is not None:
            body = decode(_decoder(operation.body), await _read(request))
        call = Call(self.services, self.services.clock.now(), named, body)
        status, answer = await operation.handler(call)
        return _json(status, answer)


def _authorize(header: str | None, keys: tuple[str, ...]) -> None:
    """Let only a board key in. All keys are compared, each in constant time."""
    if not keys:
        raise BoardRefused(
            BoardRefusal.NO_KEYS, "the board API is closed; want a key in the setting UNGHOST_BOARD_KEYS to open it"
        )
    scheme, _, key = (header or "").strip().partition(" ")
    given = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape")).digest()
    matches = [hmac.compare_digest(given, hashlib.sha256(own.encode()).digest()) for own in keys]
    if scheme.lower() == "bearer" and any(matches):
        return
    raise BoardRefused(
        BoardRefusal.MISSING_KEY,
        "Authorization has no key of this board; want Bearer and one of the keys in the setting UNGHOST_BOARD_KEYS",
        headers={"WWW-Authenticate": 'Bearer realm="board"'},
    )


def _find(request: Request) -> tuple[Operation, dict[str, Any]]:
    """The operation that a request asks for and what its path names.

    The path is split before it is decoded, so that a name may hold a slash (as %2F).
    """
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    above = (request.scope.get("root_path", "") + PREFIX).count("/")
    segments = raw.split(b"/")[above + 1 :]
    if len(segments) > 1 and not segments[-1]:
        segments.pop()
    try:
        parts = [unquote_to_bytes(segment).decode() for segment in segments]
    except UnicodeDecodeError:
        raise BoardRefused(BoardRefusal.BAD_PATH, "the path is not UTF-8; want it percent-encoded UTF-8") from None
    there = [(operation, named) for operation in OPERATIONS if (named := _match(operation, parts)) is not None]
    if not there:
        raise BoardRefused(
            BoardRefusal.UNKNOWN_PATH, "there is nothing at this address; want one of the addresses that /docs lists"
        )
    method = "GET" if request.method == "HEAD" else request.method
    for operation, named in there:
        if operation.method == method:
            return operation, _checked(named)
    allowed = ", ".join(operation.method for operation, _ in there)
    raise BoardRefused(
        BoardRefusal.WRONG_VERB,
        f"the method is {shown(request.method)[1:-1]}; this address takes {allowed}",
        headers={"Allow": allowed},
    )


def _match(operation: Operation, parts: list[str]) -> dict[str, str] | None:
    if len(parts) != len(operation.parts):
        return None
    named = {}
    for wanted, given in zip(operation.parts, parts, strict=True):
        if wanted.startswith("{"):
            named[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return named


def _checked(named: dict[str, str]) -> dict[str, Any]:
    try:
        return {name: _CHECKS[name](name, given) for name, given in named.items()}
    except Unfit as unfit:
        message = f"{unfit.field} in the path {unfit.message}"
        raise BoardRefused(BoardRefusal.BAD_PATH, message, unfit.field) from None


async def _read(request: Request) -> bytes:
    """The body. Raises `BoardRefused` (TOO_LARGE) as soon as it is too long, without keeping it."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT:
            raise BoardRefused(
                BoardRefusal.TOO_LARGE,
                f"the body is larger than {BODY_LIMIT} bytes; want a smaller one",
                headers={"Connection": "close"},
            )
        chunks.append(chunk)
    return b"".join(chunks)


@cache
def _decoder(body: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(body)


def _json(status: int, answer: msgspec.Struct | None, headers: dict[str, str] | None = None) -> Response:
    content = b"" if answer is None else msgspec.json.encode(answer)
    media_type = None if answer is None else "application/json"
    return Response(content, status, {"Cache-Control": "no-store"} | (headers or {}), media_type)


def _refusal(refused: BoardRefused) -> Response:
    status = refused.refusal.value.status
    answer = RefusalShown(status=status, code=refused.refusal.name, message=refused.message, field=refused.field)
    return _json(status, answer, dict(refused.headers))


def routes(services: Services) -> list[BaseRoute]:
    """Everything under /board."""
    return [BoardApi(services)]
