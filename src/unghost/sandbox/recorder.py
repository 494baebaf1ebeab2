"""Around the board: reads each request, lets rules and strictness have their say, and writes the journal (spec R37).

An ASGI wrapper; the board knows nothing of it. Secrets are taken out here, before anything is kept.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unghost.clock import Clock
from unghost.sandbox.deployment import keep_private
from unghost.sandbox.doubts import Doubt, doubts
from unghost.sandbox.faults import Call, Faults
from unghost.sandbox.journal import TOKEN_SHOWN, Entry, Journal

#: So much of a body is read before the board gets it, and so much of it is kept.
_READ, _KEPT = 5 * 1024 * 1024, 16 * 1024
_SKIPPED = ("/static/", "/consent/static/", "/healthz", "/readyz", "/metrics", "/favicon")
_SECRETS = (
    (re.compile(r"(?<![\w-])((?:client_secret|token|word|csrf)=)[^&\s\"'<]+"), r"\1…"),
    (re.compile(r"(/resumes/)[^&\s\"'<]+"), r"\1…"),
    (re.compile(r'("(?:access_token|client_?secret|token)"\s*:\s*")[^"]*', re.IGNORECASE), r"\1…"),
)
PHRASES = {status.value: status.phrase for status in HTTPStatus}
_LENIENT = "lenient"
_HIDDEN = {"cookie": "…", "set-cookie": "…"}


@dataclass
class Strictness:
    """How the board takes what LinkedIn's documents call wrong: `lenient` warns, `linkedin` refuses. `path` keeps
    it."""

    path: Path
    level: str = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.path.read_text(encoding="ascii").strip() if self.path.exists() else _LENIENT

    def set(self, level: str) -> None:
        """Be as strict as that from now on."""
        keep_private(self.path, f"{level}\n")
        self.level = level

    def reset(self) -> None:
        """As at the start."""
        self.set(_LENIENT)


class Recorder:
    """The board with a journal."""

    def __init__(self, app: ASGIApp, journal: Journal, clock: Clock, faults: Faults, strictness: Strictness) -> None:
        self._app, self._journal, self._clock = app, journal, clock
        self._faults, self._strictness = faults, strictness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and write it down."""
        if scope["type"] != "http" or scope["path"].startswith(_SKIPPED):
            return await self._app(scope, receive, send)
        number, at, began = self._journal.next_number(), self._clock.now(), time.monotonic()
        body, receive = await _read(receive)
        call = await self._faults.known(_call(scope, body))
        found = doubts(call.path, call.headers, call.decoded)
        refused = next(filter(None, (doubt.refused() for doubt in found)), None)
        strict = refused is not None and self._strictness.level == "linkedin"
        rule = None if strict else await self._faults.of_call(call)

        def write() -> None:
            took = (time.monotonic() - began) * 1000
            self._journal.add(_entry(number, at, took, call, answer, found, rule.called if rule else None))

        answer = _Answer(send, format_datetime(at, usegmt=True), write)
        try:
            if refused and strict:
                await JSONResponse(refused.body(), refused.status)(scope, receive, answer)
            else:
                await self._faults.serve(rule, call, self._app, scope, receive, answer)
        finally:
            answer.end()
        return None


class _Answer:
    """Passes an answer on and keeps what the journal wants of it; dates it by the sandbox's clock.

    `write` is called once, before the answer's end goes out: who has the whole answer finds it in the journal.
    """

    def __init__(self, send: Send, date: str, write: Callable[[], None]) -> None:
        self._send, self._date = send, date.encode()
        self._write: Callable[[], None] | None = write
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
            message = {**message, "headers": [*headers, (b"date", self._date)]}
        elif message["type"] == "http.response.body":
            if len(self.body) < _KEPT:
                self.body += message.get("body", b"")[:_KEPT]
            if not message.get("more_body"):
                self.end()
        await self._send(message)

    def end(self) -> None:
        """Write it down, if that is not done yet."""
        if self._write is not None:
            write, self._write = self._write, None
            write()


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body, or the beginning of a large one, and a `receive` that gives all of it again."""
    messages: list[Message] = []
    body = b""
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body") or len(body) > _READ:
            break

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again


def _call(scope: Scope, body: bytes) -> Call:
    query = scope.get("query_string", b"").decode("latin-1")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        decoded = json.loads(body) if body[:1] in (b"{", b"[") else None
    except (ValueError, RecursionError):
        decoded = None
    path = scope["path"] + (f"?{query}" if query else "")
    return Call(method=scope["method"], path=path, headers=headers, body=body, decoded=decoded)


def _entry(
    number: int, at: Any, took: float, call: Call, answer: _Answer, found: list[Doubt], fault: str | None
) -> Entry:
    answered = readable(bytes(answer.body), dict(answer.headers).get("content-type", "application/json"))
    return Entry(
        number=number,
        at=at,
        method=call.method,
        path=clean(call.path),
        status=answer.status,
        reason=_reason(answer, fault),
        took_ms=round(took, 1),
        headers=[(name, _header(name, value)) for name, value in call.headers.items()],
        body=readable(call.body, call.headers.get("content-type", "application/json")),
        answer_headers=[(name, _header(name.lower(), value)) for name, value in answer.headers],
        answer=answered,
        application=next(iter(call.applications), None),
        applications=call.applications,
        customer=call.customer,
        actions=_actions(answer) if call.taken_back is None else [call.taken_back],
        fault=fault,
        warnings=[doubt.said for doubt in found],
    )


def _reason(answer: _Answer, fault: str | None) -> str:
    """Why it was answered so, in words: the refusal's own sentence where there is one."""
    if not answer.status:
        return f"no answer: {fault or 'the caller hung up'}"
    decoded = _decoded(answer)
    said = PHRASES.get(answer.status, "")
    if isinstance(decoded, dict):
        elements = decoded.get("elements")
        if answer.status == 200 and isinstance(elements, list):
            stored = sum(isinstance(one, dict) and one.get("status") == 201 for one in elements)
            said = f"{stored} of {len(elements)} stored"
        said = str(decoded.get("message") or decoded.get("error_description") or said)
    if answer.status == 201 and (actions := _actions(answer)):
        said = f"stored as action {actions[0]}"
    return clean(f"{answer.status}: {said}")


def _actions(answer: _Answer) -> list[int]:
    named = [value for name, value in answer.headers if name.lower() == "x-linkedin-id"]
    decoded = _decoded(answer) if not named else None
    elements = decoded.get("elements") if isinstance(decoded, dict) else None
    if isinstance(elements, list):
        named = [str(one.get("id", "")) for one in elements if isinstance(one, dict)]
    return [int(id) for id in named if id.isascii() and id.isdigit()]


def _decoded(answer: _Answer) -> Any:
    try:
        return json.loads(bytes(answer.body)) if answer.body[:1] == b"{" else None
    except (ValueError, RecursionError):
        return None


def _header(name: str, value: str) -> str:
    if name == "authorization":
        scheme = value.strip().partition(" ")[0]
        return TOKEN_SHOWN if scheme.lower() == "bearer" else f"{scheme} …"
    return _HIDDEN.get(name) or clean(value)


def readable(body: bytes, kind: str) -> str:
    """A body as the journal keeps it: its beginning, as text, without secrets."""
    if not body:
        return ""
    if kind.startswith(("multipart/", "image/", "application/pdf", "application/octet", "font/")):
        return f"({len(body)} bytes of {kind.partition(';')[0]})"
    text = clean(body[:_KEPT].decode("utf-8", "replace"))
    return text if len(body) < _KEPT else f"{text}… ({len(body)} bytes or more)"


def clean(text: str) -> str:
    """Without secrets."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text
