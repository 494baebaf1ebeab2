"""A partner names its integration with a customer and reads it, as the Postman collection does (spec R25)."""

from __future__ import annotations

import pytest

from tests import world as w
from tests.jobboard.board_server import Answer
from tests.jobboard.partner_api.conftest import Partner, refused
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio

PATH = "/v2/atsIntegrations"
V2 = {"X-RestLi-Protocol-Version": "2.0.0"}


def ids(*organizations: int, **change: str) -> str:
    """The query as Postman has it: brackets and colons as they are."""
    fields = {"integrationType": "APPLY_CONNECT", "tenantType": "JOBS", "dataProvider": "ATS"} | change
    return "&".join(
        f"ids[{nth}].{name}={value}"
        for nth, organization in enumerate(organizations)
        for name, value in ({"integrationContext": f"urn:li:organization:{organization}"} | fields).items()
    )


def key(organization: int) -> str:
    """The key as Postman's body has it."""
    return (
        f"integrationContext=urn:li:organization:{organization}"
        "&integrationType=APPLY_CONNECT&tenantType=JOBS&dataProvider=ATS"
    )


@pytest.fixture
def vendor(partner: Partner) -> Partner:
    """The partner with its own token."""
    answer = partner.fetch_token(partner.world.parent_client_id, partner.world.parent_client_secret)
    partner.token = answer.json["access_token"]
    return partner


def name(vendor: Partner, entities: dict[str, str], query: str, headers: dict[str, str] | None = None) -> Answer:
    body = {"entities": {each: {"patch": {"$set": {"integrationName": called}}} for each, called in entities.items()}}
    sent: dict[str, str | None] = {"x-restli-method": "batch_partial_update", **(headers or {})}
    return vendor.post(body, sent, path=f"{PATH}?{query}")


def read(vendor: Partner, query: str, headers: dict[str, str] | None = None) -> Answer:
    sent = {"Authorization": f"Bearer {vendor.token}"} | (headers or {})
    return vendor.board.ask("GET", f"{PATH}?{query}", key=None, headers=sent)


async def test_an_integration_is_named_and_read_with_the_collections_requests(vendor: Partner) -> None:
    answer = name(vendor, {key(w.ORGANIZATION): "Harbour via Test ATS"}, ids(w.ORGANIZATION))
    assert answer.status == 200, answer.body
    assert answer.json == {"results": {key(w.ORGANIZATION): {"status": 204}}, "errors": {}}
    assert read(vendor, ids(w.ORGANIZATION)).json == {
        "results": {
            key(w.ORGANIZATION): {
                "integrationContext": f"urn:li:organization:{w.ORGANIZATION}",
                "integrationType": "APPLY_CONNECT",
                "tenantType": "JOBS",
                "dataProvider": "ATS",
                "integrationName": "Harbour via Test ATS",
                "applicantNotifications": True,
            }
        },
        "statuses": {},
        "errors": {},
    }


async def test_protocol_2_names_the_same_integration_in_its_own_way(vendor: Partner) -> None:
    written = (
        f"(integrationContext:urn%3Ali%3Aorganization%3A{w.ORGANIZATION},"
        "integrationType:APPLY_CONNECT,tenantType:JOBS,dataProvider:ATS)"
    )
    for query in (f"ids=List({written})", f"ids=List({written})".replace("(", "%28").replace(")", "%29")):
        answer = name(vendor, {written: "Two"}, query, V2)
        assert answer.json == {"results": {written: {"status": 204}}, "errors": {}}
    assert read(vendor, f"ids=List({written})", V2).json["results"][written]["integrationName"] == "Two"


async def test_a_customer_that_has_not_chosen_is_an_error_of_its_own_beside_the_others(vendor: Partner) -> None:
    entities = {key(w.ORGANIZATION): "Harbour", key(999): "Nobody"}
    answer = name(vendor, entities, ids(w.ORGANIZATION, 999))
    assert answer.json["results"] == {key(w.ORGANIZATION): {"status": 204}}
    error = answer.json["errors"][key(999)]
    assert (error["status"], error["code"]) == (404, "UNKNOWN_CHILD")
    assert "onboarding widget" in error["message"]
    found = read(vendor, ids(999, w.OTHER_ORGANIZATION)).json
    assert set(found["results"]) == {key(w.OTHER_ORGANIZATION)}
    assert found["results"][key(w.OTHER_ORGANIZATION)]["integrationName"] == "Test ATS - Quarry Labs"
    assert set(found["errors"]) == {key(999)}


async def test_a_child_application_may_not(vendor: Partner) -> None:
    vendor.token = vendor.fetch_token().json["access_token"]
    refused(name(vendor, {key(w.ORGANIZATION): "x"}, ids(w.ORGANIZATION)), Refusal.NOT_A_PARTNER)
    refused(read(vendor, ids(w.ORGANIZATION)), Refusal.NOT_A_PARTNER)


@pytest.mark.parametrize(
    ("query", "refusal", "says"),
    [
        ("", Refusal.BAD_KEY, "ids is missing"),
        ("ids=urn:li:organization:1", Refusal.BAD_KEY, "List((name:value"),
        ("ids[0].integrationType=APPLY_CONNECT", Refusal.MISSING_FIELD, "integrationContext"),
        ("ids[0].integrationContext=12345", Refusal.BAD_URN, "urn:li:organization:N"),
        (ids(1, integrationType="CSA_API"), Refusal.BAD_VALUE, "want APPLY_CONNECT"),
        (ids(1, tenantType="RECRUITER"), Refusal.BAD_VALUE, "want JOBS"),
        ("&".join(ids(n).replace("[0]", f"[{n}]") for n in range(1, 150)), Refusal.BAD_KEY, "at most 100"),
        ("&".join("a=b" for _ in range(900)), Refusal.BAD_KEY, "at most 100"),
    ],
)
async def test_ids_that_do_not_fit_are_refused(vendor: Partner, query: str, refusal: Refusal, says: str) -> None:
    refused(read(vendor, query), refusal, says)
    refused(name(vendor, {key(w.ORGANIZATION): "x"}, query), refusal, says)


@pytest.mark.parametrize(
    ("body", "refusal", "says"),
    [
        ([], Refusal.MALFORMED_BODY, "entities"),
        ({}, Refusal.MISSING_FIELD, "entities is missing"),
        ({"entities": {}}, Refusal.BAD_KEY, "different integrations"),
        ({"entities": {key(2): {"patch": {"$set": {"integrationName": "x"}}}}}, Refusal.BAD_KEY, "different"),
        ({"entities": {key(1): {"patch": {}}}}, Refusal.MISSING_FIELD, "entity.patch.$set"),
        ({"entities": {key(1): {"patch": {"$set": {}}}}}, Refusal.MISSING_FIELD, "integrationName"),
        ({"entities": {"": {"patch": {"$set": {"integrationName": "x"}}}}}, Refusal.MISSING_FIELD, "from a key"),
        ({"entities": {key(1): 7}}, Refusal.MALFORMED_BODY, "entity is a number"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused(vendor: Partner, body: object, refusal: Refusal, says: str) -> None:
    answer = vendor.post(body, {"x-restli-method": "BATCH_PARTIAL_UPDATE"}, path=f"{PATH}?{ids(1)}")
    refused(answer, refusal, says)
