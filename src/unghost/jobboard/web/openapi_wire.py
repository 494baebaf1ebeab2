"""The OpenAPI description of what partners call: the lifecycle actions, and the shapes of the wire.

Actions come from the policy, statuses from the table of refusals, limits from wire/: nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unghost.jobboard.rules.policy import Policy, reportable
from unghost.wire import restli
from unghost.wire.refusals import Refusal

Json = dict[str, Any]

#: The refusals that a report is never answered with; those of other calls, and our own errors.
NOT_OF_REPORTS = {
    Refusal.UNKNOWN_PATH,
    Refusal.UNKNOWN_REPORT,
    Refusal.NOT_A_PARTNER,
    Refusal.UNKNOWN_CHILD,
    Refusal.UNKNOWN_JOB,
    Refusal.UNKNOWN_TASK,
    Refusal.BAD_KEY,
    Refusal.BAD_VALUE,
    Refusal.ALREADY_PROVISIONED,
    Refusal.INTERNAL,
}
#: The refusals of a DELETE.
_OF_WITHDRAWAL = (
    Refusal.WRONG_PROTOCOL,
    Refusal.MISSING_TOKEN,
    Refusal.INVALID_TOKEN,
    Refusal.REVOKED_TOKEN,
    Refusal.EXPIRED_TOKEN,
    Refusal.NOT_A_CHILD_APPLICATION,
    Refusal.UNKNOWN_REPORT,
    Refusal.UNAVAILABLE,
)
_NUMBER = "[1-9][0-9]{0,18}"
#: create or batch_create in any case, as a pattern: JSON Schema has no flags.
_ANY_CASE = {word: "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) for word in ("create", "batch_")}
_METHOD = f"^({_ANY_CASE['batch_']})?{_ANY_CASE['create']}$"


def ref(name: str) -> Json:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_body(schema: Json) -> Json:
    """`content` of a JSON body."""
    return {"application/json": {"schema": schema}}


def refusal_schema() -> Json:
    """The error shape of the wire (spec R4)."""
    return {
        "type": "object",
        "description": "Why a request is refused. `message` is one sentence with the field and the remedy.",
        "properties": {
            "status": {"type": "integer", "description": "The HTTP status."},
            "serviceErrorCode": {"type": "integer", "description": "A stable number for the case."},
            "code": {"type": "string", "enum": [refusal.name for refusal in Refusal]},
            "message": {"type": "string"},
        },
        "required": ["status", "serviceErrorCode", "code", "message"],
    }


def schemas(policy: Policy, *, demand_context: bool) -> dict[str, Json]:
    """The shapes of the wire. `demand_context`: integrationContext must be there (spec R2)."""
    fields = ["jobApplicationId", "action", "performedAt"] + ["integrationContext"] * demand_context
    return {
        "Report": {
            "type": "object",
            "description": "One report: what a recruiter did with one application. Unknown fields are ignored.",
            "properties": {
                "jobApplicationId": {
                    "type": "string",
                    "pattern": f"^(urn:li:jobApplication:)?{_NUMBER}$",
                    "description": "The application: urn:li:jobApplication:N, or N alone.",
                    "examples": ["urn:li:jobApplication:12345678"],
                },
                "action": {
                    "type": "string",
                    "enum": list(reportable(policy)),
                    "description": "What was done.",
                    "examples": ["APPLICATION_VIEWED"],
                },
                "performedAt": {
                    "oneOf": [
                        {"type": "integer", "format": "int64", "minimum": 1},
                        {"type": "string", "pattern": "^[0-9]{1,19}$"},
                    ],
                    "description": "When it was done, milliseconds since 1970; a string of digits is read as one.",
                    "examples": [1604600000017],
                },
                "integrationContext": {
                    "type": "string" if demand_context else ["string", "null"],
                    "pattern": f"^urn:li:organization:{_NUMBER}$",
                    "description": "The customer"
                    + ("." if demand_context else "; left out: the one that the child application belongs to."),
                    "examples": ["urn:li:organization:12345"],
                },
            },
            "required": fields,
        },
        "Reports": {
            "type": "object",
            "description": f"For batch_create: up to {restli.ELEMENTS_LIMIT} reports, each answered for itself.",
            "properties": {
                "elements": {"type": "array", "items": ref("Report"), "maxItems": restli.ELEMENTS_LIMIT},
            },
            "required": ["elements"],
        },
        "ReportAnswers": {
            "type": "object",
            "description": "The answer to each report, in the order in which they were sent.",
            "properties": {"elements": {"type": "array", "items": ref("ReportAnswer")}},
            "required": ["elements"],
        },
        "ReportAnswer": {
            "type": "object",
            "description": "`id` and `location` if it is stored (status 201), else `error`.",
            "properties": {
                "status": {"type": "integer"},
                "id": {"type": "string"},
                "location": {"type": "string"},
                "error": ref("WireRefusal"),
            },
            "required": ["status"],
            "oneOf": [{"required": ["id", "location"]}, {"required": ["error"]}],
        },
        "WireRefusal": refusal_schema(),
        "TokenError": {
            "type": "object",
            "description": "RFC 6749, 5.2.",
            "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
            "required": ["error"],
        },
        "Token": {
            "type": "object",
            "properties": {
                "access_token": {"type": "string"},
                "expires_in": {"type": "integer", "description": "Seconds.", "examples": [1800]},
                "token_type": {"const": "Bearer"},
            },
            "required": ["access_token", "expires_in", "token_type"],
        },
        "TokenState": {
            "type": "object",
            "description": "A token of another application is answered with active: false alone.",
            "properties": {
                "active": {"type": "boolean"},
                "status": {"enum": ["active", "expired", "revoked"]},
                "client_id": {"type": "string"},
                "created_at": {"type": "integer", "description": "Seconds since 1970."},
                "authorized_at": {"type": "integer"},
                "expires_at": {"type": "integer"},
                "auth_type": {"const": "2L"},
            },
            "required": ["active"],
        },
        "Health": {
            "type": "object",
            "properties": {"status": {"enum": ["ok", "ready", "unready"]}, "why": {"type": "string"}},
            "required": ["status"],
        },
    }


def paths() -> dict[str, Json]:
    """The lifecycle actions, under both their paths."""
    actions = {path: {"post": _lifecycle(path)} for path in restli.PATHS}
    one = {f"{path}/{{id}}": {"delete": _withdrawal(path)} for path in restli.PATHS}
    return actions | one


def _lifecycle(path: str) -> Json:
    family = path.split("/")[1]
    version = header("LinkedIn-Version", "Any is taken.", {"type": "string", "examples": ["202504"]})
    return {
        "operationId": f"reportLifecycleActions_{family}",
        "tags": ["Lifecycle actions"],
        "summary": "Report what a recruiter did: one report, or a batch",
        "description": (
            "A 201 means that the action and all its notices are durably stored. The same application, action and "
            "performedAt sent again is answered with the same id. JSON is read under any Content-Type."
        ),
        "security": [{"partnerToken": []}],
        "parameters": [
            header(
                "X-RestLi-Method",
                "create or batch_create, in any case; left out: create.",
                {"type": "string", "pattern": _METHOD,
                 "examples": ["create"]},
            ),
            header(
                "X-RestLi-Protocol-Version", "Left out: 1.0.0.", {"enum": ["1.0.0", "2.0.0"], "examples": ["2.0.0"]}
            ),
            *([version] if family == "rest" else []),
        ],
        "requestBody": {
            "required": True,
            "description": (
                f"At most {restli.SINGLE_LIMIT // 1024} KiB for create, {restli.BATCH_LIMIT // 1024 // 1024} MiB "
                "for batch_create."
            ),
            "content": json_body({"oneOf": [ref("Report"), ref("Reports")]}),
        },
        "responses": {
            "201": {
                "description": "create: it is stored.",
                "headers": {
                    "Location": {"schema": {"type": "string"}, "description": "Where the action stands."},
                    "X-RestLi-Id": {"schema": {"type": "string"}, "description": "The action's id."},
                    "X-LinkedIn-Id": {"schema": {"type": "string"}, "description": "The same id."},
                },
            },
            "200": {"description": "batch_create: an answer for each.", "content": json_body(ref("ReportAnswers"))},
        }
        | refusals([refusal for refusal in Refusal if refusal not in NOT_OF_REPORTS]),
    }  # fmt: skip


def _withdrawal(path: str) -> Json:
    return {
        "operationId": f"withdrawLifecycleAction_{path.split('/')[1]}",
        "tags": ["Lifecycle actions"],
        "summary": "Take a report back",
        "description": (
            "For the child application that made the report. What has not been told yet is withheld for good; what has "
            "been told stays. Taking it back again is answered alike."
        ),
        "security": [{"partnerToken": []}],
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The id that the report was answered with.",
                "schema": {"type": "string", "pattern": f"^{_NUMBER}$", "examples": ["1"]},
            },
        ],
        "responses": {"204": {"description": "It is taken back."}} | refusals(_OF_WITHDRAWAL),
    }


def refusals(those: Sequence[Refusal]) -> Json:
    """An answer for each status of these refusals."""
    by_status: dict[int, list[Refusal]] = {}
    for refusal in those:
        by_status.setdefault(refusal.value.status, []).append(refusal)
    return {
        str(status): {
            "description": described([(refusal.name, refusal.value.meaning) for refusal in each]),
            "content": json_body(ref("WireRefusal")),
        }
        for status, each in sorted(by_status.items())
    }


def described(refusals: list[tuple[str, str]]) -> str:
    """The description of an answer that may have several reasons: a line with code and meaning of each."""
    return "\n".join(f"{code}: {meaning}." for code, meaning in refusals)


def header(name: str, description: str, schema: Json) -> Json:
    """A parameter that stands in a header, and may be left out."""
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}
