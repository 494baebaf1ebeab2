"""The local HTTP endpoint, as a process of its own: plain JSON and CloudEvents (spec R29)."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ats.conftest import AtsDatabase
from tests.house.sources import ROOT
from tests.sandbox.running import environment
from unghost.ats import events
from unghost.ats.activity import Activity
from unghost.cli import ats_relay
from unghost.cli.frame import Wrong

MS = 1_795_597_200_000
JSON = {"Content-Type": "application/json"}
ON_SQLITE = pytest.mark.parametrize("ats_database", ["sqlite"], indirect=True)


@contextmanager
def relaying(database: AtsDatabase, folder: Path, **options: str) -> Iterator[int]:
    """The port of a running relay."""
    config = folder / "unghost.toml"
    config.write_text(f'[ats]\ndatabase_url = "{database.url}"\n')
    code = (
        "import sys; from pathlib import Path; from unghost.cli.ats_relay import relay; "
        f"sys.exit(relay(listen='127.0.0.1:0', config=Path({str(config)!r}), **{options!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, env=environment(RELAY_KEY="the key"), text=True
    )
    assert process.stderr is not None
    try:
        found = re.search(r"http://127.0.0.1:([0-9]+)/activities", process.stderr.readline())
        assert found, process.stderr.read()
        yield int(found[1])
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stderr.close()


def post(port: int, body: Any, headers: dict[str, str] = JSON, path: str = "/activities") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def event(kind: str, subject: str, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "1", "source": "/ats", "type": f"com.example.ats.activity.{kind}",
        "subject": subject, "time": "2026-11-25T09:00:00Z",
    } | more  # fmt: skip


@pytest.mark.parametrize("ats_database", ["postgresql", "mysql", "sqlite"], indirect=True)
def test_activities_are_recorded_and_answered_after_the_commit(ats_database: AtsDatabase, tmp_path: Path) -> None:
    with relaying(ats_database, tmp_path) as port:
        one = {"application": "4711", "activity": "viewed", "performedAt": MS}
        assert post(port, one) == (201, {"written": 1, "left_out": 0})
        many = [
            {"application": 4712, "activity": "rejected", "performedAt": "2026-11-25T10:00:00+01:00"},
            {"application": "from elsewhere", "activity": "viewed"},
            {"application": "both", "activity": "viewed", "performedAt": MS, "organization": 67890},
            {"application": "urn:li:jobApplication:20001", "activity": "resume_displayed", "performedAt": MS},
            {"application": 4712, "activity": "unrejected", "performedAt": MS + 1},
        ]
        assert post(port, many) == (201, {"written": 4, "left_out": 1})
        structured = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        assert post(port, event("viewed", "815"), structured)[0] == 201
        batch = [event("viewed", "4711"), event("resume_downloaded", "4711", data={"any": "thing"})]
        assert post(port, batch, {"Content-Type": "application/cloudevents-batch+json"})[1]["written"] == 2
        binary = {f"ce-{name}": value for name, value in event("rejected", "%34711").items()}
        assert post(port, b"<any/>", binary | {"Content-Type": "text/xml"})[0] == 201
        assert [row[:3] for row in ats_database.recorded()] == [
            (10001, "viewed", MS),
            (10003, "rejected", MS),
            (20002, "viewed", MS),
            (20001, "resume_displayed", MS),
            (10003, "unrejected", MS + 1),
            (20001, "viewed", MS),
            (10001, "viewed", MS),
            (10001, "resume_downloaded", MS),
            (10001, "rejected", MS),
        ]


@pytest.mark.parametrize("ats_database", ["postgresql", "mysql", "sqlite"], indirect=True)
def test_one_applications_activities_keep_their_order_however_it_is_named(
    ats_database: AtsDatabase, tmp_path: Path
) -> None:
    """spec R30: else a rejection that was undone would be reported"""
    names: list[dict[str, Any]] = [
        {"application": "4711"},
        {"application": "urn:li:jobApplication:10001"},
        {"application": 4711, "organization": 12345},
    ]
    with relaying(ats_database, tmp_path) as port:
        for first, second in product(names, names):
            acts = [first | {"activity": "rejected"}, second | {"activity": "unrejected"}]
            assert post(port, acts) == (201, {"written": 2, "left_out": 0})
    assert [row[1] for row in ats_database.recorded()] == ["rejected", "unrejected"] * 9


@pytest.mark.parametrize("ats_database", ["postgresql", "mysql"], indirect=True)
def test_requests_that_name_the_same_applications_in_opposite_order_do_not_block(
    ats_database: AtsDatabase, tmp_path: Path
) -> None:
    told: list[int] = []
    with relaying(ats_database, tmp_path) as port:
        ids = ("4711", "4712", "urn:li:jobApplication:20001", "both", "urn:li:jobApplication:10001", "815")
        both = [{"application": one, "activity": "viewed"} for one in ids]

        def send(body: list[Any]) -> None:
            told.extend(post(port, body)[0] for _ in range(10))

        threads = [threading.Thread(target=send, args=(body,)) for body in (both, both[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert told == [201] * 20
    assert len(ats_database.recorded()) == 140


@ON_SQLITE
def test_what_cannot_be_recorded_is_named_and_nothing_of_the_request_is(
    ats_database: AtsDatabase, tmp_path: Path
) -> None:
    good = {"application": "4711", "activity": "viewed"}
    with relaying(ats_database, tmp_path) as port:
        wrong = [good, {"application": "4711", "activity": "seen"}, {"activity": "viewed"}, "viewed"]
        status, told = post(port, wrong)
        assert (status, [(each["index"], each["field"]) for each in told["errors"]]) == (
            400, [(1, "activity"), (2, "application"), (3, "")],
        )  # fmt: skip
        assert "give one of viewed, resume_downloaded" in told["errors"][0]["message"]
        assert post(port, b"{")[0] == 400
        assert post(port, good, {"Content-Type": "text/plain"})[1]["errors"][0]["field"] == "Content-Type"
        assert post(port, good, JSON | {"Origin": "https://page.example"})[0] == 403
        assert post(port, good, path="/")[0] == 404
        assert post(port, b"x", JSON | {"Content-Length": str(5 << 20)})[0] == 413
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with closing(connection):
            connection.request("GET", "/activities")
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Allow"), answer.getheader("Server")) == (405, "POST", "unghost")
            answer.read()
        assert ats_database.recorded() == []
        assert post(port, [good] * 1000)[1] == {"written": 1000, "left_out": 0}
        assert post(port, [good] * 1001)[0] == 400


@ON_SQLITE
def test_a_key_is_asked_for_where_one_is_set(ats_database: AtsDatabase, tmp_path: Path) -> None:
    good = {"application": "4711", "activity": "viewed"}
    with relaying(ats_database, tmp_path, key="env:RELAY_KEY") as port:
        assert post(port, good)[0] == 401
        assert post(port, good, JSON | {"Authorization": "Bearer wrong"})[0] == 401
        assert post(port, good, JSON | {"Authorization": "Bearer the key"})[0] == 201


@ON_SQLITE
def test_an_address_that_others_reach_wants_a_key(ats_database: AtsDatabase, tmp_path: Path) -> None:
    config = tmp_path / "unghost.toml"
    config.write_text(f'[ats]\ndatabase_url = "{ats_database.url}"\n')
    for listen, says in [
        ("0.0.0.0:0", "can be reached from elsewhere: give --key"),
        ("ats.example:0", "can be reached from elsewhere"),
        ("127.0.0.1", "give host and port"),
        ("127.0.0.1:99999", "give host and port"),
        ("127.0.0.1:x", "give host and port"),
    ]:
        with pytest.raises(Wrong, match=says):
            ats_relay.relay(listen=listen, config=config)
    with pytest.raises(Wrong, match="set the variable NOWHERE"):
        ats_relay.relay(key="env:NOWHERE", config=config)


WRONG: list[tuple[str, dict[str, str], Any, str, str]] = [
    ("application/json", {}, {"application": "1", "activity": "viewed", "performed_at": 1}, "performed_at", "no field"),
    ("application/json", {}, {"application": "1", "activity": "viewed", "performedAt": 1}, "performedAt", "millisec"),
    ("application/json", {}, {"application": "1", "activity": "viewed", "performedAt": "2026-11-25T09:00"},
     "performedAt", "without a time zone"),
    ("application/json", {}, {"application": "1", "activity": "viewed", "performedAt": True}, "performedAt", "True"),
    ("application/json", {}, {"application": True, "activity": "viewed"}, "application", "is missing"),
    ("application/json", {}, {"application": "x" * 191, "activity": "viewed"}, "application", "1 to 190"),
    ("application/json", {}, {"application": "urn:li:jobApplication:0", "activity": "viewed"}, "application", "above"),
    ("application/json", {}, {"application": "1", "activity": "viewed", "organization": "x"}, "organization", "digits"),
    ("application/json", {}, {"application": "1", "activity": ["viewed"]}, "activity", "give one of"),
    ("application/json", {}, [], "", "send 1 to 1,000"),
    ("application/cloudevents+json", {}, event("viewed", "1", specversion="0.3"), "specversion", "not 1.0"),
    ("application/cloudevents+json", {}, event("viewed", "1", id=""), "id", "id is missing"),
    ("application/cloudevents+json", {}, event("viewed", "1", type="com.example.viewed"), "type", "does not end"),
    ("application/cloudevents+json", {}, event("seen", "1"), "type", "give one of"),
    ("application/cloudevents+json", {}, event("viewed", "1", time=None), "time", "time is missing"),
    ("application/cloudevents+json", {}, event("viewed", "1", time="25 Nov"), "time", "give milliseconds"),
    ("application/cloudevents+json", {}, event("viewed", ""), "subject", "subject is missing"),
    ("application/cloudevents+json", {}, [event("viewed", "1")], "", "application/cloudevents-batch"),
    ("text/xml", {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/"}, None, "type", "does not end"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "headers", "body", "field", "says"), WRONG, ids=[each[3] + each[4] for each in WRONG])
def test_each_refusal_names_the_field_and_the_remedy(
    kind: str, headers: dict[str, str], body: Any, field: str, says: str
) -> None:
    with pytest.raises(events.EventsError, match=says) as raised:
        events.read(kind, headers, json.dumps(body).encode())
    assert raised.value.refusals[0].field == field


FIELDS = st.sampled_from(["application", "activity", "performedAt", "organization", "specversion", "type", "time"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["viewed", "1.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(["application/json", "application/cloudevents+json", ""]), st.binary(max_size=8))
def test_no_request_is_too_strange(value: Any, kind: str, raw: bytes) -> None:
    for body in (json.dumps(value).encode(), raw):
        try:
            assert all(isinstance(each, Activity) for each in events.read(kind, {}, body))
        except events.EventsError as error:
            assert all(len(each.message) > 10 for each in error.refusals)
