"""The webhook by which a board delivers applications: its challenge, its signature, its answers (spec R32). Pure.

Both are HMACs under the client secret of the customer's child application. Must not know what is stored.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import parse_qs

from unghost.wire.webhook import response, sign

#: The largest body that is read: a long cover letter and many answers are far below.
MOST_BYTES = 4 << 20
_LONGEST_CODE = 512


class Problem(StrEnum):
    """What `errorCode` says when an application is not taken. Everything but 200 makes the board send it again."""

    CUSTOMER_UNKNOWN = "CUSTOMER_UNKNOWN"
    METHOD_UNKNOWN = "METHOD_UNKNOWN"
    CHALLENGE_INVALID = "CHALLENGE_INVALID"
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    APPLICATION_INVALID = "APPLICATION_INVALID"
    NOT_STORED = "NOT_STORED"
    SECRET_UNREADABLE = "SECRET_UNREADABLE"  # noqa: S105


_STATUS = {
    Problem.CUSTOMER_UNKNOWN: HTTPStatus.NOT_FOUND,
    Problem.METHOD_UNKNOWN: HTTPStatus.METHOD_NOT_ALLOWED,
    Problem.CHALLENGE_INVALID: HTTPStatus.BAD_REQUEST,
    Problem.SIGNATURE_MISSING: HTTPStatus.UNAUTHORIZED,
    Problem.SIGNATURE_INVALID: HTTPStatus.UNAUTHORIZED,
    Problem.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Problem.APPLICATION_INVALID: HTTPStatus.BAD_REQUEST,
    Problem.NOT_STORED: HTTPStatus.INTERNAL_SERVER_ERROR,
    Problem.SECRET_UNREADABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; its body is JSON."""

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def all_headers(self) -> list[tuple[str, str]]:
        """Every header, for whichever framework answers."""
        return [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            *self.headers,
        ]


TAKEN = Answer(HTTPStatus.OK, b"{}")


def refused(problem: Problem, detail: str) -> Answer:
    """The answer that says why an application is not taken, in the two fields that the wire has for it."""
    body = json.dumps({"errorCode": problem, "additionalErrorDetails": detail}).encode()
    headers = (("Allow", "GET, POST"),) if problem is Problem.METHOD_UNKNOWN else ()
    return Answer(_STATUS[problem], body, headers)


def addressee(path: str) -> tuple[str, int] | None:
    """Destination and organisation, the last two parts of the URL's path, wherever the view is mounted."""
    parts = path.rstrip("/").split("/")
    if len(parts) < 2 or not parts[-2]:
        return None
    destination, organization = parts[-2:]
    is_number = organization.isascii() and organization.isdigit() and len(organization) <= 18
    # No database compares a text that holds a NUL or half a surrogate pair.
    if not is_number or "\0" in destination or any("\ud800" <= each <= "\udfff" for each in destination):
        return None
    return destination, int(organization)


def challenge(query: str, secret: str) -> Answer:
    """The answer to a validation request, `?challengeCode=…&applicationId=…`: the code with its HMAC."""
    try:
        codes = parse_qs(query, max_num_fields=16).get("challengeCode", [])
    except ValueError:
        codes = []
    if len(codes) != 1 or not codes[0].isascii() or len(codes[0]) > _LONGEST_CODE:
        return refused(Problem.CHALLENGE_INVALID, "challengeCode is missing: give it once in the query, in ASCII")
    said = {"challengeCode": codes[0], "challengeResponse": response(secret, codes[0])}
    return Answer(HTTPStatus.OK, json.dumps(said).encode())


def is_signed(body: bytes, given: str, secret: str) -> bool:
    """Whether the signature fits the body as it came or, as another page of the documents wants it, escaped."""
    header = given.strip().lower().encode(errors="replace")
    # Every form is tried, so that the time tells nothing.
    return max([hmac.compare_digest(sign(secret, form).encode(), header) for form in _forms(body)])


def _forms(body: bytes) -> list[bytes]:
    """The body; and with each character beyond ASCII written as an escape, in small and in capital digits."""
    forms = [body]
    if not body.isascii():
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return forms
        forms += [_escaped(text, "04x"), _escaped(text, "04X")]
    return forms


def _escaped(text: str, digits: str) -> bytes:
    def units(character: str) -> str:
        pair = character.encode("utf-16-be")
        return "".join(f"\\u{pair[at] << 8 | pair[at + 1]:{digits}}" for at in range(0, len(pair), 2))

    return "".join(each if each.isascii() else units(each) for each in text).encode()
