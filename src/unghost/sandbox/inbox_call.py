"""Calls from the control server to the inbox, which is a process of its own."""

from __future__ import annotations

import asyncio
import urllib.request

from unghost.sandbox.control_call import Wrong

_SECONDS = 5


async def empty(url: str) -> None:
    """Forget every mail. Raises `Wrong` if the inbox does not answer."""
    await asyncio.to_thread(_send, urllib.request.Request(url, method="DELETE"))  # noqa: S310  (the sandbox's own)


def _send(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
            read: bytes = answer.read()
            return read
    except OSError as error:
        raise Wrong(f"the inbox at {request.full_url} does not answer ({error}): try again", 503) from None
