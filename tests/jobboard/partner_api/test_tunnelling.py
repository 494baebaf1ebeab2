"""Long queries in the body of a POST, as Rest.li documents it; the router refuses as all else does (spec R4)."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests import world as w
from tests.jobboard.board_server import Answer
from tests.jobboard.partner_api.conftest import Partner, refused
from unghost.wire.refusals import Refusal

pytestmark = pytest.mark.anyio
STATUS, FORM = "/v2/jobPostingStatus", "application/x-www-form-urlencoded"


def ask(partner: Partner, path: str, body: str, kind: str = FORM, verb: str = "GET", **headers: str) -> Answer:
    sent = {"Authorization": f"Bearer {partner.token}", "Content-Type": kind, "X-HTTP-Method-Override": verb} | headers
    return partner.board.ask("POST", path, raw=body.encode(), key=None, headers=sent)


async def test_the_query_may_be_in_the_body(partner: Partner) -> None:
    urn = f"urn:li:jobPosting:{partner.world.jobs[0]}"
    ids = "ids=" + "&ids=".join(quote(each) for each in [urn, *(f"urn:li:jobPosting:{n}" for n in range(9000, 9099))])
    assert list(ask(partner, STATUS, ids).json["results"]) == [urn]
    assert list(ask(partner, f"{STATUS}?ids={urn}", "fields=x", f"{FORM}; charset=UTF-8").json["results"]) == [urn]


async def test_query_and_body_may_be_two_parts(partner: Partner) -> None:
    answer = partner.fetch_token(partner.world.parent_client_id, partner.world.parent_client_secret)
    partner.token = answer.json["access_token"]
    key = {
        "integrationContext": f"urn:li:organization:{w.ORGANIZATION}",
        "integrationType": "APPLY_CONNECT",
        "tenantType": "JOBS",
        "dataProvider": "ATS",
    }
    query = "&".join(f"ids[0].{name}={quote(value)}" for name, value in key.items())
    name = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(key.items()))
    body = json.dumps({"entities": {name: {"patch": {"$set": {"integrationName": "Tern"}}}}})
    both = "\r\n".join(
        ["--b0", f"Content-Type: {FORM}", "", query, "--b0", "Content-Type: application/json", "", body, "--b0--", ""]
    )
    kind = "multipart/mixed; boundary=b0"
    answer = ask(partner, "/v2/atsIntegrations", both, kind, "POST", **{"X-RestLi-Method": "batch_partial_update"})
    assert [each["status"] for each in answer.json["results"].values()] == [204], answer.body
    read = ask(partner, "/v2/atsIntegrations", query)
    assert [each["integrationName"] for each in read.json["results"].values()] == ["Tern"]


@pytest.mark.parametrize(
    ("kind", "body", "verb", "refusal", "said"),
    [
        (FORM, "ids=1", "PATCH", Refusal.WRONG_VERB, "X-HTTP-Method-Override is 'PATCH'"),
        ("application/json", "{}", "GET", Refusal.MALFORMED_BODY, "Content-Type is 'application/json'"),
        ("multipart/mixed; boundary=x", "nothing", "GET", Refusal.MALFORMED_BODY, "want application/x-www-form"),
        ("multipart/mixed", "--x--", "GET", Refusal.MALFORMED_BODY, "want application/x-www-form"),
        (FORM, "ids=Zürich", "GET", Refusal.MALFORMED_BODY, "percent-encode it"),
        (FORM, "x" * (4 * 1024 * 1024 + 1), "GET", Refusal.TOO_LARGE, "send less"),
    ],
)
async def test_what_cannot_be_undone_is_refused(
    partner: Partner, kind: str, body: str, verb: str, refusal: Refusal, said: str
) -> None:
    refused(ask(partner, STATUS, body, kind, verb), refusal, said)


async def test_a_report_is_no_query(partner: Partner) -> None:
    refused(ask(partner, "/v2/jobApplicationLifecycleActions", "x=1"), Refusal.WRONG_VERB)


@pytest.mark.parametrize(("path", "status"), [("/v2/nothing", 404), ("/rest/nothing/1", 404), (STATUS, 405)])
@pytest.mark.parametrize(
    ("protocol", "header"), [("2.0.0", "x-restli-error-response"), ("1.0.0", "x-linkedin-error-response")]
)
async def test_what_no_route_answers_is_refused_in_the_same_form(
    partner: Partner, path: str, status: int, protocol: str, header: str
) -> None:
    """spec R4"""
    headers = {"X-RestLi-Protocol-Version": protocol}
    answer = partner.board.ask("PUT", path, raw=b"{}", key=None, headers=headers)
    assert (answer.status, answer.headers[header]) == (status, "true")
    assert answer.headers["x-restli-protocol-version"] == protocol


async def test_allow_names_every_verb_that_a_path_answers(partner: Partner) -> None:
    answer = partner.board.ask("PUT", "/v2/provisionedApplications", raw=b"{}", key=None)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")
