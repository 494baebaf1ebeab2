"""LinkedIn's own Python client provisions, posts and asks, unchanged but for its base URLs (spec R25, R27)."""

from __future__ import annotations

import linkedin_api.common.constants as linkedin
import pytest
from linkedin_api.clients.restli.client import RestliClient

from tests import world as w
from tests.jobboard.partner_api.conftest import Partner
from tests.jobboard.partner_api.test_job_postings import job

pytestmark = pytest.mark.anyio
VERSION = "202504"


@pytest.fixture
def client(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> RestliClient:
    monkeypatch.setattr(linkedin, "NON_VERSIONED_BASE_URL", f"{partner.board.url}/v2")
    monkeypatch.setattr(linkedin, "VERSIONED_BASE_URL", f"{partner.board.url}/rest")
    return RestliClient()


@pytest.fixture
def own(partner: Partner) -> str:
    """A token of the partner's own."""
    answer = partner.fetch_token(partner.world.parent_client_id, partner.world.parent_client_secret)
    return str(answer.json["access_token"])


async def test_it_provisions_finds_and_changes_a_child_application(client: RestliClient, own: str) -> None:
    sent = {"uniqueForeignId": "a b+c", "name": "Test ATS - N", "description": "N"}
    made = client.create(resource_path="/provisionedApplications", entity=sent, access_token=own)
    assert made.status_code == 201
    assert made.decoded_entity_id == made.entity["key"]
    found = client.finder(
        resource_path="/provisionedApplications",
        finder_name="credentialsByUniqueForeignId",
        query_params={"uniqueForeignId": "a b+c"},
        access_token=own,
    )
    assert [each["credentials"] for each in found.elements] == [made.entity["credentials"]]
    changed = client.partial_update(
        resource_path="/provisionedApplications/{key}",
        path_keys={"key": made.entity["key"]},
        patch_set_object={"name": "Test ATS - M"},
        access_token=own,
    )
    assert changed.status_code == 204
    again = client.create(resource_path="/provisionedApplications", entity=sent, access_token=own)
    assert (again.status_code, again.entity["code"]) == (409, "ALREADY_PROVISIONED")


async def test_it_reads_an_integration(client: RestliClient, own: str) -> None:
    """It cannot name one: its batch_partial_update takes no compound keys."""
    key = {
        "integrationContext": f"urn:li:organization:{w.ORGANIZATION}",
        "integrationType": "APPLY_CONNECT",
        "tenantType": "JOBS",
        "dataProvider": "ATS",
    }
    read = client.batch_get(resource_path="/atsIntegrations", ids=[key], access_token=own)
    assert [each["integrationName"] for each in read.results.values()] == ["Test ATS - Harbour & Pine"]


async def test_it_posts_jobs_and_asks_for_their_tasks(client: RestliClient, partner: Partner) -> None:
    posted = client.batch_create(
        resource_path="/simpleJobPostings",
        entities=[job(), job(externalJobPostingId="T-8", title=None)],
        access_token=partner.token,
        version_string=VERSION,
    )
    assert [element.status for element in posted.elements] == [202, 400]
    urn = posted.elements[0].id
    tasks = client.batch_get(
        resource_path="/simpleJobPostingTasks", ids=[urn], access_token=partner.token, version_string=VERSION
    )
    assert tasks.results[urn]["status"] == "IN_PROGRESS"
    status = client.batch_get(
        resource_path="/jobPostingStatus", ids=[tasks.results[urn]["jobPosting"]], access_token=partner.token
    )
    assert [each["listingStatus"] for each in status.results.values()] == ["LISTED"]
    many = [f"{urn[:-4]}{n:04x}" for n in range(99)]
    long = client.batch_get(
        resource_path="/simpleJobPostingTasks",
        ids=[*many, urn],
        access_token=partner.token,
        version_string=VERSION,
    )
    assert (long.status_code, list(long.results)) == (200, [urn]), "it sends a long query in the body of a POST"
