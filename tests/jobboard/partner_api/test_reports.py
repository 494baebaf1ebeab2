"""`POST /v2/jobApplicationLifecycleActions` over real sockets: answers, tolerances, refusals (spec R1-R9, R12)."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg_pool import AsyncConnectionPool

from tests import world as w
from tests.jobboard.board_server import Answer, serving
from tests.jobboard.partner_api.conftest import NOW, PATH, Partner, count, refused
from unghost.wire.lifecycle import milliseconds
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio


async def test_a_create_answers_201_with_the_id_where_every_client_looks(partner: Partner) -> None:
    answer = partner.post(partner.body())
    id = answer.headers["x-restli-id"]
    assert (answer.status, answer.body) == (201, b"")
    assert answer.headers["x-linkedin-id"] == id
    assert answer.headers["location"] == f"{PATH}/{id}"
    assert answer.headers["x-restli-protocol-version"] == "1.0.0"
    assert not id.startswith(("(", "List("))
    assert partner.post(partner.body()).headers["x-restli-id"] == id


TOLERATED: list[tuple[str, dict[str, str | None], str]] = [
    ("no method", {"x-restli-method": None}, PATH),
    ("upper-case method", {"x-restli-method": "CREATE"}, PATH),
    ("protocol 2", {"X-RestLi-Protocol-Version": "2.0.0"}, PATH),
    ("protocol 1", {"X-RestLi-Protocol-Version": "1.0.0"}, PATH),
    ("form type", {"Content-Type": "application/x-www-form-urlencoded"}, PATH),
    ("odd type", {"Content-Type": "text/plain;;; charset=latin-1"}, PATH),
    ("html wanted", {"Accept": "text/html, image/gif, image/jpeg, */*; q=0.2"}, PATH),
    ("trailing slash", {}, PATH + "/"),
    ("under rest", {"LinkedIn-Version": "202504"}, "/rest/jobApplicationLifecycleActions"),
    ("dotted version", {"LinkedIn-Version": "202508.02"}, "/rest/jobApplicationLifecycleActions/"),
    ("more headers", {"X-External-User": "abc", "X-External-App": "talent-solutions-sdk-java"}, PATH),
]


@pytest.mark.parametrize(("name", "headers", "path"), TOLERATED, ids=[name for name, _, _ in TOLERATED])
async def test_what_real_clients_send_is_taken(
    partner: Partner, name: str, headers: dict[str, str | None], path: str
) -> None:
    answer = partner.post(partner.body(more={"nested": [1]}), headers, path=path)
    assert answer.status == 201, answer.body
    assert answer.headers["x-restli-protocol-version"] == (headers.get("X-RestLi-Protocol-Version") or "1.0.0")


async def test_two_spaces_after_bearer_and_bare_ids_and_digits_are_taken(partner: Partner) -> None:
    body = partner.body(jobApplicationId=str(partner.world.applications[0]), performedAt=str(milliseconds(NOW)))
    assert partner.post(body, {"Authorization": f"Bearer  {partner.token}"}).status == 201
    assert partner.post(partner.body(integrationContext=None)).status == 201


async def test_the_java_sdks_exact_request_is_taken(partner: Partner) -> None:
    body = json.dumps(partner.body()).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nx-restli-method: create\r\nAuthorization: Bearer {partner.token}\r\n"
        "X-External-User: 77abc\r\nX-External-App: talent-solutions-sdk-java\r\nUser-Agent: Java/17.0.15\r\n"
        f"Host: 127.0.0.1:{partner.board.port}\r\nAccept: text/html, image/gif, image/jpeg, */*; q=0.2\r\n"
        "Connection: keep-alive\r\nContent-type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    assert b" 201 " in partner.board.raw(head.encode() + body).splitlines()[0]


BAD_TOKENS: list[tuple[str | None, Refusal]] = [
    (None, Refusal.MISSING_TOKEN),
    ("Bearer ", Refusal.MISSING_TOKEN),
    ("Basic YWJj", Refusal.MISSING_TOKEN),
    ("Bearer nonsense", Refusal.INVALID_TOKEN),
    ("Bearer \xff\xfe", Refusal.INVALID_TOKEN),
]


@pytest.mark.parametrize(("header", "refusal"), BAD_TOKENS)
async def test_a_call_without_a_good_token_is_refused(
    partner: Partner, pool: AsyncConnectionPool, header: str | None, refusal: Refusal
) -> None:
    refused(partner.post(partner.body(), {"Authorization": header}), refusal)
    refused(partner.post(partner.body(), {"Authorization": header, "X-RestLi-Protocol-Version": "2.0.0"}), refusal)
    assert await count(pool) == 0


async def test_an_expired_and_a_revoked_token_each_have_their_own_refusal(partner: Partner) -> None:
    assert partner.post(partner.body()).status == 201
    partner.board.clock.ahead = timedelta(minutes=31)
    refused(partner.post(partner.body()), Refusal.EXPIRED_TOKEN, "expired at")
    partner.board.clock.ahead = timedelta(0)
    secrets = {"client_id": partner.world.client_id, "client_secret": partner.world.client_secret}
    assert partner.form("/oauth/v2/revokeToken", secrets | {"token": partner.token}).status == 200
    for _ in range(200):
        answer = partner.post(partner.body())
        if answer.status == 401:
            break
        await asyncio.sleep(0.02)
    refused(answer, Refusal.REVOKED_TOKEN)


async def test_the_partners_own_token_and_another_customers_child_are_refused(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    world = partner.world
    own = partner.fetch_token(world.parent_client_id, world.parent_client_secret).json["access_token"]
    refused(partner.post(partner.body(), {"Authorization": f"Bearer {own}"}), Refusal.NOT_A_CHILD_APPLICATION)
    other = partner.fetch_token(world.other_client_id, world.other_client_secret).json["access_token"]
    refused(partner.post(partner.body(), {"Authorization": f"Bearer {other}"}), Refusal.OTHER_CUSTOMER, "12345")
    # Without the context it speaks for its own customer, whose application this is not: as if there were none.
    bare = partner.body(integrationContext=None)
    refused(partner.post(bare, {"Authorization": f"Bearer {other}"}), Refusal.UNKNOWN_APPLICATION)
    assert await count(pool) == 0


REFUSED: list[tuple[str, object, Refusal, str]] = [
    ("empty", b"", Refusal.MALFORMED_BODY, "not JSON"),
    ("cut", b'{"jobApplicationId": "1', Refusal.MALFORMED_BODY, "not JSON"),
    ("form", b"jobApplicationId=1&action=APPLICATION_VIEWED", Refusal.MALFORMED_BODY, "not JSON"),
    ("latin-1", '{"action": "\xe9"}'.encode("latin-1"), Refusal.MALFORMED_BODY, "not JSON"),
    ("deep", b"[" * 60_000, Refusal.MALFORMED_BODY, "not JSON"),
    ("array", b"[]", Refusal.MALFORMED_BODY, "an array"),
    ("null", b"null", Refusal.MALFORMED_BODY, "null"),
    ("batch shape", {"elements": []}, Refusal.MISSING_FIELD, "jobApplicationId"),
    ("no id", {"jobApplicationId": None}, Refusal.MISSING_FIELD, "jobApplicationId"),
    ("unknown", {"jobApplicationId": "urn:li:jobApplication:1"}, Refusal.UNKNOWN_APPLICATION, "jobApplicationId"),
    ("doubled", {"jobApplicationId": "urn:li:jobApplication:urn:li:jobApplication:1"}, Refusal.BAD_URN, "twice"),
    ("action", {"action": "APPLICATION_SEEN"}, Refusal.UNKNOWN_ACTION, "APPLICATION_VIEWED"),
    ("bare context", {"integrationContext": "12345"}, Refusal.BAD_URN, "urn:li:organization:N"),
    ("seconds", {"performedAt": milliseconds(NOW) // 1000}, Refusal.BAD_TIME, "looks like seconds"),
    ("future", {"performedAt": milliseconds(NOW + timedelta(hours=7))}, Refusal.BAD_TIME, "5 minutes"),
    ("early", {"performedAt": milliseconds(NOW - timedelta(hours=27))}, Refusal.BAD_TIME, "24 hours"),
    ("zero", {"performedAt": 0}, Refusal.BAD_TIME, "above 0"),
]


@pytest.mark.parametrize(("name", "body", "refusal", "says"), REFUSED, ids=[name for name, *_ in REFUSED])
async def test_a_bad_body_is_refused_by_name_and_nothing_is_stored(
    partner: Partner, pool: AsyncConnectionPool, name: str, body: object, refusal: Refusal, says: str
) -> None:
    given = partner.body(**body) if isinstance(body, dict) and "elements" not in body else body
    refused(partner.post(given), refusal, says)
    assert await count(pool) == 0


async def test_another_customers_application_is_answered_as_an_unknown_one(partner: Partner) -> None:
    theirs = partner.post(partner.body(jobApplicationId=str(partner.world.other_application)))
    unknown = partner.post(partner.body(jobApplicationId="99"))
    refused(theirs, Refusal.UNKNOWN_APPLICATION)
    assert theirs.json["message"].replace(str(partner.world.other_application), "99") == unknown.json["message"]


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH"])
async def test_another_verb_is_refused_with_the_one_that_is_wanted(partner: Partner, verb: str) -> None:
    answer = partner.post(b"", verb=verb)
    refused(answer, Refusal.WRONG_VERB, "POST")
    assert answer.headers["allow"] == "POST"


async def test_another_method_or_protocol_is_refused(partner: Partner) -> None:
    refused(partner.post(partner.body(), {"x-restli-method": "get"}), Refusal.WRONG_METHOD)
    refused(partner.post(partner.body(), {"X-RestLi-Protocol-Version": "9"}), Refusal.WRONG_PROTOCOL)


async def test_bodies_over_the_limits_are_refused_whether_declared_or_streamed(partner: Partner) -> None:
    padding = "x" * (64 * 1024)
    refused(partner.post(partner.body(padding=padding)), Refusal.TOO_LARGE)
    assert partner.batch(partner.body(padding=padding)).json["elements"][0]["status"] == 201
    refused(partner.batch(*[partner.body(padding=padding)] * 65), Refusal.TOO_LARGE)
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = f"POST {PATH} HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {partner.token}\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"
    assert b" 413 " in partner.board.raw(head.encode() + chunk * 2 + b"0\r\n\r\n").splitlines()[0]


async def test_a_batch_answers_each_element_in_order_and_stores_the_good_ones(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    one, two = (f"urn:li:jobApplication:{n}" for n in partner.world.applications[:2])
    answer = partner.batch(
        partner.body(jobApplicationId=one),
        partner.body(action="NONSENSE"),
        "no object",
        partner.body(jobApplicationId=one),
        partner.body(jobApplicationId="99"),
        partner.body(jobApplicationId=two, integrationContext="urn:li:organization:67890"),
        partner.body(jobApplicationId=two),
    )
    assert answer.status == 200
    elements = answer.json["elements"]
    assert [element["status"] for element in elements] == [201, 400, 400, 201, 404, 403, 201]
    assert elements[0] == elements[3]
    assert elements[0]["location"] == f"{PATH}/{elements[0]['id']}"
    assert elements[1]["error"]["code"] == "UNKNOWN_ACTION"
    assert await count(pool) == 2


async def test_an_empty_batch_and_one_of_a_thousand_are_taken_and_one_more_is_not(partner: Partner) -> None:
    assert partner.batch().json == {"elements": []}
    bodies = [partner.body(performedAt=milliseconds(NOW) - n) for n in range(1000)]
    assert {element["status"] for element in partner.batch(*bodies).json["elements"]} == {201}
    refused(partner.batch(*bodies, partner.body()), Refusal.TOO_MANY_ELEMENTS, "1001")
    refused(partner.post({"reports": []}, {"x-restli-method": "batch_create"}), Refusal.MALFORMED_BODY, "elements")


async def test_the_same_report_many_times_at_once_gets_one_id_and_is_told_once(
    partner: Partner, pool: AsyncConnectionPool
) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: partner.post(partner.body()), range(64)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.headers["x-restli-id"] for answer in answers}) == 1
    assert (await count(pool), await count(pool, "notice")) == (1, 3)


async def test_the_revision_seed_demands_the_integration_context(
    database_url: str, tmp_path: Path, world: w.World
) -> None:
    with serving(database_url, tmp_path, contract="seed") as board:
        strict = Partner(board, world)
        strict.token = strict.fetch_token().json["access_token"]
        assert strict.post(strict.body()).status == 201
        refused(strict.post(strict.body(integrationContext=None)), Refusal.MISSING_FIELD, "integrationContext")


async def test_more_than_the_queue_holds_is_refused_with_503_and_when_to_come_again(
    database_url: str, tmp_path: Path, world: w.World
) -> None:
    with serving(database_url, tmp_path, queue_limit=1) as board:
        partner = Partner(board, world)
        partner.token = partner.fetch_token().json["access_token"]

        def send(n: int) -> Answer:
            return partner.post(partner.body(performedAt=milliseconds(NOW) - n))

        with ThreadPoolExecutor(24) as threads:
            answers = list(threads.map(send, range(200)))
        overloaded = [answer for answer in answers if answer.status == 503]
        assert overloaded
        for answer in overloaded:
            refused(answer, Refusal.OVERLOADED)
            assert answer.headers["retry-after"] == "1"
        assert {answer.status for answer in answers} == {201, 503}
        assert all(send(n).status == 201 for n in range(3))


async def test_health_and_metrics_tell_what_happened(partner: Partner) -> None:
    partner.post(partner.body())
    partner.post(partner.body(action="NONSENSE"))
    assert partner.board.ask("GET", "/healthz").status == 200
    assert partner.board.ask("GET", "/readyz").json == {"status": "ready"}
    measured = partner.board.ask("GET", "/metrics").body.decode()
    for line in ('unghost_reports_total{code="ACCEPTED"}', 'unghost_reports_total{code="UNKNOWN_ACTION"}'):
        assert line in measured
    assert "unghost_notices_due 1.0" in measured


def _measured(partner: Partner, name: str, *labels: str) -> float:
    """A counter, summed over what its labels leave open."""
    lines = partner.board.ask("GET", "/metrics").body.decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith(f"unghost_{name}_total{{") and all(label in line for label in labels)
    )


async def test_what_a_report_tells_or_withholds_by_being_stored_is_measured(partner: Partner) -> None:
    """Spec R41: a page's notice is told by the commit, and most reasons are known then."""
    viewed = ('action="APPLICATION_VIEWED"', 'place="MY_JOBS"')
    told = _measured(partner, "notices_told", *viewed)
    withheld = _measured(partner, "notices_withheld", *viewed, 'reason="already_told"')
    mails = _measured(partner, "notices_told", 'place="EMAIL"')
    for earlier in (0, 1, 1):
        assert partner.post(partner.body(performedAt=milliseconds(NOW) - earlier)).status == 201
    assert _measured(partner, "notices_told", *viewed) == told + 1
    assert _measured(partner, "notices_withheld", *viewed, 'reason="already_told"') == withheld + 1
    assert _measured(partner, "notices_told", 'place="EMAIL"') == mails, "a mail is told by a dispatcher"
