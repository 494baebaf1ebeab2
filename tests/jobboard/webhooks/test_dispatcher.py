"""The dispatcher as a process challenges and delivers; killed between POST and settling it sends again (spec R28)."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta

import pytest

from tests.jobboard.telling import dispatcher_process
from tests.jobboard.webhooks.ats import Said, Sent, listening
from tests.jobboard.webhooks.board import LOOPBACK, Stand, standing
from tests.world import SECRETS
from unghost.clock import SystemClock
from unghost.jobboard.settings import Settings

pytestmark = pytest.mark.anyio


def settings(database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        secret_key=SECRETS.secret_key,
        lease=timedelta(seconds=3),
        webhook_networks=LOOPBACK,
    )


async def until(stand: Stand, statement: str, wanted: object) -> None:
    async with asyncio.timeout(60):
        while await stand.row(statement) != (wanted,):  # noqa: ASYNC110  (another process works)
            await asyncio.sleep(0.1)


async def test_a_dispatcher_killed_between_post_and_settling_sends_the_same_again(database_url: str) -> None:
    async with standing(database_url) as stand:
        stand.clock.at = SystemClock().now()
        with listening(stand.world.client_secret) as ats:
            first = dispatcher_process.start(settings(database_url))

            def kill(sent: Sent) -> Said:
                ats.answer = lambda sent: (200, {}, b"")
                first.kill()
                first.wait()
                return 200, {}, b""

            ats.answer = kill
            try:
                await stand.register(ats.url)
                number = await stand.apply()
                assert await asyncio.to_thread(first.wait, 60) == -signal.SIGKILL
            finally:
                first.kill()
            assert (await stand.delivery(number))[:2] == ("waiting", 0)
            second = dispatcher_process.start(settings(database_url))
            try:
                await until(stand, "SELECT state FROM jobboard.delivery", "delivered")
            finally:
                second.terminate()
                assert second.wait(30) == 0, "SIGTERM ends it in peace"
            assert [sent.application for sent in ats.deliveries] == [f"urn:li:jobApplication:{number}"] * 2
            assert all(sent.signed_by(ats.secret) for sent in ats.deliveries)


async def test_an_ats_that_does_not_answer_holds_up_no_mail_and_no_other_ats(database_url: str) -> None:
    async with standing(database_url) as stand:
        stand.clock.at = SystemClock().now()
        world = stand.world
        with listening(world.client_secret) as mute, listening(world.client_secret) as other:

            def think(sent: Sent) -> Said:
                mute.stopped.wait(60)
                return 200, {}, b""

            mute.answer = think
            await stand.register(mute.url, world.jobs[0])
            await stand.register(other.url, world.jobs[1])
            numbers = [await stand.apply(job=world.jobs[0]) for _ in range(20)]
            last = await stand.apply(job=world.jobs[1])
            process = dispatcher_process.start(settings(database_url))
            try:
                await until(
                    stand, f"SELECT state FROM jobboard.delivery WHERE application_number = {last}", "delivered"
                )
                assert {(await stand.delivery(number))[0] for number in numbers} == {"waiting"}
            finally:
                process.kill()
                process.wait()
