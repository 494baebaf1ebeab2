"""Real clients against the demo: LinkedIn's own for Python, and requests as its others send them (spec R5-R8)."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import linkedin_api.common.constants as linkedin
import pytest
import trustme
from linkedin_api.clients.auth.client import AuthClient
from linkedin_api.clients.restli.client import RestliClient

from tests.journeys.playing import LIFECYCLE, Demo, milliseconds, unghost
from tests.journeys.playing import demo as run_demo


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """A certificate authority of the tests' own, and its certificate in a file."""
    authority, path = trustme.CA(), tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return authority, path


@pytest.fixture(scope="module")
def tls_demo(tmp_path_factory: pytest.TempPathFactory, authority: tuple[trustme.CA, Path]) -> Iterator[Demo]:
    """A demo that serves https."""
    folder = tmp_path_factory.mktemp("tls")
    issued = authority[0].issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for part in issued.cert_chain_pems:
        part.write_to_path(str(folder / "cert.pem"), append=True)
    options = ("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"))
    with run_demo(folder, *options, verify=str(authority[1])) as running:
        yield running


@pytest.fixture(params=["http", "https"])
def board(request: pytest.FixtureRequest) -> Demo:
    """The demo, in clear and by TLS."""
    running: Demo = request.getfixturevalue("demo" if request.param == "http" else "tls_demo")
    return running


@pytest.fixture
def client(board: Demo, monkeypatch: pytest.MonkeyPatch) -> RestliClient:
    """LinkedIn's own client, unchanged but for its base URLs."""
    monkeypatch.setattr(linkedin, "OAUTH_BASE_URL", f"{board.base_url}/oauth/v2")
    monkeypatch.setattr(linkedin, "NON_VERSIONED_BASE_URL", f"{board.base_url}/v2")
    monkeypatch.setattr(linkedin, "VERSIONED_BASE_URL", f"{board.base_url}/rest")
    client = RestliClient()
    client.session.verify = board.verify
    return client


@pytest.fixture
def token(board: Demo, client: RestliClient) -> str:
    """A token fetched by LinkedIn's own client."""
    auth = AuthClient(client_id=board.line["client_id"], client_secret=board.line["client_secret"])
    auth.session.verify = board.verify
    answer = auth.get_two_legged_access_token()
    assert (answer.status_code, answer.expires_in) == (200, 1800)
    return str(answer.access_token)


def entity(application: str, action: str = "APPLICATION_VIEWED", **more: object) -> dict[str, object]:
    return {"jobApplicationId": application, "action": action, "performedAt": milliseconds(), **more}


@pytest.mark.parametrize("version", [None, "202603"])
def test_linkedins_python_client_creates_a_report(
    board: Demo, client: RestliClient, token: str, version: str | None
) -> None:
    applied = board.applied()
    sent = entity(applied.urn, integrationContext=board.line["organization"])
    resource = "/jobApplicationLifecycleActions"
    answer = client.create(resource_path=resource, entity=sent, access_token=token, version_string=version)
    assert answer.status_code == 201
    assert answer.entity_id == answer.decoded_entity_id and str(answer.entity_id).isdigit()
    assert board.mail(applied.email, "viewed")


def test_linkedins_python_client_creates_a_batch_in_which_one_is_wrong(
    board: Demo, client: RestliClient, token: str
) -> None:
    applied = board.applied()
    reports = [entity(applied.urn), entity("urn:li:jobApplication:1"), entity(applied.urn, "RESUME_DOWNLOADED")]
    answer = client.batch_create(resource_path="/jobApplicationLifecycleActions", entities=reports, access_token=token)
    assert answer.status_code == 200
    assert [element.status for element in answer.elements] == [201, 404, 201]
    assert answer.elements[1].error["code"]
    assert applied.pages()[0] == ["Submitted", "Viewed", "Résumé downloaded"]


def test_linkedins_python_client_is_told_of_a_refusal(client: RestliClient, token: str) -> None:
    sent = entity("urn:li:jobApplication:12345678", "APPLICATION_ADMIRED")
    answer = client.create(resource_path="/jobApplicationLifecycleActions", entity=sent, access_token=token)
    assert answer.status_code == 400
    assert "APPLICATION_ADMIRED" in answer.response.json()["message"]


def raw(board: Demo, path: str, body: str, headers: list[tuple[str, str]]) -> tuple[int, dict[str, str], bytes]:
    """A request with exactly these headers, in this order and spelling."""
    parts = urlsplit(board.base_url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=str(board.verify))
        connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=10)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    content = body.encode()
    connection.putrequest("POST", path, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content)
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, read


def test_the_java_sdks_request_is_taken(board: Demo) -> None:
    """JSON called a form, no protocol version, its own Accept (linkedin-contract.md 2.6)."""
    applied = board.applied()
    status, headers, body = raw(
        board,
        LIFECYCLE,
        json.dumps(entity(applied.urn)),
        [
            ("x-restli-method", "create"),
            ("Authorization", f"Bearer {board.token()}"),
            ("X-External-User", board.line["client_id"]),
            ("X-External-App", "talent-solutions-sdk-java"),
            ("Content-type", "application/x-www-form-urlencoded"),
            ("User-Agent", "Java/17.0.9"),
            ("Accept", "text/html, image/gif, image/jpeg, */*; q=0.2"),
            ("Connection", "keep-alive"),
        ],
    )
    assert (status, body) == (201, b"")
    assert headers["x-restli-protocol-version"] == "1.0.0"
    assert board.mail(applied.email, "viewed")


def test_the_java_sdk_may_send_the_same_eight_times(board: Demo) -> None:  # spec R8
    applied = board.applied()
    body = json.dumps(entity(applied.urn))
    headers = [("x-restli-method", "create"), ("Authorization", f"Bearer {board.token()}")]
    answers = [raw(board, LIFECYCLE, body, headers) for _ in range(8)]
    assert {status for status, _, _ in answers} == {201}
    assert len({headers["x-restli-id"] for _, headers, _ in answers}) == 1


def test_the_java_sdks_token_request_is_answered(board: Demo) -> None:
    form = "grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}".format(**board.line)
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    status, _, body = raw(board, "/oauth/v2/accessToken", form, headers)
    assert status == 200
    assert set(json.loads(body)) >= {"access_token", "expires_in"}


POSTMAN = [
    ("X-RestLi-Method", "create"),
    ("X-RestLi-Protocol-Version", "2.0.0"),
    ("Content-Type", "application/json"),
    ("User-Agent", "PostmanRuntime/7.43.0"),
    ("Accept", "*/*"),
    ("Postman-Token", "6f1a3d2e-0000-4000-8000-000000000000"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Connection", "keep-alive"),
]


def test_the_postman_collections_request_is_taken(board: Demo) -> None:
    """`performedAt` is `{{$timestamp}}000`; the token comes after two spaces (linkedin-contract.md 2.8)."""
    applied = board.applied()
    seconds = milliseconds() // 1000
    body = f"""{{
    "jobApplicationId": "{applied.urn}",
    "action": "RESUME_DOWNLOADED",
    "performedAt": {seconds}000,
    "integrationContext": "{board.line["organization"]}"
}}"""
    status, headers, _ = raw(board, LIFECYCLE, body, [*POSTMAN, ("Authorization", f"Bearer  {board.token()}")])
    assert status == 201
    assert headers["x-restli-protocol-version"] == "2.0.0"
    assert applied.pages()[1] == ["Submitted", "Résumé downloaded"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"jobApplicationId": "urn:li:jobApplication:urn:li:jobApplication:12345678"}, "stands there twice"),
        ({"integrationContext": "12345"}, "want urn:li:organization:N"),
        ({"integrationContext": "urn:li:organization:urn:li:organization:12345"}, "stands there twice"),
    ],
)
def test_the_postman_collections_likely_slips_are_named(board: Demo, wrong: dict[str, str], named: str) -> None:
    body = json.dumps(entity("urn:li:jobApplication:12345678") | wrong)
    status, headers, answer = raw(board, LIFECYCLE, body, [*POSTMAN, ("Authorization", f"Bearer {board.token()}")])
    assert status == 400
    assert headers["x-restli-error-response"] == "true"
    assert named in json.loads(answer)["message"]


def test_unghost_report_reports_and_says_what_came_of_it(board: Demo, authority: tuple[trustme.CA, Path]) -> None:
    applied = board.applied()
    where = ("--base-url", board.base_url, "--ca-file", str(authority[1]))
    client = {
        "UNGHOST_REPORT_CLIENT_ID": board.line["client_id"],
        "UNGHOST_REPORT_CLIENT_SECRET": board.line["client_secret"],
    }
    taken = unghost("report", applied.urn, "APPLICATION_VIEWED", *where, **client)
    assert (taken.returncode, taken.stderr) == (0, "")
    assert taken.stdout.startswith("201 taken, id ")
    refused = unghost("report", "1", "APPLICATION_VIEWED", *where, "--token", board.token())
    assert refused.returncode == 1
    assert refused.stdout.startswith("404 refused: jobApplicationId is 1;")
    unknown = unghost("report", "1", "APPLICATION_VIEWED", *where, "--token", "nobody's")
    assert unknown.stdout.startswith("401 refused: ")
