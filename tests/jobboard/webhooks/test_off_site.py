"""A job that is off-site says so and where to apply; résumés go to whoever got their link (spec R28)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from psycopg.errors import CheckViolation

from tests.jobboard.board_server import Board, serving
from tests.jobboard.webhooks.ats import listening
from tests.jobboard.webhooks.board import NOW, Stand, standing
from tests.world import SECRETS
from unghost.clock import SystemClock
from unghost.jobboard.links import For, Links
from unghost.jobboard.rules.resending import BLOCKS, RESENDS
from unghost.jobboard.store import access, webhooks

pytestmark = pytest.mark.anyio
ELSEWHERE = "https://harbour.example/jobs/1?from=board&x=1"


async def off_site(stand: Stand, url: str | None) -> int:
    job = stand.world.jobs[0]
    await stand.connection.execute(
        "UPDATE jobboard.job SET off_site_since = %s, company_apply_url = %s WHERE id = %s", (NOW, url, job)
    )
    return job


def page(board: Board, path: str) -> str:
    return board.ask("GET", path, key=None, headers={"Accept-Language": "en"}).body.decode()


async def test_the_pages_point_to_the_companys_own_site(database_url: str, tmp_path: Path) -> None:
    async with standing(database_url) as stand:
        job = await off_site(stand, ELSEWHERE)
        with serving(database_url, tmp_path) as board:
            for method in ("GET", "POST"):
                answer = board.ask(method, f"/jobs/{job}/apply", key=None)
                assert (answer.status, answer.headers["location"]) == (303, f"/jobs/{job}")
            shown = page(board, f"/jobs/{job}")
            assert "Apply with the company" in shown and ELSEWHERE.replace("&", "&amp;") in shown
            assert f"/jobs/{job}/apply" not in shown
            assert f"/jobs/{stand.world.jobs[1]}/apply" in page(board, f"/jobs/{stand.world.jobs[1]}")


async def test_without_such_a_site_the_page_says_whom_to_ask(database_url: str, tmp_path: Path) -> None:
    async with standing(database_url) as stand:
        job = await off_site(stand, None)
        with serving(database_url, tmp_path) as board:
            assert "Please ask Harbour &amp; Pine how to apply." in page(board, f"/jobs/{job}")


async def test_while_the_webhook_is_blocked_the_job_takes_applications_elsewhere_only(
    database_url: str, tmp_path: Path
) -> None:
    async with standing(database_url) as stand:
        job, path = stand.world.jobs[0], "/board/v1/jobs/urn:li:organization:12345/J-1"
        with listening(stand.world.client_secret) as ats, serving(database_url, tmp_path) as board:
            await stand.register(ats.url)
            number = await stand.apply()
            ats.challenged = lambda ats, code: (500, {}, b"")
            for _ in range(BLOCKS):
                assert f"/jobs/{job}/apply" in page(board, f"/jobs/{job}")
                assert board.ask("GET", path).json["offSiteSince"] is None
                await stand.challenge()
                stand.clock.at += timedelta(hours=1)
            assert await stand.webhook() == ("blocked", BLOCKS, None, "answered 500; want 200")
            assert f"/jobs/{job}/apply" not in page(board, f"/jobs/{job}")
            assert board.ask("GET", f"/jobs/{job}/apply", key=None).headers["location"] == f"/jobs/{job}"
            assert board.ask("GET", path).json["offSiteSince"] == round(NOW.timestamp() * 1000)

            ats.challenged = lambda ats, code: ats.proof(code)
            await stand.register(ats.url)
            await stand.challenge()
            assert f"/jobs/{job}/apply" in page(board, f"/jobs/{job}"), "mended, nobody has to turn anything back"
            await stand.deliver()
            assert (await stand.delivery(number))[0] == "delivered"


async def test_a_script_is_no_place_to_apply(database_url: str) -> None:
    async with standing(database_url) as stand:
        with pytest.raises(CheckViolation):
            await off_site(stand, "javascript:alert(1)")


async def test_the_board_api_says_since_when_and_where(database_url: str, tmp_path: Path) -> None:
    async with standing(database_url) as stand:
        await off_site(stand, ELSEWHERE)
        with serving(database_url, tmp_path) as board:
            shown = board.ask("GET", "/board/v1/jobs/urn:li:organization:12345/J-1").json
            assert (shown["offSiteSince"], shown["companyApplyUrl"]) == (round(NOW.timestamp() * 1000), ELSEWHERE)
            shown = board.ask("GET", "/board/v1/jobs/urn:li:organization:12345/J-2").json
            assert (shown["offSiteSince"], shown["companyApplyUrl"]) == (None, None)


async def test_an_application_by_the_board_api_is_delivered_too(database_url: str, tmp_path: Path) -> None:
    async with standing(database_url) as stand:
        stand.clock.at = SystemClock().now() + timedelta(minutes=1)
        with listening(stand.world.client_secret) as ats, serving(database_url, tmp_path) as board:
            await stand.register(ats.url)
            await stand.challenge()
            board.ask("PUT", "/board/v1/applicants/me", {"email": "me@applicant.example", "name": "Mé"})
            given = {"job": {"organization": "urn:li:organization:12345", "externalId": "J-1"}, "applicant": "me"}
            made = board.ask("POST", "/board/v1/applications", given)
            assert made.status == 201
            assert await stand.deliver() == 1
            assert ats.deliveries[0].application == made.json["jobApplicationId"]
            assert board.ask("POST", "/board/v1/applications", given).status == 200
            assert await stand.deliver() == 0


async def test_an_application_on_the_apply_page_arrives_with_its_resume(database_url: str, tmp_path: Path) -> None:
    async with standing(database_url) as stand:
        stand.clock.at = SystemClock().now() + timedelta(minutes=1)
        with listening(stand.world.client_secret) as ats, serving(database_url, tmp_path) as board:
            await stand.register(ats.url)
            await stand.challenge()
            grace = {"name": "Grace Öst", "email": "grace@applicant.example", "language": "de", "time_zone": "UTC"}
            files = {"resume": ("cv.pdf", b"%PDF- grace", "application/pdf")}
            with httpx2.Client(base_url=board.url) as browser:
                path = f"/jobs/{stand.world.jobs[0]}/apply"
                assert browser.post(path, data=grace, files=files, headers={"Origin": board.url}).status_code == 303
            assert await stand.deliver() == 1
            responses = json.loads(ats.deliveries[0].body)["questionResponses"]
            contact = responses["contactInformationQuestionResponses"]
            assert contact["lastNameAnswer"] == {"value": "Öst"}
            assert contact["emailAnswer"] == {"value": "grace@applicant.example"}
            assert "mediaUrl" in responses["resumeQuestionResponses"]["resumeQuestionAnswer"]


async def test_turned_on_site_again_the_failed_ones_are_delivered_anew(database_url: str) -> None:
    async with standing(database_url) as stand:
        job = stand.world.jobs[0]
        with listening(stand.world.client_secret) as ats:
            await stand.register(ats.url)
            await stand.challenge()
            ats.answer = lambda sent: (500, {}, b"")
            number = await stand.apply()
            for wait in [*RESENDS, timedelta(0)]:
                await stand.deliver()
                stand.clock.at += wait
            assert (await stand.job())[1] is not None
            ats.answer = lambda sent: (200, {}, b"")
            assert await webhooks.turn_on_site(stand.connection, job, stand.clock.at) == 1
            assert (await stand.job())[1] is None
            assert await stand.deliver() == 1
            assert (await stand.delivery(number))[0] == "delivered"
            assert await webhooks.turn_on_site(stand.connection, 999, stand.clock.at) is None


async def test_what_comes_while_the_job_is_off_site_is_delivered_when_it_no_longer_is(
    database_url: str, tmp_path: Path
) -> None:
    """By the board API it has happened already; from the apply page it may have been on its way."""
    async with standing(database_url) as stand:
        stand.clock.at = SystemClock().now() + timedelta(minutes=1)
        with listening(stand.world.client_secret) as ats, serving(database_url, tmp_path) as board:
            await stand.register(ats.url)
            await stand.challenge()
            job = await off_site(stand, ELSEWHERE)
            board.ask("PUT", "/board/v1/applicants/me", {"email": "me@applicant.example", "name": "Mé"})
            given = {"job": {"organization": "urn:li:organization:12345", "externalId": "J-1"}, "applicant": "me"}
            made = board.ask("POST", "/board/v1/applications", given)
            assert made.status == 201
            number = int(made.json["jobApplicationId"].rpartition(":")[2])
            assert await stand.delivery(number) == ("failed", 0, None, _KEPT)
            assert await stand.deliver() == 0
            await stand.register(f"{ats.url}/moved")
            await stand.challenge()
            assert await webhooks.turn_on_site(stand.connection, job, stand.clock.at) == 1
            assert await stand.deliver() == 1
            assert [sent.path for sent in ats.deliveries] == ["/applications/moved"]
            assert [sent.application for sent in ats.deliveries] == [made.json["jobApplicationId"]]


_KEPT = "not sent: the job was off-site when the application came"


async def test_the_link_in_a_delivery_gives_the_resume(database_url: str, tmp_path: Path) -> None:
    async with standing(database_url) as stand:
        stand.clock.at = SystemClock().now()
        with (
            listening(stand.world.client_secret) as ats,
            serving(database_url, tmp_path, secret_key=SECRETS.secret_key) as board,
        ):
            await stand.register(ats.url)
            await stand.challenge()
            await stand.apply(resume=b"%PDF- it is me")
            await stand.deliver()
            responses = json.loads(ats.deliveries[0].body)["questionResponses"]["resumeQuestionResponses"]
            path = urlsplit(responses["resumeQuestionAnswer"]["mediaUrl"]).path
            answer = board.ask("GET", path, key=None)
            assert (answer.status, answer.body) == (200, b"%PDF- it is me")
            assert answer.headers["content-type"] == "application/pdf"
            assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Zo%C3%AB.pdf"
            assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == (
                "no-store",
                "nosniff",
            )
            board.clock.ahead = timedelta(days=31)
            assert board.ask("GET", path, key=None).status == 404, "after thirty days"
            board.clock.ahead = timedelta(0)
            await access.revoke_application(stand.connection, stand.world.client_id, stand.clock.at)
            assert board.ask("GET", path, key=None).status == 404, "nor for a partner who is shut out"


async def test_other_words_give_no_resume(database_url: str, tmp_path: Path) -> None:
    links = Links(SECRETS.secret_key)
    async with standing(database_url) as stand:
        number = stand.world.applications[0]  # without delivery
        with serving(database_url, tmp_path, secret_key=SECRETS.secret_key) as board:
            for word in (
                "x",
                "%00",
                links.make(For.APPLICANT_SESSION, number, None),
                links.make(For.RESUME, number, None),
                links.make(For.RESUME, 2**62, None),
            ):
                answer = board.ask("GET", f"/resumes/{word}", key=None)
                assert answer.status == 404 and answer.json["status"] == 404
