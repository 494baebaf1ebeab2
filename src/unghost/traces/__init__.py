"""OpenTelemetry traces, from the report an ATS sends to the mail that tells of it (spec R41).

Off until `configure` finds that the environment names a collector: then a span costs a look at one variable, and
OpenTelemetry is not even imported. Must not be given a name, an address, a token or a secret.
"""

from __future__ import annotations

import logging
import os
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:
    from unghost.traces.recording import Recorder

log = logging.getLogger(__name__)

#: The standard variables that name a collector (OpenTelemetry's specification of the OTLP exporter).
COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
#: And those that switch tracing off all the same, with the value that does (OpenTelemetry's general SDK configuration).
_SWITCHES = {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "none"}


class _Process:
    """What this process traces with, if it does."""

    recorder: ClassVar[Recorder | None] = None


class Kind(Enum):
    """Which side of a conversation a span is (OpenTelemetry's SpanKind)."""

    CLIENT = "CLIENT"
    SERVER = "SERVER"
    CONSUMER = "CONSUMER"


class Span(Protocol):
    """A piece of work: a context manager within which it is the current one. An exception that leaves it fails it."""

    @property
    def header(self) -> str:
        """The header line, with its CRLF, by which the called goes on with the trace; empty when nothing is traced."""
        ...

    def note(self, attribute: str, value: str | int | None) -> None:
        """Attach what is known of it, None is nothing."""
        ...

    def fail(self, why: str) -> None:
        """Mark it as failed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


def configure(service: str) -> None:
    """Send this process's spans to the collector that the environment names, as `service` unless it names another.

    Without a collector nothing happens; without OpenTelemetry a warning is logged that says how to install it.
    """
    off = any(os.environ.get(name, "").strip().lower() == value for name, value in _SWITCHES.items())
    if off or _Process.recorder is not None or not any(os.environ.get(name) for name in COLLECTOR):
        return
    try:
        from unghost.traces.recording import Recorder
    except ImportError as error:
        log.warning("a collector is named, but nothing is traced (%s): pip install 'unghost[traces]'", error)
        return
    _Process.recorder = Recorder(service)


def span(name: str, kind: Kind, parent: str | None = None) -> Span:
    """A span under the W3C `traceparent` of what led to it, or, when that is None, under the current span.

    One that cannot be read is taken for nobody's: the span begins a trace.
    """
    return _OFF if _Process.recorder is None else _Process.recorder.span(name, kind.value, parent)


def following(name: str, kind: Kind, traceparent: str | None) -> Span:
    """A span of a trace that something else began; of none, when that was not recorded."""
    return _OFF if traceparent is None else span(name, kind, traceparent)


def current() -> str | None:
    """The W3C `traceparent` of the current span, for who goes on with it later; None when it is not recorded."""
    return None if _Process.recorder is None else _Process.recorder.current()


class _Off:
    """The span of a process that traces nothing."""

    header = ""

    def note(self, attribute: str, value: str | int | None) -> None:
        return None

    def fail(self, why: str) -> None:
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None


_OFF = _Off()
