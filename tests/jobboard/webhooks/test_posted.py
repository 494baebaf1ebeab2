"""The loop of a job: posted, its webhook challenged, an application delivered, a report taken (spec R27, R28)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.board_server import KEY, serving
from tests.jobboard.partner_api.conftest import Partner
from tests.jobboard.partner_api.test_job_postings import job, posted, task
from tests.jobboard.webhooks.ats import listening
from tests.jobboard.webhooks.board import LOOPBACK
from tests.world import ORGANIZATION, SECRETS, make_world
from unghost.jobboard.settings import Settings
from unghost.jobboard.webhooks import Webhooks
from unghost.jobboard.webhooks.outward import Outward
from unghost.wire.lifecycle import milliseconds

pytestmark = pytest.mark.anyio


async def test_what_is_posted_can_be_applied_to_delivered_and_reported(
    database_url: str, pool: AsyncConnectionPool, tmp_path: Path
) -> None:
    with serving(database_url, tmp_path, secret_key=SECRETS.secret_key, webhook_networks=LOOPBACK) as board:
        async with pool.connection() as connection:
            world = await make_world(connection, board.clock.now())
        partner = Partner(board, world)
        partner.token = partner.fetch_token().json["access_token"]
        settings = Settings(database_url=database_url, secret_key=SECRETS.secret_key, base_url=board.url)
        calls = Webhooks(settings, database_url, board.clock, SECRETS.secret_key, Outward(networks=LOOPBACK))
        try:
            with listening(world.client_secret) as ats:
                urn = posted(partner, onsiteApplyConfiguration={"jobApplicationWebhookUrl": ats.url})
                assert task(partner, urn)["status"] == "IN_PROGRESS"
                await calls.challenges.step(board.clock.now())
                assert task(partner, urn)["status"] == "SUCCEEDED"

                person = {"email": "mara@example.com", "name": "Mara"}
                assert board.ask("PUT", "/board/v1/applicants/mara", person, key=KEY).status == 201
                body = {"job": {"organization": str(ORGANIZATION), "externalId": job()["externalJobPostingId"]}}
                applied = board.ask("POST", "/board/v1/applications", body | {"applicant": "mara"}, key=KEY)
                assert applied.status == 201, applied.body
                await calls.deliveries.step(board.clock.now())
                [sent] = ats.deliveries
                assert sent.signed_by(world.client_secret)
                assert json.loads(sent.body)["externalJobId"] == job()["externalJobPostingId"]
                assert sent.application == applied.json["jobApplicationId"]
        finally:
            await calls.close()
        now = milliseconds(board.clock.now())
        assert partner.post(partner.body(jobApplicationId=sent.application, performedAt=now)).status == 201
