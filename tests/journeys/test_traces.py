"""Traces of a sandbox that really runs, as a collector gets them: from the report to the mail, of nobody (spec R41)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.journeys.recruiting import Recruiter, apply
from tests.journeys.winding import Sandbox
from tests.journeys.winding import sandbox as run_sandbox
from tests.sandbox.running import answering, environment, wait_for

ROUTE = "POST /v2/jobApplicationLifecycleActions"


class Span(NamedTuple):
    """A span as it came."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]


class Collector(ThreadingHTTPServer):
    """Takes what OTLP over HTTP sends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.came: list[bytes] = []

    def spans(self, trace: str) -> list[Span]:
        """Those of a trace that have come."""
        found = []
        for body in list(self.came):
            for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = _read(of_process.resource.attributes)["service.name"]
                for scope in of_process.scope_spans:
                    for one in scope.spans:
                        ids = one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex()
                        found.append(Span(service, one.name, *ids, _read(one.attributes)))
        return [each for each in found if each.trace == trace or not trace]


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.came.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return None


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


class Traced(NamedTuple):
    """A sandbox, and the collector of all its processes."""

    sandbox: Sandbox
    collector: Collector


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("sandbox")
    with answering(Collector()) as collector:
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with run_sandbox(folder, "--ats", "--data-dir", str(folder / "kept"), **told) as running:
            yield Traced(running, collector)


def told_by_mail(collector: Collector, trace: str = "", action: str = "APPLICATION_VIEWED") -> Span:
    """The span of the mail that was sent, as soon as it has come."""

    def sent() -> list[Span]:
        told = [span for span in collector.spans(trace) if span.name == "tell EMAIL"]
        wanted = {"unghost.action": action, "unghost.outcome": "Done"}
        return [span for span in told if wanted.items() <= span.attributes.items()]

    return wait_for(sent)[0]


def test_a_rejection_is_one_trace_from_the_ats_to_the_mail_72_hours_later(traced: Traced) -> None:
    sandbox, collector = traced
    applied, recruiter = apply(sandbox), Recruiter(sandbox)
    recruiter.reject(applied.name)
    number = applied.urn.rpartition(":")[2]
    wait_for(lambda: sandbox.told("GET", f"journal?path=/v2/jobApplication&application={number}&status=2xx")["entries"])
    sandbox.advance("73h")
    mail = told_by_mail(collector, action="APPLICATION_REJECTED")
    assert mail.attributes["unghost.attempt"] == 1
    wait_for(lambda: len(collector.spans(mail.trace)) == 3)
    spans = {span.id: span for span in collector.spans(mail.trace)}
    received = spans[mail.parent]
    assert (received.service, received.name) == ("unghost-board", ROUTE)
    assert received.attributes["http.response.status_code"] == 201
    reported = spans[received.parent]
    assert (reported.service, reported.name) == ("unghost-ats-dispatcher", ROUTE)
    assert reported.attributes["http.response.status_code"] == 201
    assert (mail.service, reported.parent) == ("unghost-dispatcher", "")
    everything = b"".join(collector.came)
    for private in (applied.name, applied.email, sandbox.token(), sandbox.line["client_secret"]):
        assert private.encode() not in everything


def test_a_partners_own_trace_goes_on_and_a_broken_header_hurts_nobody(traced: Traced) -> None:
    sandbox, collector = traced
    somebody = sandbox.applied()
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    assert report(sandbox, somebody.urn, f"00-{trace}-{parent}-01").status_code == 201
    assert sandbox.mail(somebody.email, "viewed")
    mail = told_by_mail(collector, trace)
    [received] = wait_for(lambda: [span for span in collector.spans(trace) if span.name == ROUTE])
    assert (received.parent, mail.parent) == (parent, received.id)
    for broken in ("", "00-zz", f"00-{trace}-{'0' * 16}-01", "ÿ" * 300):
        assert report(sandbox, somebody.urn, broken).status_code == 201


def test_what_the_caller_does_not_sample_is_told_and_not_kept(traced: Traced) -> None:
    sandbox, collector = traced
    somebody, trace = sandbox.applied(), "5bf92f3577b34da6a3ce929d0e0e4736"
    assert report(sandbox, somebody.urn, f"00-{trace}-00f067aa0ba902b7-00").status_code == 201
    assert sandbox.mail(somebody.email, "viewed")
    other, later = sandbox.applied(), "7bf92f3577b34da6a3ce929d0e0e4736"
    assert report(sandbox, other.urn, f"00-{later}-00f067aa0ba902b7-01").status_code == 201
    told_by_mail(collector, later)
    assert collector.spans(trace) == []
    [action] = [
        each["id"] for each in sandbox.explain(somebody.urn)["actions"] if each["action"] == "APPLICATION_VIEWED"
    ]
    assert [s for s in collector.spans("") if s.attributes.get("unghost.notice") == f"{action}-EMAIL"] == []


def test_a_refusal_says_in_its_span_what_it_is(traced: Traced) -> None:
    sandbox, collector = traced
    trace = "6bf92f3577b34da6a3ce929d0e0e4736"
    answer = report(sandbox, "urn:li:jobApplication:999999999999", f"00-{trace}-00f067aa0ba902b7-01")
    assert answer.status_code == 404
    [span] = wait_for(lambda: collector.spans(trace))
    assert span.attributes == {"http.response.status_code": 404, "unghost.refusal": "UNKNOWN_APPLICATION"}


def test_without_a_collector_nothing_waits_for_one(tmp_path: Path) -> None:
    """The collector is away: reports are taken, mails are sent, and the sandbox ends in time."""
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with run_sandbox(tmp_path, **told) as sandbox:
        somebody = sandbox.applied()
        assert report(sandbox, somebody.urn, None).status_code == 201
        assert sandbox.mail(somebody.email, "viewed")


_ALONE = """
import sys, logging
{first}
from unghost import traces
traces.configure("alone")
with traces.span("work", traces.Kind.SERVER, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") as span:
    span.note("unghost.action", "APPLICATION_VIEWED")
    print(traces.current(), repr(span.header))
print([name for name in sys.modules if name.startswith("opentelemetry.") and sys.modules[name]])
"""


def alone(first: str = "", **told: str) -> subprocess.CompletedProcess[str]:
    """A process that has something to trace."""
    program = _ALONE.format(first=first)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment(**told))


def test_where_no_collector_is_named_opentelemetry_is_not_even_loaded() -> None:
    assert alone().stdout == "None ''\n[]\n"
    for switch in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}):
        assert alone(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **switch).stdout == "None ''\n[]\n"


def test_a_collector_without_the_extra_is_warned_of_and_breaks_nothing() -> None:
    ran = alone("sys.modules['opentelemetry'] = None", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert ran.stdout == "None ''\n[]\n"
    assert "pip install 'unghost[traces]'" in ran.stderr


def report(sandbox: Sandbox, application: str, traceparent: str | None) -> requests.Response:
    """A view, reported by a client that traces."""
    token = sandbox.token()
    session = requests.Session()
    headers = {"Authorization": f"Bearer {token}", "x-restli-method": "create"}
    if traceparent is not None:
        headers["traceparent"] = traceparent
    body = {
        "jobApplicationId": application,
        "action": "APPLICATION_VIEWED",
        "performedAt": int(sandbox.now().timestamp() * 1000),
    }
    return session.post(sandbox.base_url + ROUTE.split()[1], json=body, headers=headers, timeout=10)
