"""The web server's end of a line, with the means to cut it: what a fault needs and no ASGI server gives."""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from unghost.sandbox.faults import CUT


class Line(HttpToolsProtocol):
    """uvicorn's protocol, which puts into each request's scope how to cut its connection."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[CUT] = self._cut

    def _cut(self) -> None:
        self.cycle.disconnected = True  # so that nobody answers in its place
        self.transport.abort()
