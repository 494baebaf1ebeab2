"""Malformed bodies, headers and tokens on the wire: never a 500, every refusal JSON of the right shape (spec R6)."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator

import psycopg
import pytest

from tests.jobboard.board_server import KEY, Board
from unghost.jobboard.store.access import hashed

SEED = 20261123
ROUNDS = 5000

REPORT = (
    b'{"jobApplicationId":"urn:li:jobApplication:12345678","action":"APPLICATION_VIEWED",'
    b'"performedAt":1604600000017,"integrationContext":"urn:li:organization:12345"}'
)
CHILD = (
    b'{"uniqueForeignId":"c-1","name":"Test ATS - N","description":"d","oauth2AuthorizedCallbackUrls":["https://a.example"],'
    b'"validJsSdkDomains":["http://localhost:5000"]}'
)
IDS = (
    "ids[0].integrationContext=urn:li:organization:12345&ids[0].integrationType=APPLY_CONNECT&ids[0].tenantType=JOBS"
    "&ids[0].dataProvider=ATS"
)
NAMES = (
    b'{"entities":{"integrationContext=urn:li:organization:12345&integrationType=APPLY_CONNECT&tenantType=JOBS'
    b'&dataProvider=ATS":{"patch":{"$set":{"integrationName":"N"}}}}}'
)
JOB = (
    b'{"elements":[{"externalJobPostingId":"j-1","jobPostingOperationType":"UPDATE","title":"T","description":"<p>d</p>",'
    b'"listedAt":1604600000017,"location":"Kiel","companyApplyUrl":"https://a.example/7",'
    b'"integrationContext":"urn:li:organization:12345","onsiteApplyConfiguration":'
    b'{"jobApplicationWebhookUrl":"https://a.example/in"}},{"externalJobPostingId":"j-2","title":"T"}]}'
)
#: What only the partner's own token may ask.
OF_PARTNERS = ("/v2/provisionedApplications", "/v2/atsIntegrations")
TARGETS = [
    ("POST", "/v2/jobApplicationLifecycleActions", REPORT),
    ("POST", "/rest/jobApplicationLifecycleActions/", b'{"elements":[' + REPORT + b"]}"),
    ("POST", "/oauth/v2/accessToken", b"grant_type=client_credentials&client_id=c&client_secret=s"),
    ("POST", "/oauth/v2/introspectToken", b"client_id=c&client_secret=s&token=t"),
    ("POST", "/oauth/v2/revokeToken", b"client_id=c&client_secret=s&token=t"),
    ("PUT", "/board/v1/customers/12345", b'{"name":"N","admins":["a@example.com"],"holds":{"APPLICATION_REJECTED":1}}'),
    ("PUT", "/board/v1/jobs/12345/j-1", b'{"title":"T","description":"d","listedAt":1604600000017,"closed":false}'),
    ("PUT", "/board/v1/applicants/m-1", b'{"email":"m@example.com","name":"M","language":"de","timeZone":"UTC"}'),
    ("POST", "/board/v1/applications", b'{"job":{"organization":"12345","externalId":"j-1"},"applicant":"m-1"}'),
    ("GET", "/board/v1/applications/12345678", b""),
    ("POST", "/v2/provisionedApplications/", CHILD),
    ("GET", "/v2/provisionedApplications?q=credentialsByUniqueForeignId&uniqueForeignId=c-1", b""),
    ("POST", "/v2/provisionedApplications/urn:li:developerApplication:2", b'{"patch":{"$set":' + CHILD + b"}}"),
    ("POST", f"/v2/atsIntegrations?{IDS}", NAMES),
    ("GET", f"/v2/atsIntegrations?{IDS}", b""),
    ("GET", "/v2/atsIntegrations?ids=List((integrationContext:urn%3Ali%3Aorganization%3A12345,tenantType:JOBS))", b""),
    ("POST", "/rest/simpleJobPostings", JOB),
    ("GET", "/rest/simpleJobPostingTasks?ids=urn:li:simpleJobPostingTask:3fa85f64-5717-4562-b3fc-2c963f66afa6", b""),
    ("GET", "/v2/jobPostingStatus?ids=List(urn%3Ali%3AjobPosting%3A1001,x)", b""),
    ("POST", "/board/v1/suppressions", b'{"email":"m@example.com","reason":"complaint"}'),
]
#: What breaks readers of text: NULs, surrogates, numbers beyond every type, deep nesting, other encodings.
SCRAPS = [
    b"\x00", b"\\u0000", b"\\ud800", b"\xff\xfe", b"\xed\xa0\x80", b"9" * 25, b"9" * 5000, b"-1", b"1e999", b"NaN",
    b"null", b"true", b"[" * 3000, b'{"a":' * 3000, b'"', b"{}", b"[]", b"%00", b"%ff", b"%", b"&&==", b"\xef\xbb\xbf",
    b"\n", b"urn:li:organization:", b"\xd9\xa1", b"+", b" ",
]  # fmt: skip
HEADERS = [
    "Content-Type: application/json",
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Type: text/plain; charset=utf-16",
    "Content-Type: multipart/form-data",
    "X-RestLi-Method: CREATE",
    "X-RestLi-Method: batch_create",
    "X-RestLi-Method: \xff\xfe",
    "X-RestLi-Protocol-Version: 2.0.0",
    "X-RestLi-Protocol-Version: 9" + "9" * 300,
    "LinkedIn-Version: \t",
    "Accept: text/html",
    "Content-Encoding: gzip",
    "X-HTTP-Method-Override: GET",
    "Accept-Language: \xfc, *;q=x",
    "Cookie: session=\xff; ;;=",
    "X-Forwarded-For: \x7f",
]


@pytest.fixture
def token(board: Board, database_url: str) -> str:
    """A token of the child application in whose customer's name the examples speak; what they speak of is there."""
    board.ask("PUT", "/board/v1/customers/12345", {"name": "N"})
    board.ask("PUT", "/board/v1/jobs/12345/j-1", {"title": "T"})
    board.ask("PUT", "/board/v1/applicants/m-1", {"email": "m@example.com", "name": "M"})
    application = {
        "job": {"organization": "12345", "externalId": "j-1"},
        "applicant": "m-1",
        "submittedAt": 1604600000017,
    }
    assert board.ask("POST", "/board/v1/applications", application | {"jobApplicationId": "12345678"}).status == 201
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """WITH parent AS (
                INSERT INTO jobboard.oauth_application (name, client_id, secret_hash, created_at)
                VALUES ('p', 'p', '', now()) RETURNING id
            ), child AS (
                INSERT INTO jobboard.oauth_application
                    (name, client_id, secret_hash, created_at, parent_id, organization)
                SELECT 'c', 'c', sha256('s'), now(), id, 12345 FROM parent RETURNING id
            )
            INSERT INTO jobboard.access_token
                SELECT %s, id, now(), now() + interval '1 day' FROM child
                UNION ALL SELECT %s, id, now(), now() + interval '1 day' FROM parent""",
            (hashed("token"), hashed("partner")),
        )
    return "token"


def _body(dice: random.Random, body: bytes) -> bytes:
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        at = dice.randrange(len(body) + 1)
        match dice.randrange(5):
            case 0:
                body = body[:at]
            case 1:
                body = body[:at] + dice.choice(SCRAPS) + body[at:]
            case 2:
                body = body[:at] + dice.randbytes(dice.randrange(1, 4)) + body[at + 1 :]
            case 3:
                end = dice.randrange(at, len(body) + 1)
                body = body[:at] + dice.choice(SCRAPS) + body[end:]
            case _:
                body += body[at:]
    return body


def _authorization(dice: random.Random, token: str, path: str) -> list[bytes]:
    own = "partner" if path.startswith(OF_PARTNERS) else token
    right = [f"Bearer {KEY}".encode() if path.startswith("/board/") else f"bearer   {own}".encode()] * 20
    wrong = (
        b"",
        b"Bearer",
        b"Bearer \xff\xfe",
        b"Basic !!!",
        b"Basic YzpzAA==",
        b"Basic Y2NjY2M=",
        b"Bearer " + b"x" * 4000,
    )
    given = dice.choice((*right, *wrong, b"Basic Yzpz", None))
    return [] if given is None else [b"Authorization: " + given]


def _requests(token: str) -> Iterator[bytes]:
    dice = random.Random(SEED)  # the same dice each time
    for _ in range(ROUNDS):
        method, path, body = dice.choice(TARGETS)
        body = _body(dice, body)
        if dice.random() < 0.15:
            method = dice.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"))
        target = path.encode()
        if dice.random() < 0.3:
            scrap = dice.choice(
                (b"%00", b"%0A", b"%FF", b"%2F", b"/", b"//", b"?", b"?x=%00", b"%", b"%zz", b"..", b";", b"%D9%A1")
            )
            at = dice.randrange(1, len(target) + 1)
            target = target[:at] + scrap + target[at:]
        headers = _authorization(dice, token, path) + [
            header.encode("latin-1") for header in dice.sample(HEADERS, dice.randrange(4))
        ]
        if "simpleJobPostings" in path and dice.random() < 0.8:
            headers = [b"X-RestLi-Method: batch_create", *(h for h in headers if not h.startswith(b"X-RestLi-Method"))]
        length = len(body) if dice.random() < 0.95 else dice.choice((0, len(body) // 2))
        head = [b"%s %s HTTP/1.1" % (method.encode(), target), b"Host: board", b"Connection: close"]
        yield b"\r\n".join([*head, *headers, b"Content-Length: %d" % length, b"", body[:length]])


def _checked(sent: bytes, answer: bytes) -> int | None:
    """The status, once the answer is seen to be what it should be. None: the server's parser closed the line."""
    if not answer:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    assert status < 500, (sent[:2000], answer[:500])
    if status < 400 or sent.startswith(b"HEAD "):
        return status
    if body == b"Invalid HTTP request received.":
        return status
    path = sent.split(b" ")[1]
    if not path.startswith((b"/v2/", b"/rest/", b"/oauth/", b"/board/")):
        return status
    shown = json.loads(body)
    if "error" in shown:
        assert set(shown) == {"error", "error_description"}, (sent[:500], shown)
    else:
        assert shown["status"] == status, (sent[:500], shown)
        assert isinstance(shown["code"], str), (sent[:500], shown)
        assert 10 < len(shown["message"]) < 600, (sent[:500], shown)
    return status


def test_no_malformed_request_causes_a_500_or_an_answer_of_another_shape(
    board: Board, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    statuses: dict[int | None, int] = {}
    with caplog.at_level(logging.ERROR):
        for sent in _requests(token):
            status = _checked(sent, board.raw(sent))
            statuses[status] = statuses.get(status, 0) + 1
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert {200, 201, 204, 400, 401, 404, 405, 409, 413} <= set(statuses), statuses
    assert statuses.get(None, 0) < ROUNDS / 10, statuses
    assert board.ask("GET", "/readyz").status == 200


def test_a_caller_who_goes_away_in_the_middle_of_a_body_leaves_no_error(
    board: Board, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for method, path, body in TARGETS:
            if body:
                key = KEY if path.startswith("/board/") else token
                head = f"{method} {path} HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer {key}\r\n"
                board.raw(head.encode() + b"Content-Length: 500\r\n\r\n" + body[:20], go_away=True)
        assert board.ask("GET", "/readyz").status == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
