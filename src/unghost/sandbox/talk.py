"""How a test's process talks with a sandbox: JSON over HTTP, by the standard library alone."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

#: Seconds: winding over thousands of held notices takes some.
_PATIENCE = 120.0


class SandboxError(Exception):
    """The sandbox refuses or does not answer. The message is one sentence with the remedy."""


@dataclass(frozen=True)
class Answer:
    """What was answered, whatever its status."""

    status: int
    headers: Message
    content: bytes

    def json(self) -> Any:
        """The body, read as JSON; None if it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None


def send(
    method: str,
    url: str,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    patience: float = _PATIENCE,
) -> Answer:
    """One request, past any proxy. Raises `OSError` if nobody answers."""
    request = urllib.request.Request(url, content, dict(headers or {}), method=method)  # noqa: S310
    try:
        with _opener.open(request, timeout=patience) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.headers, refused.read())


def _made() -> urllib.request.OpenerDirector:
    # A sandbox with --tls-cert has a certificate of its own, on this machine.
    unverified = ssl._create_unverified_context()  # noqa: S323
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified), _Stay()
    )


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: an address that leads elsewhere is the wrong one."""

    def redirect_request(self, *_: Any) -> None:
        """Nowhere."""


_opener = _made()


@dataclass(frozen=True)
class Control:
    """The control server of a sandbox. `fate` says how its process has ended; nothing: it runs, or nobody knows."""

    url: str
    fate: Callable[[], str] = str

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """One call, done when it is answered. Raises `SandboxError`."""
        __tracebackhide__ = True  # in a test, its own line is what counts
        content = None if body is None else json.dumps(body).encode()
        answer, reason = None, ""
        try:
            answer = send(method, self.url + path, content)
        except OSError as error:
            reason = str(getattr(error, "reason", error))
        if fate := self.fate():
            raise SandboxError(f"the sandbox at {self.url} has ended ({fate}): run the tests again")
        if answer is None:
            raise SandboxError(f"the sandbox at {self.url} does not answer ({reason}): see that it runs")
        read = answer.json()
        if not isinstance(read, dict):
            raise SandboxError(
                f"{self.url} is no sandbox's control server (it answers {answer.status} at /{path}): give the address "
                "of the control page, which `unghost sandbox` prints"
            )
        if answer.status >= 400:
            raise SandboxError(str(read.get("message", f"the sandbox answers {answer.status} at /{path}")))
        return read
