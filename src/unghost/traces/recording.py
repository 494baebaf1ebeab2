"""Spans that are recorded and sent, over OpenTelemetry's SDK; imported only where a collector is named (spec R41).

Sampling, batches, headers and the rest are set by OpenTelemetry's own variables. What an exception says is not sent:
it may quote what no trace may hold.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_W3C = TraceContextTextMapPropagator()
_TRACEPARENT = "traceparent"
#: How long a batch is tried, unless the environment says otherwise. A process that ends may wait for two of them, and
#: must have ended before it is killed (sandbox/processes); the SDK's 10 s are too long for that.
_TIMEOUT = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_TIMEOUT_SECONDS = 3.0


class Recorder:
    """A process's tracer. What is recorded is sent in the background, the rest when the process ends."""

    def __init__(self, service: str) -> None:
        named = SERVICE_NAME in OTELResourceDetector().detect().attributes
        provider = TracerProvider(resource=Resource.create({} if named else {SERVICE_NAME: service}))
        timeout = None if any(os.environ.get(name) for name in _TIMEOUT) else _TIMEOUT_SECONDS
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=timeout)))
        self._tracer = provider.get_tracer("unghost")

    def span(self, name: str, kind: str, parent: str | None) -> _Span:
        """A span that begins when it is entered."""
        return _Span(self._tracer, name, SpanKind[kind], parent)

    def current(self) -> str | None:
        """The `traceparent` of the current span if it is sampled."""
        return _traceparent() if get_current_span().get_span_context().trace_flags.sampled else None


class _Span:
    def __init__(self, tracer: Tracer, name: str, kind: SpanKind, parent: str | None) -> None:
        context = _W3C.extract({_TRACEPARENT: parent}) if parent else None
        self._entering = tracer.start_as_current_span(
            name, context, kind, record_exception=False, set_status_on_exception=False
        )

    @property
    def header(self) -> str:
        written = _traceparent()
        return f"{_TRACEPARENT}: {written}\r\n" if written else ""

    def note(self, attribute: str, value: str | int | None) -> None:
        if value is not None:
            self._span.set_attribute(attribute, value)

    def fail(self, why: str) -> None:
        self._span.set_status(StatusCode.ERROR, why)

    def __enter__(self) -> Self:
        self._span = self._entering.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.fail(kind.__name__)
        self._entering.__exit__(kind, error, traceback)


def _traceparent() -> str | None:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get(_TRACEPARENT)
