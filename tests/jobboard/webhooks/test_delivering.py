"""An application reaches the ATS's webhook, signed; what is not answered 200 is sent again six times (spec R28)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.jobboard.webhooks.ats import Ats, Said, listening
from tests.jobboard.webhooks.board import NOW, Stand, standing
from tests.world import OTHER_ORGANIZATION, SECRETS
from unghost.jobboard.links import For, Links
from unghost.jobboard.rules.resending import RESENDS
from unghost.jobboard.store import access

pytestmark = pytest.mark.anyio


@pytest.fixture
def ats() -> Iterator[Ats]:
    with listening("not known yet") as one:
        yield one


async def ready(stand: Stand, ats: Ats) -> None:
    """The first job's webhook is registered and has passed."""
    ats.secret = stand.world.client_secret
    await stand.register(ats.url)
    await stand.challenge()
    assert await stand.row("SELECT state FROM jobboard.webhook WHERE url = %s", ats.url) == ("verified",)


async def test_an_application_is_delivered_signed_and_in_ascii(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        number = await stand.apply("Zoë O'Brien-李 🦊")
        assert await stand.deliver() == 1
        [sent] = ats.deliveries
        assert sent.signed_by(stand.world.client_secret) and sent.body.isascii() and b"Zo\\u00eb" in sent.body
        assert sent.path == "/applications" and sent.headers["content-type"] == "application/json"
        given = json.loads(sent.body)
        contact = given["questionResponses"]["contactInformationQuestionResponses"]
        assert contact["lastNameAnswer"] == {"value": "🦊"}
        assert given["jobApplicationId"] == f"urn:li:jobApplication:{number}" and given["externalJobId"] == "J-1"
        assert given["appliedAt"] == round(NOW.timestamp() * 1000)
        url = given["questionResponses"]["resumeQuestionResponses"]["resumeQuestionAnswer"]["mediaUrl"]
        word = url.removeprefix("https://jobs.example/resumes/")
        assert Links(SECRETS.secret_key).read(For.RESUME, word, NOW + timedelta(days=29)) == number
        assert await stand.delivery(number) == ("delivered", 0, None, None)
        assert await stand.deliver() == 0, "once is enough"


async def test_an_application_without_resume_has_none(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        await stand.apply(resume=None)
        await stand.deliver()
        assert "resumeQuestionResponses" not in json.loads(ats.deliveries[0].body)["questionResponses"]


async def test_jobs_without_webhook_deliver_nothing_and_an_application_once(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await stand.apply(job=stand.world.jobs[1])
        await ready(stand, ats)
        assert await stand.count("SELECT count(*) FROM jobboard.delivery") == 0, "what came before is not delivered"
        await stand.apply()
        assert await stand.count("SELECT count(*) FROM jobboard.delivery") == 1


async def test_deliveries_wait_until_the_webhook_is_verified(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        ats.secret = stand.world.client_secret
        await stand.register(ats.url)
        number = await stand.apply()
        assert await stand.deliver() == 0
        await stand.challenge()
        assert await stand.deliver() == 1
        assert (await stand.delivery(number))[0] == "delivered"


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ((500, {}, b""), "answered 500; want 200"),
        ((201, {}, b""), "answered 201; want 200"),
        ((302, {"Location": "http://127.0.0.1:1/elsewhere"}, b""), "answered 302; want 200"),
        (
            (422, {}, b'{"errorCode": "JOB_CLOSED", "additionalErrorDetails": "Ada"}'),
            "answered 422 JOB_CLOSED; want 200",
        ),
        ((422, {}, b'{"errorCode": "ada@applicant.example"}'), "answered 422; want 200"),
        ((422, {}, b"[" * 70_000), "answered 422; want 200"),
        ((400, {"Content-Length": "9"}, b"{"), "stopped in the middle"),
    ],
)
async def test_anything_but_200_is_a_failure_whose_detail_names_nobody(
    database_url: str, ats: Ats, said: Said, detail: str
) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        ats.answer = lambda sent: said
        number = await stand.apply()
        await stand.deliver()
        state, failures, attempt_at, found = await stand.delivery(number)
        assert (state, failures, attempt_at) == ("waiting", 1, NOW + RESENDS[0])
        assert detail in found
        assert len(ats.deliveries) == 1, "no redirect is followed"


async def test_logs_and_urls_name_nobody(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        with capture_logs() as logs:
            await ready(stand, ats)
            ats.answer = lambda sent: (500, {}, sent.body)
            await stand.apply("Zoë Quillfeather")
            await stand.deliver()
        assert [line["event"] for line in logs] == ["webhook_passed", "delivery_settled"]
        assert "Quillfeather" not in str(logs) and "applicant.example" not in str(logs) + ats.deliveries[0].path
        assert stand.world.client_secret not in str(logs)


async def test_six_resends_then_the_first_application_turns_the_job_off_site(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        ats.answer = lambda sent: (503, {}, b"")
        number = await stand.apply()
        for wait in RESENDS:
            assert await stand.deliver() == 1
            state, _, attempt_at, _ = await stand.delivery(number)
            assert (state, attempt_at, await stand.job()) == ("waiting", stand.clock.at + wait, (ats.url, None))
            stand.clock.at += wait - timedelta(seconds=1)
            assert await stand.deliver() == 0
            stand.clock.at += timedelta(seconds=1)
        assert await stand.deliver() == 1
        assert await stand.delivery(number) == ("failed", 7, None, "answered 503; want 200")
        assert await stand.job() == (ats.url, stand.clock.at)
        assert {sent.application for sent in ats.deliveries} == {f"urn:li:jobApplication:{number}"}
        assert len(ats.deliveries) == 7 and all(sent.signed_by(ats.secret) for sent in ats.deliveries)
        late = await stand.apply()
        assert (await stand.delivery(late))[:3] == ("failed", 0, None)


async def fail_for_good(stand: Stand) -> None:
    for wait in [*RESENDS, timedelta(0)]:
        await stand.deliver()
        stand.clock.at += wait


async def test_a_later_application_that_fails_leaves_the_job_on_site(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        await stand.apply()
        await stand.deliver()
        ats.answer = lambda sent: (503, {}, b"")
        second = await stand.apply()
        await fail_for_good(stand)
        assert (await stand.delivery(second))[0] == "failed"
        assert await stand.job() == (ats.url, None)


async def test_the_first_application_turns_no_job_off_site_whose_second_arrived(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        first = await stand.apply()
        ats.answer = lambda sent: (422 if sent.application.endswith(f":{first}") else 200, {}, b"")
        second = await stand.apply()
        await fail_for_good(stand)
        assert [(await stand.delivery(n))[0] for n in (first, second)] == ["failed", "delivered"]
        assert await stand.job() == (ats.url, None)


async def test_a_webhook_that_listens_no_more_is_a_failure(database_url: str) -> None:
    async with standing(database_url) as stand:
        with listening("") as ats:
            await ready(stand, ats)
        number = await stand.apply()
        await stand.deliver()
        assert "no connection to 127.0.0.1" in (await stand.delivery(number))[3]


async def test_applications_go_where_the_job_points_now(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        with listening("") as former:
            await ready(stand, former)
            former.answer = lambda sent: (500, {}, b"")
            number = await stand.apply()
            await stand.deliver()
            assert (await stand.delivery(number))[:2] == ("waiting", 1)
        await ready(stand, ats)
        assert (await stand.delivery(number))[:3] == ("waiting", 0, NOW)
        assert await stand.deliver() == 1
        assert ats.deliveries[0].application.endswith(f":{number}")


async def test_each_child_application_signs_with_its_own_secret(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        [job] = await stand.row("SELECT id FROM jobboard.job WHERE organization = %s", OTHER_ORGANIZATION)
        with listening(stand.world.other_client_secret) as other:
            await stand.register(other.url, job, stand.world.other_child)
            await stand.challenge()
            await stand.apply()
            await stand.apply(job=job)
            assert await stand.deliver() == 2
            assert ats.deliveries[0].signed_by(stand.world.client_secret)
            assert other.deliveries[0].signed_by(stand.world.other_client_secret)


async def test_a_partner_that_is_shut_out_is_sent_nothing(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        await stand.apply()
        await access.revoke_application(stand.connection, stand.world.parent_client_id, NOW)
        stand.clock.at += timedelta(hours=3)
        assert await stand.deliver() == 0 and await stand.challenge() == 0


async def test_an_erased_application_is_not_delivered(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        number = await stand.apply()
        await stand.connection.execute("DELETE FROM jobboard.action WHERE application_number = %s", (number,))
        await stand.connection.execute("DELETE FROM jobboard.application WHERE number = %s", (number,))
        assert await stand.deliver() == 0 and ats.deliveries == []


async def test_one_webhook_takes_no_more_than_its_share_of_the_slots(database_url: str, ats: Ats) -> None:
    async with standing(database_url) as stand:
        await ready(stand, ats)
        for _ in range(6):
            await stand.apply()
        assert await stand.deliver() == 4
        assert stand.webhooks.deliveries.bell.is_set(), "the rest need not wait until it looks again by itself"
        assert await stand.deliver() == 2
        assert len({sent.application for sent in ats.deliveries}) == 6
