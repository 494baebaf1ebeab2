"""The OpenAPI description of the token endpoints and of the operators' addresses; the shapes are openapi_wire's."""

from __future__ import annotations

from unghost.jobboard.web.openapi_wire import Json, described, json_body, ref
from unghost.wire.refusals import Refusal


def _form(properties: Json, required: list[str]) -> Json:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def paths() -> dict[str, Json]:
    """The token endpoints and the operators' addresses."""
    client: Json = {
        "client_id": {"type": "string", "examples": ["CLIENT_ID"]},
        "client_secret": {"type": "string", "examples": ["CLIENT_SECRET"]},
    }
    token: Json = {"token": {"type": "string", "examples": ["ACCESS_TOKEN"]}}
    grant: Json = {"grant_type": {"const": "client_credentials", "examples": ["client_credentials"]}}

    def operation(name: str, summary: str, form: Json, required: list[str], success: Json) -> Json:
        refusal = {"description": "Refused as RFC 6749 says.", "content": json_body(ref("TokenError"))}
        return {
            "post": {
                "operationId": name,
                "tags": ["Tokens"],
                "summary": summary,
                "description": "The client's id and secret stand in the form, or in HTTP Basic.",
                "security": [{}, {"client": []}],
                "requestBody": _form(form, required),
                "responses": {"200": success, "400": refusal, "401": refusal, "413": refusal, "503": _unreachable()},
            }
        }

    issued = {"description": "A token.", "content": json_body(ref("Token"))}
    state = {"description": "What is known of the token.", "content": json_body(ref("TokenState"))}
    tokens = {
        "/oauth/v2/accessToken": operation(
            "issueToken", "Get an access token (client credentials)", grant | client, ["grant_type"], issued
        ),
        "/oauth/v2/introspectToken": operation(
            "introspectToken", "Ask what is known of a token", client | token, ["token"], state
        ),
        "/oauth/v2/revokeToken": operation(
            "revokeToken", "Revoke a token", client | token, ["token"], {"description": "Revoked, or never ours."}
        ),
    }
    return tokens | _operators()


def _unreachable() -> Json:
    meaning = (Refusal.UNAVAILABLE.name, Refusal.UNAVAILABLE.value.meaning)
    return {"description": described([meaning]), "content": json_body(ref("WireRefusal"))}


def _operators() -> dict[str, Json]:
    def operation(name: str, summary: str, responses: Json) -> Json:
        return {"get": {"operationId": name, "tags": ["Health"], "summary": summary, "responses": responses}}

    health = json_body(ref("Health"))
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "/healthz": operation(
            "isAlive", "Does the process answer?", {"200": {"description": "Yes.", "content": health}}
        ),
        "/readyz": operation(
            "isReady",
            "Can it do its work?",
            {
                "200": {"description": "Yes.", "content": health},
                "503": {"description": "No, and why.", "content": health},
            },
        ),
        "/metrics": operation(
            "readMetrics", "Prometheus metrics", {"200": {"description": "Metrics.", "content": text}}
        ),
    }
