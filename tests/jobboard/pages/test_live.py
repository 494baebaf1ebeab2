"""Open pages are woken: on the right applicant's pages, at once, also after the database was away (spec R22)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.jobboard.pages.site import Site
from unghost.jobboard.web.live import STREAMS_PER_APPLICANT, LiveHub, Stream

SOON = 30  # seconds: a wait that ends as soon as what is waited for happens


@asynccontextmanager
async def listening(database_url: str) -> AsyncIterator[LiveHub]:
    """A hub that hears notifications: a first stream was woken by its connecting."""
    hub = LiveHub(database_url)
    with hub.subscribe(0) as stream:
        await hub.start()
        assert await changed(stream)
    try:
        yield hub
    finally:
        await hub.stop()


async def changed(stream: Stream) -> bool:
    async with asyncio.timeout(SOON):
        return await stream.changed()


async def notify(database_url: str, payload: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SELECT pg_notify('jobboard_live', %s)", (payload,))


def quiet(stream: Stream) -> bool:
    return not stream._stirred.is_set()


@pytest.mark.anyio
async def test_the_pages_of_the_applicants_named_are_woken_and_no_others(database_url: str) -> None:
    async with listening(database_url) as hub:
        with hub.subscribe(1) as one, hub.subscribe(1) as same, hub.subscribe(12) as twelve, hub.subscribe(3) as three:
            await notify(database_url, "12,1")
            assert await changed(one)
            assert await changed(same)
            assert await changed(twelve)
            assert quiet(three)


@pytest.mark.anyio
async def test_changes_that_come_together_are_one(database_url: str) -> None:
    async with listening(database_url) as hub:
        with hub.subscribe(1) as one, hub.subscribe(2) as last:
            for _ in range(5):
                await notify(database_url, "1")
            await notify(database_url, "2")
            assert await changed(last)
            assert await changed(one)
            assert quiet(one)


@pytest.mark.anyio
async def test_nonsense_in_a_notification_wakes_nobody_and_breaks_nothing(database_url: str) -> None:
    async with listening(database_url) as hub:
        with hub.subscribe(1) as one:
            for payload in ("", ",", "x,-1,1x", "٣", "9" * 5000, "1e0"):
                await notify(database_url, payload)
            assert quiet(one)
            await notify(database_url, "x,,1")
            assert await changed(one)


@pytest.mark.anyio
async def test_when_the_database_was_away_everyone_looks_again(database_url: str) -> None:
    async with listening(database_url) as hub:
        with hub.subscribe(1) as one, hub.subscribe(2) as two:
            async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
                await connection.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()"""
                )
            assert await changed(one)
            assert await changed(two)
            await notify(database_url, "1")
            assert await changed(one)


@pytest.mark.anyio
async def test_a_hub_waits_for_a_database_that_is_not_there_yet() -> None:
    hub = LiveHub("postgresql://127.0.0.1:1/none")
    await hub.start()
    with hub.subscribe(1) as stream:
        await hub.stop()
        assert not await changed(stream)


@pytest.mark.anyio
async def test_an_applicants_oldest_page_gives_way_to_one_too_many() -> None:
    hub = LiveHub("")
    streams = [hub.subscribe(1) for _ in range(STREAMS_PER_APPLICANT)]
    other, extra = hub.subscribe(2), hub.subscribe(1)
    assert not await changed(streams[0])
    assert streams[0].superseded
    assert all(quiet(stream) for stream in (*streams[1:], other, extra))


@pytest.mark.anyio
async def test_stopping_ends_every_stream_at_once_and_lets_no_new_one_wait(database_url: str) -> None:
    async with listening(database_url) as hub:
        streams = [hub.subscribe(applicant) for applicant in range(5)]
        await hub.stop()
        await hub.stop()
        for stream in (*streams, hub.subscribe(9)):
            assert not await changed(stream)
            assert not stream.superseded


@pytest.mark.anyio
async def test_a_page_that_was_left_is_forgotten(database_url: str) -> None:
    hub = LiveHub(database_url)
    with hub.subscribe(1):
        pass
    with suppress(RuntimeError), hub.subscribe(2):
        raise RuntimeError
    assert hub._streams == {}


@contextmanager
def events(browser: httpx2.Client) -> Iterator[Iterator[str]]:
    """The names of the events of /live, as they come."""
    with browser.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield (line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event: "))


def test_a_report_is_an_event_on_the_applicants_own_stream_and_says_nothing_else(site: Site) -> None:
    with site.browser(site.ada) as ada, site.browser(site.ben) as ben, events(ada) as to_ada, events(ben) as to_ben:
        assert next(to_ada) == next(to_ben) == "changed"  # look once: the page is older than the stream
        site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
        assert next(to_ada) == "changed"
        site.report(site.applications[site.jobs[0], site.ben], "APPLICATION_VIEWED")
        assert next(to_ben) == "changed"


def test_a_rejection_wakes_no_page(site: Site) -> None:
    """Spec R16: what is held leaves no trace; the next event is the view's, and the only one."""
    application = site.applications[site.jobs[0], site.ada]
    heard: list[str] = []
    with psycopg.connect(site.database_url, autocommit=True) as listener:
        listener.execute("LISTEN jobboard_live")
        site.report(application, "APPLICATION_REJECTED")
        site.report(application, "APPLICATION_VIEWED")
        heard = [notification.payload for notification in listener.notifies(timeout=SOON, stop_after=1)]
        assert heard == [str(site.ada)]
        assert list(listener.notifies(timeout=0)) == []


def test_without_a_session_there_is_no_stream_and_the_browser_does_not_come_back(site: Site) -> None:
    with site.browser() as browser:
        assert browser.get("/live").status_code == 204


SERVE = """
import socket, sys, uvicorn
from unghost.jobboard.web import app
config = uvicorn.Config(app.create, factory=True, log_level="warning")  # an open stream would keep it for ever
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""


def test_a_process_that_is_told_to_stop_ends_its_streams_and_stops(site: Site, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = {
            **os.environ,
            "UNGHOST_DATABASE_URL": site.database_url,
            "UNGHOST_DATA_DIR": str(tmp_path),
            "UNGHOST_SECRET_KEY": site.links.secret_key,
            "UNGHOST_BASE_URL": url,
        }
        command = [sys.executable, "-c", SERVE, str(listener.fileno())]
        with subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()]) as process:
            try:
                with httpx2.Client(base_url=url, timeout=SOON) as browser:
                    browser.get(site.link(site.ada).replace(site.url, ""))
                    with events(browser) as names:
                        assert next(names) == "changed"
                        process.terminate()
                        assert "superseded" not in list(names)  # it ends, and the browser comes back
                process.wait(SOON)
            finally:
                process.kill()
