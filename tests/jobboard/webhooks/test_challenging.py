"""A webhook is challenged when it is registered and every two hours; three failures in a row block it (spec R28)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.jobboard.webhooks.ats import Ats, Said, listening
from tests.jobboard.webhooks.board import NOW, Stand, standing
from tests.world import SECRETS
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.store import access
from unghost.jobboard.store.webhooks import challenge_again

pytestmark = pytest.mark.anyio
HOURS_2 = timedelta(hours=2)


@pytest.fixture
def ats() -> Iterator[Ats]:
    with listening("not known yet") as one:
        yield one


def slow(ats: Ats, code: str) -> Said:
    ats.stopped.wait(30)
    return ats.proof(code)


async def test_a_webhook_that_knows_the_secret_is_verified_and_asked_again_every_two_hours(
    database_url: str, ats: Ats
) -> None:
    async with standing(database_url) as stand:
        ats.secret = stand.world.client_secret
        await stand.register(ats.url)
        assert await stand.webhook() == ("unverified", 0, NOW, None)
        assert await stand.challenge() == 1
        [asked] = ats.challenges
        assert str(uuid.UUID(asked["challengeCode"])) == asked["challengeCode"]
        assert asked["applicationId"] == str(stand.world.child)
        assert await stand.webhook() == ("verified", 0, NOW + HOURS_2, None)
        assert await stand.challenge() == 0
        stand.clock.at += HOURS_2
        assert await stand.challenge() == 1
        assert await stand.webhook() == ("verified", 0, NOW + 2 * HOURS_2, None)
        first, second = (asked["challengeCode"] for asked in ats.challenges)
        assert first != second


@pytest.mark.parametrize(
    ("challenged", "said"),
    [
        (slow, "did not answer within 3 s"),
        (lambda ats, code: ats.proof(code, "another secret"), "not with the code and the HMAC"),
        (lambda ats, code: ats.proof(code + "x"), "not with the code and the HMAC"),
        (lambda ats, code: (204, {}, b""), "answered 204; want 200"),
        (lambda ats, code: (301, {"Location": ats.url}, b""), "answered 301; want 200"),
        (lambda ats, code: (200, {}, b"ok"), "not with the code and the HMAC"),
        (lambda ats, code: (200, {}, b" " * 100_000 + ats.proof(code)[2]), "not with the code and the HMAC"),
    ],
)
async def test_a_wrong_or_slow_answer_fails_and_says_why(
    database_url: str, ats: Ats, challenged: Callable[[Ats, str], Said], said: str
) -> None:
    async with standing(database_url) as stand:
        ats.secret, ats.challenged = stand.world.client_secret, challenged
        await stand.register(ats.url)
        await stand.challenge()
        state, failures, attempt_at, detail = await stand.webhook()
        assert (state, failures, attempt_at) == ("unverified", 1, NOW + timedelta(minutes=1))
        assert said in detail


async def blocked(stand: Stand, ats: Ats) -> int:
    """A webhook that passed, then failed three times in a row; an application waits for it."""
    ats.secret = stand.world.client_secret
    await stand.register(ats.url)
    await stand.challenge()
    ats.challenged = lambda ats, code: (500, {}, b"")
    for _ in range(3):
        assert (await stand.webhook())[0] == "verified"
        stand.clock.at += HOURS_2
        assert await stand.challenge() == 1
    number = await stand.apply()
    assert (await stand.webhook())[:3] == ("blocked", 3, None)
    return number


async def test_three_failures_in_a_row_block_and_deliveries_are_kept(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        number = await blocked(stand, ats)
        stand.clock.at += timedelta(days=3)
        assert await stand.challenge() == 0 and await stand.deliver() == 0
        assert (await stand.delivery(number))[0] == "waiting"
        assert await stand.job() == (ats.url, None)


@pytest.mark.parametrize("again", ["registered", "asked for"])
async def test_a_blocked_webhook_that_passes_again_gets_what_waited(database_url: str, ats: Ats, again: str) -> None:
    async with standing(database_url) as stand:
        number = await blocked(stand, ats)
        ats.challenged = lambda ats, code: ats.proof(code)
        if again == "registered":
            await stand.register(ats.url, stand.world.jobs[1])
        else:
            await challenge_again(stand.connection, stand.world.child, stand.clock.at)
        assert await stand.challenge() == 1 and await stand.deliver() == 1
        assert (await stand.delivery(number))[0] == "delivered"


async def test_one_that_passes_between_begins_to_count_anew(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        ats.secret = stand.world.client_secret
        await stand.register(ats.url)
        for passes in (True, False, False, True, False, False):
            ats.challenged = (lambda ats, code: ats.proof(code)) if passes else (lambda ats, code: (500, {}, b""))
            await stand.challenge()
            stand.clock.at += HOURS_2
        assert (await stand.webhook())[:2] == ("verified", 2)


async def test_jobs_that_share_a_webhook_share_its_challenge(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        ats.secret = stand.world.client_secret
        for job in stand.world.jobs:
            await stand.register(ats.url, job)
        assert await stand.challenge() == 1
        await stand.register(ats.url, stand.world.jobs[0])
        assert (await stand.webhook())[0] == "verified", "it stays so while it is asked again"
        assert await stand.challenge() == 1


async def test_after_a_rotation_either_secret_is_right_and_the_one_answered_with_signs(
    database_url: str, ats: Ats
) -> None:
    async with standing(database_url) as stand:
        ats.secret = former = stand.world.client_secret
        await stand.register(ats.url)
        await stand.challenge()
        new = await access.rotate_secret(
            stand.connection, stand.world.client_id, secrets=SECRETS, former_until=NOW + 2 * HOURS_2, now=NOW
        )
        assert new is not None
        assert await stand.challenge() == 1, "a rotation makes the challenge due"
        await stand.apply()
        await stand.deliver()
        assert ats.deliveries[-1].signed_by(former)
        ats.secret = new
        stand.clock.at += HOURS_2
        await stand.challenge()
        await stand.apply()
        await stand.deliver()
        assert ats.deliveries[-1].signed_by(new)
        ats.secret = former
        stand.clock.at += HOURS_2
        await stand.challenge()
        assert (await stand.webhook())[1] == 1, "the overlap is over"


@pytest.mark.parametrize("how", ["an earlier release", "another secret key"])
async def test_a_secret_that_cannot_be_derived_is_told_with_the_remedy(database_url: str, ats: Ats, how: str) -> None:
    async with standing(database_url) as stand:
        world = stand.world
        if how == "an earlier release":
            await stand.connection.execute("UPDATE jobboard.oauth_application SET secret_nonce = NULL")
        else:
            await access.rotate_secret(
                stand.connection, world.client_id, secrets=ClientSecrets("another"), former_until=NOW, now=NOW
            )
        await stand.register(ats.url)
        await stand.challenge()
        state, failures, _, detail = await stand.webhook()
        assert (state, failures, ats.challenges) == ("unverified", 0, [])
        assert detail.endswith(f"give it a new one by `unghost partner rotate {world.client_id}`")
        secret = await access.rotate_secret(
            stand.connection, world.client_id, secrets=SECRETS, former_until=NOW, now=NOW
        )
        assert secret is not None
        ats.secret = secret
        assert await stand.challenge() == 1
        assert (await stand.webhook())[0] == "verified"
