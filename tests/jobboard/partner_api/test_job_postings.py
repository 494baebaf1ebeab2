"""Jobs that a child application posts, changes and closes, with the requests of LinkedIn's clients (spec R27)."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from tests.jobboard.board_server import Answer
from tests.jobboard.partner_api.conftest import Partner, count, refused
from unghost.wire.lifecycle import milliseconds
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio

PATH, TASKS, STATUS = "/rest/simpleJobPostings", "/rest/simpleJobPostingTasks", "/v2/jobPostingStatus"
JAVA: dict[str, str | None] = {
    "Content-Type": "application/json",
    "LinkedIn-Version": "202504",
    "x-restli-method": "batch_create",
    "X-External-User": "client",
}
HOOK = "https://ats.example/applications"


def job(**change: Any) -> dict[str, Any]:
    """A job as partners post it, with changes; a field set to None is left out."""
    body = {
        "externalJobPostingId": "T-7",
        "title": "Carpenter",
        "description": "We build with <b>wood</b>.",
        "listedAt": 1604600000017,
        "location": "Kiel, Germany",
        "companyApplyUrl": "https://ats.example/jobs/7",
        "integrationContext": f"urn:li:organization:{w.ORGANIZATION}",
        "listingType": "BASIC",
        "onsiteApplyConfiguration": {"jobApplicationWebhookUrl": HOOK},
    }
    return {name: value for name, value in (body | change).items() if value is not None}


def post(partner: Partner, *jobs: object, path: str = PATH) -> Answer:
    return partner.post({"elements": list(jobs)}, JAVA, path=path)


def posted(partner: Partner, **change: Any) -> str:
    """A job is taken; its task's URN."""
    answer = post(partner, job(**change))
    assert answer.status == 200, answer.body
    [element] = answer.json["elements"]
    assert element["status"] == 202, element
    return str(element["id"])


def ask(partner: Partner, query: str, path: str = TASKS) -> Answer:
    headers = {"Authorization": f"Bearer {partner.token}"}
    return partner.board.ask("GET", f"{path}?{query}", key=None, headers=headers)


def task(partner: Partner, urn: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(partner, f"ids={urn}").json["results"][urn]
    return found


async def row(pool: AsyncConnectionPool, statement: str, *values: object) -> tuple[Any, ...]:
    async with pool.connection() as connection:
        found = await (await connection.execute(statement.encode(), values)).fetchone()
    assert found is not None
    return tuple(found)


async def webhook(pool: AsyncConnectionPool, state: str) -> None:
    """The challenge ended so."""
    async with pool.connection() as connection:
        await connection.execute(
            """UPDATE jobboard.webhook SET state = %(state)s, detail = 'it answered 500',
                   attempt_at = CASE WHEN %(state)s <> 'blocked' THEN created_at END,
                   verified_at = created_at, secret_nonce = 'x'""",
            {"state": state},
        )


@pytest.mark.parametrize("path", [PATH, "/v2/simpleJobPostings", PATH + "/"])
async def test_a_job_is_stored_with_its_webhook_and_answered_by_a_task(
    partner: Partner, pool: AsyncConnectionPool, path: str
) -> None:
    answer = post(partner, job(), path=path)
    assert answer.status == 200
    [element] = answer.json["elements"]
    urn = element["id"]
    assert urn == f"urn:li:simpleJobPostingTask:{uuid.UUID(urn.rpartition(':')[2])}"
    assert element == {"status": 202, "id": urn, "location": f"/simpleJobPostings/{quote(urn, safe='')}"}
    stored = await row(
        pool,
        """SELECT title, description, location, listed_at, closed_at, company_apply_url, webhook_url
           FROM jobboard.job WHERE organization = %s AND external_id = 'T-7'""",
        w.ORGANIZATION,
    )
    assert (*stored[:3], milliseconds(stored[3]), *stored[4:]) == (
        "Carpenter",
        "We build with wood.",
        "Kiel, Germany",
        1604600000017,
        None,
        "https://ats.example/jobs/7",
        HOOK,
    )


async def test_a_task_is_in_progress_until_the_webhook_has_answered_the_challenge(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    urn = posted(partner)
    [number] = await row(pool, "SELECT id FROM jobboard.job WHERE external_id = 'T-7'")
    shown = {
        "id": urn,
        "status": "IN_PROGRESS",
        "externalJobPostingId": "T-7",
        "location": "Kiel, Germany",
        "jobPosting": f"urn:li:jobPosting:{number}",
    }
    assert task(partner, urn) == shown
    await webhook(pool, "unverified")
    waiting = task(partner, urn)
    assert waiting["status"] == "IN_PROGRESS", "though one challenge failed"
    assert "has not passed the challenge yet (it answered 500)" in waiting["errorMessage"]
    await webhook(pool, "verified")
    assert task(partner, urn) == shown | {"status": "SUCCEEDED"}
    await webhook(pool, "blocked")
    failed = task(partner, urn)
    assert failed["status"] == "FAILED"
    assert "it answered 500" in failed["errorMessage"] and "post the job again" in failed["errorMessage"]
    assert task(partner, posted(partner))["status"] == "IN_PROGRESS", "posting it again gives it another chance"
    assert task(partner, posted(partner, externalJobPostingId="T-8", onsiteApplyConfiguration=None))["status"] == (
        "SUCCEEDED"
    ), "without a webhook there is nothing to wait for"


async def test_tasks_are_read_in_each_form_that_clients_send(partner: Partner) -> None:
    one, two = posted(partner), posted(partner, externalJobPostingId="T-8")
    encoded = [quote(urn, safe="") for urn in (one, two)]
    for query in (f"ids={one}&ids={two}", f"ids=List({','.join(encoded)})", f"ids=List({one},{two})"):
        for path in (TASKS, "/v2/simpleJobPostingTasks", TASKS + "/"):
            answer = ask(partner, query, path).json
            assert list(answer["results"]) == [one, two]
            assert (answer["statuses"], answer["errors"]) == ({}, {})


async def test_a_task_of_nobody_or_of_another_child_application_is_an_error_of_its_own(partner: Partner) -> None:
    urn = posted(partner)
    made_up = f"urn:li:simpleJobPostingTask:{uuid.uuid4()}"
    for other in (made_up, urn.upper(), "7", "%00", urn + "x"):
        answer = ask(partner, f"ids={urn}&ids={other}").json
        assert list(answer["results"]) == [urn]
        [error] = answer["errors"].values()
        assert (error["status"], error["code"]) == (404, "UNKNOWN_TASK")
    answer = partner.fetch_token(partner.world.other_client_id, partner.world.other_client_secret)
    partner.token = answer.json["access_token"]
    assert ask(partner, f"ids={urn}").json["errors"][urn]["code"] == "UNKNOWN_TASK"
    refused(ask(partner, ""), Refusal.BAD_KEY, "ids")


async def test_an_update_changes_what_it_names_and_a_close_ends_it(partner: Partner, pool: AsyncConnectionPool) -> None:
    posted(partner)
    updated = posted(
        partner,
        jobPostingOperationType="UPDATE",
        title=None,
        description=None,
        listedAt=None,
        location="Lübeck",
        companyApplyUrl=None,
        onsiteApplyConfiguration={"jobApplicationWebhookUrl": HOOK + "/new"},
    )
    look = """SELECT title, location, description, company_apply_url, webhook_url, closed_at IS NULL
              FROM jobboard.job WHERE external_id = 'T-7'"""
    apply = "https://ats.example/jobs/7"
    assert await row(pool, look) == ("Carpenter", "Lübeck", "We build with wood.", apply, HOOK + "/new", True)
    assert task(partner, updated)["location"] == "Lübeck"
    closed = posted(partner, jobPostingOperationType="CLOSE", title="Not read")
    assert await row(pool, look) == ("Carpenter", "Lübeck", "We build with wood.", apply, HOOK + "/new", False)
    assert task(partner, closed)["status"] == "SUCCEEDED"
    posted(partner, jobPostingOperationType="UPDATE", title="Joiner")
    assert (await row(pool, look))[::5] == ("Joiner", False), "an update does not open it again"
    posted(partner)
    assert (await row(pool, look))[::5] == ("Carpenter", True), "creating does"


async def test_each_element_is_answered_for_itself_in_order(partner: Partner, pool: AsyncConnectionPool) -> None:
    before = await count(pool, "job")
    answer = post(
        partner,
        job(),
        job(externalJobPostingId="T-8", title="x" * 201),
        7,
        job(externalJobPostingId="T-9", jobPostingOperationType="UPGRADE"),
        job(externalJobPostingId="never-created", jobPostingOperationType="CLOSE"),
        job(externalJobPostingId="T-10", integrationContext=f"urn:li:organization:{w.OTHER_ORGANIZATION}"),
        job(externalJobPostingId="T-11", integrationContext=None, company=f"urn:li:organization:{w.ORGANIZATION}"),
        job(externalJobPostingId="T-12", onsiteApplyConfiguration={"jobApplicationWebhookUrl": "https://10.0.0.7/x"}),
        job(externalJobPostingId="T-13", onsiteApplyConfiguration={"jobApplicationWebhookUrl": "http://ats.example"}),
    )
    assert answer.status == 200
    elements = answer.json["elements"]
    assert [element["status"] for element in elements] == [202, 400, 400, 400, 404, 403, 202, 400, 400]
    codes = [element.get("error", {}).get("code") for element in elements]
    assert codes == [
        None,
        "BAD_VALUE",
        "MALFORMED_BODY",
        "BAD_VALUE",
        "UNKNOWN_JOB",
        "OTHER_CUSTOMER",
        None,
        "BAD_VALUE",
        "BAD_VALUE",
    ]
    assert "'UPGRADE'" in elements[3]["error"]["message"]
    assert "not public" in elements[7]["error"]["message"], "spec R28: no private networks"
    assert await count(pool, "job") == before + 2
    assert await count(pool, "job_posting_task") == 2


async def test_a_batch_that_cannot_be_read_is_refused_whole(partner: Partner, pool: AsyncConnectionPool) -> None:
    refused(partner.post({"elements": [job()]}, JAVA | {"x-restli-method": None}, path=PATH), Refusal.WRONG_METHOD)
    refused(partner.post({"elements": [job()]}, JAVA | {"x-restli-method": "create"}, path=PATH), Refusal.WRONG_METHOD)
    refused(partner.post({"elements": {}}, JAVA, path=PATH), Refusal.MALFORMED_BODY, "elements")
    refused(partner.post(b"{", JAVA, path=PATH), Refusal.MALFORMED_BODY)
    refused(post(partner, *[job()] * 101), Refusal.TOO_MANY_ELEMENTS, "at most 100")
    refused(partner.post(b" " * (4 * 1024 * 1024 + 1), JAVA, path=PATH), Refusal.TOO_LARGE)
    refused(
        partner.post({"elements": [job()]}, JAVA | {"Authorization": None}, path=PATH),
        Refusal.MISSING_TOKEN,
    )
    assert await count(pool, "job_posting_task") == 0
    assert post(partner).json == {"elements": []}


async def test_the_partners_own_token_posts_and_reads_nothing(partner: Partner) -> None:
    answer = partner.fetch_token(partner.world.parent_client_id, partner.world.parent_client_secret)
    partner.token = answer.json["access_token"]
    refused(post(partner, job()), Refusal.NOT_A_CHILD_APPLICATION)
    refused(ask(partner, "ids=1"), Refusal.NOT_A_CHILD_APPLICATION)
    refused(ask(partner, "ids=1", STATUS), Refusal.NOT_A_CHILD_APPLICATION)


async def test_where_a_job_stands_is_read_by_its_urn(partner: Partner, pool: AsyncConnectionPool) -> None:
    urn = task(partner, posted(partner))["jobPosting"]
    number = urn.rpartition(":")[2]

    def standing() -> dict[str, Any]:
        found: dict[str, Any] = ask(partner, f"ids={urn}", STATUS).json["results"][urn]
        return found

    assert standing() == {
        "externalJobPostingId": "T-7",
        "rawLocation": "Kiel, Germany",
        "listingStatus": "LISTED",
        "linkedInApplyStatus": "IN_PROGRESS",
        "jobPostingInfo": {"listedAt": 1604600000017, "location": "Kiel, Germany"},
        "jobPostingUrl": f"{partner.board.url}/jobs/{number}",
    }
    await webhook(pool, "unverified")
    assert "it answered 500" in standing()["linkedInApplyStatusDetail"]["statusMessage"]
    await webhook(pool, "verified")
    assert standing()["linkedInApplyStatus"] == "ENABLED"
    await webhook(pool, "blocked")
    assert standing()["linkedInApplyStatus"] == "NOT_ENABLED"
    assert "it answered 500" in standing()["linkedInApplyStatusDetail"]["statusMessage"]
    async with pool.connection() as connection:
        await connection.execute("UPDATE jobboard.job SET off_site_since = listed_at")
    assert standing()["linkedInApplyStatus"] == "NOT_ENABLED"
    assert "first application" in standing()["linkedInApplyStatusDetail"]["statusMessage"]
    posted(partner, jobPostingOperationType="CLOSE")
    assert standing()["listingStatus"] == "NOT_LISTED"
    assert "jobPostingUrl" not in standing()
    other = await row(pool, "SELECT id FROM jobboard.job WHERE organization = %s", w.OTHER_ORGANIZATION)
    for unknown in (f"urn:li:jobPosting:{other[0]}", "urn:li:jobPosting:0", "T-7"):
        assert ask(partner, f"ids={unknown}", STATUS).json["errors"][unknown]["code"] == "UNKNOWN_JOB"
