"""Every destination in the registry keeps the protocol's promises, whatever its board answers (spec R31, R35)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import pytest

from tests.ats.faults import CUT_BEFORE, Call, Says, Way, faulty
from unghost.ats import settings
from unghost.ats.destinations import KINDS, Closed, Destination, Report, Token, open_destination
from unghost.ats.settings import DestinationSettings
from unghost.outbox import Done, GiveUp, TryLater

T = TypeVar("T")
EACH = pytest.mark.parametrize("kind", KINDS)
REPORTS = [Report(number, "APPLICATION_VIEWED", 1_700_000_000_000, 5) for number in (1, 2, 3)]


@pytest.fixture
def way() -> Iterator[Way]:
    with faulty(0) as opened:
        yield opened


def ask(kind: str, url: str, act: Callable[[Destination], Awaitable[T]]) -> T:
    """One thing asked of a destination whose board is at this address."""

    async def run() -> T:
        given = DestinationSettings(
            name="x", kind=kind, base_url=url, token_url=f"{url}/accessToken", timeout=timedelta(seconds=5)
        )
        opened = open_destination(given)
        try:
            return await act(opened)
        finally:
            await opened.close()

    return asyncio.run(run())


def test_the_settings_and_the_registry_know_the_same_kinds() -> None:
    assert set(settings.KINDS) == set(KINDS)


@EACH
@pytest.mark.parametrize(
    "answer", [Says(500), Says(503), Says(429), Says(401), Says(403), Says(302), Says(200, {}, b"[")]
)
def test_there_is_a_verdict_for_each_report(kind: str, way: Way, answer: Says) -> None:
    way.fault = lambda _: answer
    verdicts = ask(kind, way.url, lambda opened: opened.report("token", REPORTS))
    assert len(verdicts) == len(REPORTS)
    if answer.status != 200:
        assert all(isinstance(verdict, Closed) for verdict in verdicts), "no activity is to blame"
    if answer.status == 401:
        assert any(isinstance(verdict, Closed) and verdict.token for verdict in verdicts)


@EACH
def test_a_lost_answer_is_unknown_and_a_closed_port_is_not(kind: str, way: Way) -> None:
    way.fault = lambda _: CUT_BEFORE
    [verdict] = ask(kind, way.url, lambda opened: opened.report("token", REPORTS[:1]))
    assert isinstance(verdict, Closed) and verdict.unknown
    [verdict] = ask(kind, "http://127.0.0.1:1", lambda opened: opened.report("token", REPORTS[:1]))
    assert isinstance(verdict, Closed) and not verdict.unknown and "cannot be reached" in verdict.why


@EACH
def test_a_refused_report_is_given_up_with_its_sentence(kind: str, way: Way) -> None:
    way.fault = lambda _: Says(400, {}, b'{"status": 400, "code": "BAD_URN", "message": "want\\u001b[31m a URN"}')
    for verdict in ask(kind, way.url, lambda opened: opened.report("token", REPORTS)):
        assert verdict == GiveUp("BAD_URN", "want [31m a URN"), "without signs that a terminal would obey"


@EACH
@pytest.mark.parametrize("given", ["7", "Wed, 25 Nov 2026 10:00:07 GMT", "Wed Nov 25 10:00:07 2026"])
def test_retry_after_is_read_in_every_form(kind: str, way: Way, given: str) -> None:
    way.fault = lambda _: Says(503, {"Retry-After": given, "Date": "Wed, 25 Nov 2026 10:00:00 GMT"})
    [verdict] = ask(kind, way.url, lambda opened: opened.report("token", REPORTS[:1]))
    assert isinstance(verdict, Closed) and verdict.after == timedelta(seconds=7)
    way.fault = lambda _: Says(503, {"Retry-After": "999999999"})
    [verdict] = ask(kind, way.url, lambda opened: opened.report("token", REPORTS[:1]))
    assert isinstance(verdict, Closed) and verdict.after == timedelta(hours=1), "no longer"


@EACH
def test_a_token_is_read_as_linkedin_documents_it(kind: str, way: Way) -> None:
    way.fault = lambda _: Says(200, {}, b'{"access_token": "abc", "expires_in": "1800"}')
    assert ask(kind, way.url, lambda opened: opened.token("id", "word")) == Token("abc", timedelta(seconds=1800))
    for answer in (Says(401), Says(500), Says(200, {}, b"<html>"), Says(200, {}, b'{"access_token": "a\\r\\nb"}')):
        way.first(1, answer, token=True)
        assert isinstance(ask(kind, way.url, lambda opened: opened.token("id", "word")), Closed)


@EACH
def test_what_can_be_taken_back_is(kind: str, way: Way) -> None:
    asked: list[Call] = []

    def answer(call: Call) -> Says:
        asked.append(call)
        return Says(204)

    way.fault = answer
    verdict = ask(kind, way.url, lambda opened: opened.take_back("token", "77"))
    if KINDS[kind].takes_back:  # type: ignore[attr-defined]
        assert verdict == Done() and (asked[0].method, asked[0].path[-3:]) == ("DELETE", "/77")
    else:
        assert isinstance(verdict, GiveUp) and not asked
    assert not isinstance(ask(kind, way.url, lambda opened: opened.take_back("token", "7/../8")), TryLater | Closed)
