"""Rest.li as far as this wire needs it: methods, protocol versions, the headers and bodies of answers (spec R3-R5, R7).

Pure. Source: Rest.li's protocol text, and what LinkedIn's own clients send (linkedin-contract.md, section 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from unghost.wire.refusals import Refusal, Refused, shown

RESOURCE = "jobApplicationLifecycleActions"
#: The resource answers under both, /rest/ with any LinkedIn-Version (spec R5).
PATHS = (f"/v2/{RESOURCE}", f"/rest/{RESOURCE}")

SINGLE_LIMIT, BATCH_LIMIT = 64 * 1024, 4 * 1024 * 1024
"""Largest body in bytes of a create and of a batch_create (spec R6)."""
ELEMENTS_LIMIT = 1000
"""Most elements of one batch_create (spec R7)."""

CREATE, BATCH_CREATE = "CREATE", "BATCH_CREATE"
_V1, _V2 = "1.0.0", "2.0.0"
LATEST = _V2
"""The protocol version in which a request of an unknown one is answered."""


class Created(Struct, frozen=True):
    """A stored action's id, as the wire gives it: decimal digits, so it never begins with `(` or `List(`."""

    id: int


Answer = Created | Refused


def protocol(given: str | None) -> str | Refused:
    """The protocol version of a request: absent means 1.0.0."""
    if given is None or given in (_V1, _V2):
        return given or _V1
    return Refused(
        Refusal.WRONG_PROTOCOL, f"X-RestLi-Protocol-Version is {shown(given)}; want {_V1} or {_V2}, or leave it out"
    )


def method(given: str | None) -> str | Refused:
    """The Rest.li method of a POST to the resource: absent means create, any case."""
    name = (given or CREATE).strip().upper()
    if name in (CREATE, BATCH_CREATE):
        return name
    return Refused(
        Refusal.WRONG_METHOD, f"X-RestLi-Method is {shown(given)}; this resource takes create or batch_create"
    )


def one_of(given: str | None, methods: tuple[str, ...]) -> str | Refused:
    """The Rest.li method of a request: one of these, in any case; absent means the first."""
    name = (given or methods[0]).strip().upper()
    if name in methods:
        return name
    known = " or ".join(each.lower() for each in methods)
    return Refused(Refusal.WRONG_METHOD, f"X-RestLi-Method is {shown(given)}; this resource takes {known}")


def error_header(protocol: str) -> str:
    """The header that marks an error response in this protocol version."""
    return "X-RestLi-Error-Response" if protocol == _V2 else "X-LinkedIn-Error-Response"


def location(path: str, id: int) -> str:
    """Where the created entity stands."""
    return f"{path}/{id}"


def element(path: str, answer: Answer) -> dict[str, Any]:
    """One element's answer inside a batch_create (Rest.li CreateStatus)."""
    if isinstance(answer, Created):
        return {"status": 201, "id": str(answer.id), "location": location(path, answer.id)}
    return {"status": answer.status, "error": answer.body()}


def elements(body: object) -> Sequence[object] | Refused:
    """The elements of a batch_create's body."""
    given = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(given, list):
        return Refused(Refusal.MALFORMED_BODY, 'elements is not an array; want {"elements": [report, …]}')
    if len(given) > ELEMENTS_LIMIT:
        return Refused(
            Refusal.TOO_MANY_ELEMENTS, f"elements has {len(given)} reports; want at most {ELEMENTS_LIMIT} in one batch"
        )
    return given


def bearer(authorization: str | None) -> str | Refused:
    """The token of an Authorization header; blanks around it are nothing (the Postman collection sends two)."""
    if authorization is None or not authorization.strip():
        return Refused(
            Refusal.MISSING_TOKEN, "Empty oauth2_access_token: send the header Authorization: Bearer <token>"
        )
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        return Refused(Refusal.MISSING_TOKEN, f"Authorization has the scheme {shown(scheme)}; want Bearer <token>")
    if not token.strip():
        return Refused(Refusal.MISSING_TOKEN, "Empty oauth2_access_token: nothing follows Bearer in Authorization")
    return token.strip()
