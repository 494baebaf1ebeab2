"""How applications cross the line: the message, its signature, and the challenge of a webhook (spec R28, R32).

Pure. The JSON is ASCII only, so that the raw and the escaped form that receivers may hash are the same bytes.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from unghost.wire import urn

#: The header that holds the signature: the digest alone. What is hashed begins with a prefix that is not sent.
SIGNATURE = "X-LI-Signature"
_PREFIX = b"hmacsha256="

EXPORT = "EXPORT_JOB_APPLICATION"
#: How long an ATS may think about a challenge, in seconds.
CHALLENGE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Resume:
    """A résumé by reference: `url` gives it to whoever asks in time."""

    application: int
    url: str


def message(
    *,
    application: int,
    applicant: int,
    name: str,
    email: str,
    applied_at_ms: int,
    external_job_id: str,
    resume: Resume | None,
) -> dict[str, Any]:
    """An application as the ATS gets it. The board knows a whole name: its last word is given as the last name."""
    first, _, last = name.rpartition(" ")
    if not first:
        first, last = last, ""
    responses: dict[str, Any] = {
        "contactInformationQuestionResponses": {
            "firstNameAnswer": {"value": first},
            "lastNameAnswer": {"value": last},
            "emailAnswer": {"value": email},
        }
    }
    if resume is not None:
        responses["resumeQuestionResponses"] = {
            "resumeQuestionAnswer": {
                "mediaUrn": f"urn:li:digitalmediaAsset:resume-{resume.application}",
                "mediaUrl": resume.url,
            }
        }
    return {
        "type": EXPORT,
        "jobApplicationId": urn.write(urn.JOB_APPLICATION, application),
        "jobApplicant": urn.write(urn.PERSON, applicant),
        "appliedAt": applied_at_ms,
        "externalJobId": external_job_id,
        "questionResponses": responses,
    }


def encode(given: dict[str, Any]) -> bytes:
    """JSON with every character beyond ASCII as an escape."""
    return json.dumps(given, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def sign(secret: str, body: bytes) -> str:
    """The signature of a body under a client secret."""
    return hmac.digest(secret.encode(), _PREFIX + body, sha256).hex()


def response(secret: str, code: str) -> str:
    """What answers a challenge."""
    return hmac.digest(secret.encode(), code.encode(), sha256).hex()


def challenge_url(url: str, code: str, oauth_application: int) -> str:
    """Where a webhook is challenged: its URL with the code and the developer application's id."""
    parts = urlsplit(url)
    asked = urlencode({"challengeCode": code, "applicationId": oauth_application})
    return urlunsplit(parts._replace(query=f"{parts.query}&{asked}" if parts.query else asked))


def answers(body: bytes, secret: str, code: str) -> bool:
    """Is this body the right answer to a challenge under this secret?"""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(given, dict) or given.get("challengeCode") != code:
        return False
    said = given.get("challengeResponse")
    return isinstance(said, str) and hmac.compare_digest(said.encode(errors="replace"), response(secret, code).encode())
