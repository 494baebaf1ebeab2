"""Sends applications to a webhook as a board does: signed, with a challenge before."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import io
import json
from typing import Any

SECRET = "the child application's secret ü"
MS = 1_795_597_200_000


def payload(number: int, first: str = "Zoë", last: str = "Nguyễn 🦉") -> dict[str, Any]:
    """An application as the wire's documents show it."""
    return {
        "type": "EXPORT_JOB_APPLICATION",
        "jobApplicationId": f"urn:li:jobApplication:{number}",
        "jobApplicant": "urn:li:person:abc",
        "appliedAt": MS,
        "externalJobId": "REQ-7",
        "questionResponses": {
            "contactInformationQuestionResponses": {
                "firstNameAnswer": {"value": first},
                "lastNameAnswer": {"value": last},
                "emailAnswer": {"value": "zoe@people.example"},
                "cellphoneNumberQuestionAnswer": {"countryCode": "49", "nationalNumber": "301234", "extension": "5"},
            },
            "resumeQuestionResponses": {
                "resumeQuestionAnswer": {"mediaUrn": "urn:li:media:1", "mediaUrl": "https://board.example/resume/1"}
            },
        },
    }


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), b"hmacsha256=" + body, hashlib.sha256).hexdigest()


def send(
    port: int, path: str, body: bytes = b"", signature: str | None = None, method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer, which is JSON whatever was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"} | ({"X-LI-Signature": signature} if signature is not None else {})
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "application/json"
    told: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return answer.status, told


def posted(app: Any, body: bytes, secret: str) -> str:
    """The status with which a WSGI application answers, without a server, to a body that is signed by `secret`."""
    told: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/board/12345", "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body), "HTTP_X_LI_SIGNATURE": signed(body, secret),
    }  # fmt: skip
    app(environ, lambda status, headers: told.append(status))
    return told[0]
