"""THE TABLE of refusals: every way the wire says no, its status, code, and whether trying again helps (spec R4).

The job board writes its answers from it; the ATS end reads what it gets by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Row:
    """One row: HTTP status, our stable number (`serviceErrorCode`), its meaning, and does the same call later help?"""

    status: int
    number: int
    meaning: str
    again: bool = False


class Refusal(Enum):
    """Every refusal by its name, which is the `code` on the wire."""

    MISSING_TOKEN = Row(401, 65604, "no access token was sent, or it was empty")
    INVALID_TOKEN = Row(401, 65600, "the access token is not one of this board's")
    REVOKED_TOKEN = Row(401, 65601, "the access token or its application was revoked")
    EXPIRED_TOKEN = Row(401, 65602, "the access token has expired: fetch a new one", again=True)
    NOT_A_CHILD_APPLICATION = Row(403, 100, "the token is the partner's own, or its child application has no customer")
    OTHER_CUSTOMER = Row(403, 101, "the child application does not belong to the customer that was named")
    NOT_A_PARTNER = Row(403, 102, "the token is a child application's; the resource is for the partner's own")
    UNKNOWN_APPLICATION = Row(404, 110, "there is no such application for this customer")
    UNKNOWN_PATH = Row(404, 111, "there is nothing at this address")
    UNKNOWN_REPORT = Row(404, 112, "this child application made no such report")
    UNKNOWN_CHILD = Row(404, 113, "this partner has no such child application")
    UNKNOWN_JOB = Row(404, 114, "this customer has no such job")
    UNKNOWN_TASK = Row(404, 115, "this child application was given no such task")
    WRONG_VERB = Row(405, 120, "the resource does not answer this HTTP method")
    WRONG_METHOD = Row(400, 121, "the Rest.li method does not fit the resource")
    WRONG_PROTOCOL = Row(400, 122, "the Rest.li protocol version is not known")
    BAD_KEY = Row(400, 123, "the query does not name the keys as Rest.li does")
    MALFORMED_BODY = Row(400, 130, "the body is not the JSON that the method wants")
    TOO_LARGE = Row(413, 131, "the body is too large")
    TOO_MANY_ELEMENTS = Row(400, 132, "the batch has too many elements")
    MISSING_FIELD = Row(400, 140, "a required field is missing")
    WRONG_TYPE = Row(400, 141, "a field has the wrong type")
    BAD_URN = Row(400, 142, "a URN is not of the wanted form")
    UNKNOWN_ACTION = Row(400, 143, "the action is not one that may be reported")
    BAD_TIME = Row(400, 144, "performedAt, or another time, is not a possible one")
    BAD_VALUE = Row(400, 145, "a field's value is not one that is wanted")
    ALREADY_PROVISIONED = Row(409, 180, "the partner has a child application of this uniqueForeignId")
    TOO_MANY_CALLS = Row(429, 150, "the child application's limit is used up", again=True)
    OVERLOADED = Row(503, 160, "more reports are waiting than can be taken in", again=True)
    UNAVAILABLE = Row(503, 161, "the job board cannot reach its database", again=True)
    INTERNAL = Row(500, 170, "the job board met an error of its own", again=True)


class Refused(Struct, frozen=True):
    """A refusal with the sentence that names the field, what was got and what is wanted.

    `seconds`: after how many the same call may succeed (`Retry-After`); None: as its status says.
    """

    refusal: Refusal
    message: str
    seconds: int | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.refusal.value.status

    def body(self) -> dict[str, Any]:
        """The error body as LinkedIn shapes it (spec R4)."""
        row = self.refusal.value
        return {
            "status": row.status,
            "serviceErrorCode": row.number,
            "code": self.refusal.name,
            "message": self.message,
        }


def shown(value: object) -> str:
    """A value as a message may show it: ASCII, on one line, cut at 60 characters."""
    if isinstance(value, int) and abs(value) >= 10**60:
        return "a number of over 60 digits"
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def kind(value: object) -> str:
    """What sort of JSON a value is, for a message."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
