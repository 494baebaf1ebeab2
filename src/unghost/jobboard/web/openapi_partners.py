"""The OpenAPI description of what partners call besides lifecycle actions: provisioning, integrations, jobs (R25, R27).

The shapes stand in openapi_partner_shapes; refusals come from their table: nothing is written twice.
"""

from __future__ import annotations

from unghost.jobboard.web import integrations, provisioning
from unghost.jobboard.web.openapi_partner_shapes import text
from unghost.jobboard.web.openapi_wire import Json, header, json_body, ref, refusals
from unghost.wire import keys, postings
from unghost.wire import provisioning as described
from unghost.wire.refusals import Refusal

TAG = "Provisioning and jobs"
_NUMBER = "[1-9][0-9]{0,18}"
_OF_ALL = (
    Refusal.MISSING_TOKEN,
    Refusal.INVALID_TOKEN,
    Refusal.REVOKED_TOKEN,
    Refusal.EXPIRED_TOKEN,
    Refusal.WRONG_METHOD,
    Refusal.WRONG_PROTOCOL,
    Refusal.UNAVAILABLE,
)
_OF_BODIES = (
    Refusal.MALFORMED_BODY,
    Refusal.TOO_LARGE,
    Refusal.MISSING_FIELD,
    Refusal.WRONG_TYPE,
    Refusal.BAD_VALUE,
    Refusal.BAD_URN,
)
_IDS = (Refusal.BAD_KEY, Refusal.MISSING_FIELD, Refusal.BAD_URN, Refusal.BAD_VALUE)


def paths() -> dict[str, Json]:
    """Each call at the address that LinkedIn's clients use; jobs answer below /v2/ and /rest/ alike."""
    key = f"^urn:li:developerApplication:{_NUMBER}$"
    return {
        provisioning.PATH: {
            "post": _operation(
                "provisionApplication",
                "Make a child application for a customer",
                "It has no customer until the customer's admin chooses it in the consent widget.",
                body="ChildApplication",
                answers={"201": ("It is made.", "ChildApplicationMade")},
                of=(Refusal.NOT_A_PARTNER, Refusal.ALREADY_PROVISIONED),
            ),
            "get": _operation(
                "findProvisionedApplication",
                "Find a child application with its credentials",
                "No element if there is none. The secret is left out if the board cannot derive it any more.",
                parameters=[
                    _query("q", {"const": provisioning.FINDER, "examples": [provisioning.FINDER]}),
                    _query("uniqueForeignId", text(described.LONGEST_ID, "customer-4711")),
                ],
                answers={"200": ("What there is.", "ChildApplicationsFound")},
                of=(Refusal.NOT_A_PARTNER, Refusal.MISSING_FIELD, Refusal.BAD_VALUE),
            ),
        },
        f"{provisioning.PATH}/{{key}}": {
            "post": _operation(
                "changeProvisionedApplication",
                "Change a child application",
                "What is not named in $set stays. The URN may be percent-encoded.",
                parameters=[
                    {
                        "name": "key",
                        "in": "path",
                        "required": True,
                        "description": "The child application.",
                        "schema": {"type": "string", "pattern": key, "examples": ["urn:li:developerApplication:7"]},
                    }
                ],
                body="ChildApplicationPatch",
                answers={"204": ("It is changed.", None)},
                of=(Refusal.NOT_A_PARTNER, Refusal.UNKNOWN_CHILD),
            )
        },
        integrations.PATH: {
            "post": _operation(
                "nameIntegrations",
                "Say what integrations with customers are called",
                "The customer reads the name in the consent widget. One that there is not has an error of its own.",
                parameters=[_method("batch_partial_update"), *_integration_ids()],
                body="IntegrationNames",
                answers={"200": ("What became of each.", "IntegrationsNamed")},
                of=(Refusal.NOT_A_PARTNER, *_IDS),
            ),
            "get": _operation(
                "readIntegrations",
                "Read integrations with customers",
                "With what the customer has ticked. One that there is not has an error of its own.",
                parameters=_integration_ids(),
                answers={"200": ("What there is.", "Integrations")},
                of=(Refusal.NOT_A_PARTNER, *_IDS),
            ),
        },
        f"/rest/{postings.RESOURCE}": {
            "post": _operation(
                "postJobs",
                "Post, change and close jobs",
                f"Up to {postings.ELEMENTS_LIMIT}, each answered for itself: 202 with a task, or an error. Fields that "
                "are not listed are ignored. Also below /v2/.",
                own=False,
                parameters=[_method("batch_create", required=True)],
                body="JobPostings",
                answers={"200": ("An answer for each.", "JobPostingAnswers")},
                of=(Refusal.NOT_A_CHILD_APPLICATION, Refusal.TOO_MANY_ELEMENTS),
            )
        },
        f"/rest/{postings.TASKS}": {
            "get": _operation(
                "readJobTasks",
                "Ask what became of posted jobs",
                "IN_PROGRESS until the job's webhook has answered the challenge. Kept for 30 days. Also below /v2/.",
                own=False,
                parameters=[_ids(f"urn:li:{postings.TASK}:00000000-0000-4000-8000-000000000000")],
                answers={"200": ("What there is.", "JobPostingTasks")},
                of=(Refusal.NOT_A_CHILD_APPLICATION, Refusal.BAD_KEY),
            )
        },
        f"/v2/{postings.STATUS}": {
            "get": _operation(
                "readJobStatus",
                "Ask where jobs stand",
                "Listed or not, and whether members can apply here. Also below /rest/.",
                own=False,
                parameters=[_ids(f"urn:li:{postings.JOB_POSTING}:1001")],
                answers={"200": ("What there is.", "JobPostingStatuses")},
                of=(Refusal.NOT_A_CHILD_APPLICATION, Refusal.BAD_KEY),
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    description: str,
    *,
    answers: dict[str, tuple[str, str | None]],
    of: tuple[Refusal, ...],
    own: bool = True,
    parameters: list[Json] | None = None,
    body: str | None = None,
) -> Json:
    """`own`: with the partner's own token, else with that of a child application."""
    possible = {*_OF_ALL, *of, *(_OF_BODIES if body else ())}
    told: Json = {
        "operationId": name,
        "tags": [TAG],
        "summary": summary,
        "description": description,
        "security": [{"partnersOwnToken" if own else "partnerToken": []}],
        "parameters": parameters or [],
        "responses": {
            status: {"description": meaning} | ({} if shape is None else {"content": json_body(ref(shape))})
            for status, (meaning, shape) in answers.items()
        }
        | refusals([refusal for refusal in Refusal if refusal in possible]),
    }
    if body:
        told["requestBody"] = {"required": True, "content": json_body(ref(body))}
    return told


def _method(name: str, *, required: bool = False) -> Json:
    schema = {"enum": [name, name.upper()], "examples": [name]}
    return header("X-RestLi-Method", "In any case.", schema) | {"required": required}


def _query(name: str, schema: Json, *, required: bool = True, description: str = "") -> Json:
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def _ids(example: str) -> Json:
    return _query(
        "ids",
        {"type": "string", "examples": [example]},
        description=f"A URN; repeated for several, or List(…,…); up to {keys.MOST}.",
    )


def _integration_ids() -> list[Json]:
    context = {"type": "string", "pattern": f"^urn:li:organization:{_NUMBER}$",
               "examples": ["urn:li:organization:12345"]}  # fmt: skip
    said = f"The customer; ids[1] and on for further ones, up to {keys.MOST}. Or ids=List((integrationContext:…,…))."
    return [_query("ids[0].integrationContext", context, description=said)] + [
        _query(f"ids[0].{name}", {"const": value, "examples": [value]}, required=False)
        for name, value in described.KIND.items()
    ]
