"""Child applications, made, found and changed with the very requests that LinkedIn's clients send (spec R25)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.board_server import Answer
from tests.jobboard.partner_api.conftest import Partner, count, refused
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio

PATH = "/v2/provisionedApplications"
#: As the Java SDK sends it, and the Postman collection.
BODY = {
    "uniqueForeignId": "customer-4711",
    "name": "Test ATS - Nordlicht",
    "description": "Nordlicht's integration with Test ATS",
    "oauth2AuthorizedCallbackUrls": ["https://ats.example/oauth/callback"],
    "validJsSdkDomains": ["http://localhost:5000"],
}
JAVA = {
    "Content-Type": "application/json",
    "LinkedIn-Version": "202504",
    "X-External-User": "client",
    "X-External-App": "talent-solutions-sdk-java",
    "Accept": "text/html, image/gif, image/jpeg, */*; q=0.2",
    "User-Agent": "Java/17",
}
POSTMAN = {"X-RestLi-Protocol-Version": "2.0.0", "X-RestLi-Method": "create", "Content-Type": "application/json"}


@pytest.fixture
def vendor(partner: Partner) -> Partner:
    """The partner with its own token, not a child application's."""
    partner.token = partner.fetch_token(partner.world.parent_client_id, partner.world.parent_client_secret).json[
        "access_token"
    ]
    return partner


def create(vendor: Partner, headers: dict[str, str] | None = None, path: str = PATH, **change: Any) -> Answer:
    body = {name: value for name, value in (BODY | change).items() if value is not None}
    return vendor.post(body, {"x-restli-method": None} | dict(headers or {}), path=path)


def find(vendor: Partner, foreign: str = "customer-4711", path: str = PATH + "/") -> Answer:
    query = f"?q=credentialsByUniqueForeignId&uniqueForeignId={foreign}"
    return vendor.board.ask("GET", path + query, key=None, headers=JAVA | {"Authorization": f"Bearer {vendor.token}"})


@pytest.mark.parametrize(("path", "headers"), [(PATH + "/", JAVA), (PATH, POSTMAN), (PATH, {}), (PATH + "/", POSTMAN)])
async def test_a_child_application_is_made_with_the_requests_that_linkedins_clients_send(
    vendor: Partner, path: str, headers: dict[str, str]
) -> None:
    answer = create(vendor, headers, path)
    assert answer.status == 201, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    key = answer.json["key"]
    assert key.startswith("urn:li:developerApplication:")
    assert answer.headers["x-restli-id"] == key
    credentials = answer.json["credentials"]
    assert set(credentials) == {"client_id", "client_secret"}
    assert vendor.fetch_token(**credentials).status == 200, "its credentials are good at once"


async def test_it_is_found_by_its_foreign_id_with_its_credentials(vendor: Partner) -> None:
    made = create(vendor).json
    for path in (PATH, PATH + "/"):
        assert find(vendor, path=path).json == {
            "elements": [
                {
                    "key": made["key"],
                    "uniqueForeignId": "customer-4711",
                    "name": "Test ATS - Nordlicht",
                    "description": "Nordlicht's integration with Test ATS",
                    "oauth2AuthorizedCallbackUrls": ["https://ats.example/oauth/callback"],
                    "validJsSdkDomains": ["http://localhost:5000"],
                    "credentials": made["credentials"],
                }
            ]
        }
    assert find(vendor, "customer-0815").json == {"elements": []}


async def test_a_secret_that_cannot_be_derived_is_left_out(vendor: Partner, pool: AsyncConnectionPool) -> None:
    """Those of an earlier release are kept as hashes only."""
    made = create(vendor).json["credentials"]
    async with pool.connection() as connection:
        await connection.execute("UPDATE jobboard.oauth_application SET secret_nonce = NULL")
    assert find(vendor).json["elements"][0]["credentials"] == {"client_id": made["client_id"]}
    async with pool.connection() as connection:
        await connection.execute("UPDATE jobboard.oauth_application SET secret_nonce = %s", (b"0123456789abcdef",))
    assert find(vendor).json["elements"][0]["credentials"] == {"client_id": made["client_id"]}


async def test_a_foreign_id_is_given_once_also_when_two_ask_at_once(vendor: Partner, pool: AsyncConnectionPool) -> None:
    before = await count(pool, "oauth_application")
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: create(vendor), range(6)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409, 409]
    key = find(vendor).json["elements"][0]["key"]
    refused(create(vendor, POSTMAN), Refusal.ALREADY_PROVISIONED, key)
    assert await count(pool, "oauth_application") == before + 1
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE jobboard.oauth_application SET revoked_at = created_at WHERE name LIKE '%Nord%'"
        )
    assert find(vendor).json == {"elements": []}
    refused(
        vendor.post({"patch": {"$set": {}}}, {"x-restli-method": None}, path=f"{PATH}/{key}"), Refusal.UNKNOWN_CHILD
    )
    with ThreadPoolExecutor(6) as threads:
        replaced = list(threads.map(lambda _: create(vendor), range(6)))
    assert sorted(answer.status for answer in replaced) == [201, 409, 409, 409, 409, 409], "a revoked one is replaced"
    assert find(vendor).json["elements"][0]["key"] != key


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("end", ["", "/"])
async def test_it_is_changed_at_its_urn_encoded_or_not(vendor: Partner, encoded: bool, end: str) -> None:
    made = create(vendor).json
    key = made["key"].replace(":", "%3A") if encoded else made["key"]
    new = {"name": "Test ATS - Südlicht", "validJsSdkDomains": ["https://eu.ats.example", "https://ats.example:8443"]}
    answer = vendor.post({"patch": {"$set": new}}, {"x-restli-method": None}, path=f"{PATH}/{key}{end}")
    assert (answer.status, answer.body) == (204, b"")
    [found] = find(vendor).json["elements"]
    assert found == BODY | new | made
    again = vendor.post({"patch": {"$set": new}}, {"x-restli-method": "PARTIAL_UPDATE"}, path=f"{PATH}/{key}{end}")
    assert again.status == 204


async def test_only_the_partner_itself_makes_finds_and_changes_its_own(
    vendor: Partner, pool: AsyncConnectionPool
) -> None:
    made = create(vendor).json
    child = vendor.fetch_token(vendor.world.client_id, vendor.world.client_secret).json["access_token"]
    own, vendor.token = vendor.token, child
    patch = {"patch": {"$set": {"name": "Mine"}}}
    refused(create(vendor, uniqueForeignId="other"), Refusal.NOT_A_PARTNER, "partner's own client id")
    refused(find(vendor), Refusal.NOT_A_PARTNER)
    refused(
        vendor.post(patch, {"x-restli-method": None}, path=f"{PATH}/{made['key']}"),
        Refusal.NOT_A_PARTNER,
    )
    vendor.token = own
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE jobboard.oauth_application SET parent_id = NULL, organization = NULL WHERE id = %s",
            (vendor.world.child,),
        )
    vendor.token = vendor.fetch_token(vendor.world.client_id, vendor.world.client_secret).json["access_token"]
    assert find(vendor).json == {"elements": []}, "another partner's are not there for it"
    refused(
        vendor.post(patch, {"x-restli-method": None}, path=f"{PATH}/{made['key']}"),
        Refusal.UNKNOWN_CHILD,
    )
    assert create(vendor).status == 201, "each partner has its own foreign ids"


@pytest.mark.parametrize(
    ("change", "refusal", "says"),
    [
        ({"uniqueForeignId": None}, Refusal.MISSING_FIELD, "uniqueForeignId is missing"),
        ({"uniqueForeignId": 7}, Refusal.WRONG_TYPE, "uniqueForeignId is a number"),
        ({"uniqueForeignId": "a\0b"}, Refusal.BAD_VALUE, "control characters"),
        ({"name": None}, Refusal.MISSING_FIELD, "name is missing"),
        ({"name": "x" * 51}, Refusal.BAD_VALUE, "has 51 characters; want at most 50"),
        ({"name": "Test ATS for LINKEDIN"}, Refusal.BAD_VALUE, "without it"),
        ({"name": "  "}, Refusal.BAD_VALUE, "is empty"),
        ({"description": None}, Refusal.MISSING_FIELD, "description"),
        ({"validJsSdkDomains": "https://ats.example"}, Refusal.WRONG_TYPE, "an array of strings"),
        ({"validJsSdkDomains": ["https://ats.example/"]}, Refusal.BAD_VALUE, "slash at the end"),
        ({"validJsSdkDomains": ["*"]}, Refusal.BAD_VALUE, "https://ats.example"),
        ({"validJsSdkDomains": ["https://a; script-src *"]}, Refusal.BAD_VALUE, "validJsSdkDomains[0]"),
        ({"validJsSdkDomains": [f"https://a{n}" for n in range(51)]}, Refusal.BAD_VALUE, "at most 50"),
        (
            {"oauth2AuthorizedCallbackUrls": ["javascript:alert(1)"]},
            Refusal.BAD_VALUE,
            "oauth2AuthorizedCallbackUrls[0]",
        ),
        ({"oauth2AuthorizedCallbackUrls": ["https://[::1"]}, Refusal.BAD_VALUE, "oauth2AuthorizedCallbackUrls[0]"),
    ],
)
async def test_what_does_not_fit_is_refused_by_its_field_and_nothing_is_made(
    vendor: Partner, pool: AsyncConnectionPool, change: dict[str, Any], refusal: Refusal, says: str
) -> None:
    """spec R4"""
    before = await count(pool, "oauth_application")
    refused(create(vendor, POSTMAN, **change), refusal, says)
    assert await count(pool, "oauth_application") == before


async def test_a_change_that_does_not_fit_is_refused_and_changes_nothing(vendor: Partner) -> None:
    key = create(vendor).json["key"]
    before = find(vendor).json

    def patch(body: object, at: str = key) -> Answer:
        return vendor.post(body, {"x-restli-method": None}, path=f"{PATH}/{at}")

    refused(patch([]), Refusal.MALFORMED_BODY, '{"patch"')
    refused(patch({}), Refusal.MISSING_FIELD, "patch.$set")
    refused(patch({"patch": {"$set": 1}}), Refusal.MALFORMED_BODY, "patch.$set is a number")
    refused(patch({"patch": {"$set": {"uniqueForeignId": "other"}}}), Refusal.BAD_VALUE, "cannot be changed")
    refused(patch({"patch": {"$delete": ["name"], "$set": {}}}), Refusal.BAD_VALUE, "$delete")
    refused(patch({"patch": {"$set": {"name": "LinkedIn"}}}), Refusal.BAD_VALUE, "patch.$set.name")
    refused(patch({"patch": {"$set": {}}}, "urn:li:developerApplication:999999"), Refusal.UNKNOWN_CHILD)
    refused(patch({"patch": {"$set": {}}}, "urn:li:organization:1"), Refusal.BAD_URN)
    refused(patch({"patch": {"$set": {}}}, "%00"), Refusal.BAD_URN)
    refused(vendor.post({}, {"x-restli-method": "delete"}, path=f"{PATH}/{key}"), Refusal.WRONG_METHOD)
    assert patch({"patch": {"$set": {}}}).status == 204
    assert find(vendor).json == before


async def test_a_finder_that_does_not_fit_is_refused(vendor: Partner) -> None:
    def ask(query: str) -> Answer:
        return vendor.board.ask("GET", f"{PATH}?{query}", key=None, headers={"Authorization": f"Bearer {vendor.token}"})

    refused(ask(""), Refusal.BAD_VALUE, "credentialsByUniqueForeignId")
    refused(ask("q=all"), Refusal.BAD_VALUE, "q is 'all'")
    refused(ask("uniqueForeignId=a"), Refusal.BAD_VALUE, "q is missing from the query; want ")
    refused(ask("q=credentialsByUniqueForeignId"), Refusal.MISSING_FIELD, "uniqueForeignId")
    refused(ask("q=credentialsByUniqueForeignId&uniqueForeignId=%00"), Refusal.BAD_VALUE)
