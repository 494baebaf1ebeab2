"""The OpenAPI 3.1 document, made once per process from the tables and shapes that the board answers by.

Must not describe anything by hand that stands in a table elsewhere.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import unghost
from unghost.jobboard.web import openapi_access, openapi_page, openapi_partner_shapes, openapi_partners, openapi_wire
from unghost.jobboard.web.board_answers import RefusalShown
from unghost.jobboard.web.board_api import BODY_LIMIT, PREFIX
from unghost.jobboard.web.board_operations import OPERATIONS, Operation
from unghost.jobboard.web.board_refusals import BoardRefusal
from unghost.jobboard.web.board_shapes import ApplicationUrn, ExternalId, OrganizationUrn
from unghost.jobboard.web.openapi_wire import Json, described, json_body, ref
from unghost.jobboard.web.services import Services

_REF = "#/components/schemas/{name}"
_OF_ALL = (BoardRefusal.MISSING_KEY, BoardRefusal.NO_KEYS, BoardRefusal.UNKNOWN_PATH, BoardRefusal.UNAVAILABLE)
_OF_BODIES = (BoardRefusal.MALFORMED_BODY, BoardRefusal.BAD_FIELD, BoardRefusal.TOO_LARGE)
_OF_NAMES = (BoardRefusal.BAD_PATH,)
_NAMES: dict[str, Any] = {
    "organization": OrganizationUrn,
    "externalId": ExternalId,
    "jobApplicationId": ApplicationUrn,
}


def document(services: Services) -> Json:
    """The whole document of a board with these settings."""
    settings = services.settings
    shapes = [shape for operation in OPERATIONS for shape in (operation.body, operation.answer) if shape]
    _, board_schemas = msgspec.json.schema_components([*shapes, RefusalShown], ref_template=_REF)
    board_schemas["RefusalShown"]["properties"]["code"]["enum"] = [refusal.name for refusal in BoardRefusal]
    wire_schemas = openapi_wire.schemas(services.policy, demand_context=settings.contract == "seed")
    paths = openapi_wire.paths() | openapi_access.paths() | openapi_partners.paths()
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": settings.board_name,
            "version": unghost.__version__,
            "summary": "Applicants hear what became of their application.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.base_url}],
        "tags": [
            {"name": "Lifecycle actions", "description": "How an ATS reports what a recruiter did."},
            {"name": openapi_partners.TAG, "description": "How a partner sets up a customer and posts its jobs."},
            {"name": "Tokens", "description": "OAuth 2.0 client credentials for partners."},
            {"name": "Board API", "description": "For the job board's own back end."},
            {"name": "Health", "description": "For those who run it."},
        ],
        "paths": paths,
        "components": {
            "schemas": wire_schemas | openapi_partner_shapes.schemas() | board_schemas,
            "securitySchemes": {
                "partnerToken": _bearer("An access token of a customer's child application."),
                "partnersOwnToken": _bearer("An access token of the partner's own, not of a child application."),
                "boardKey": _bearer("One of the keys in the setting UNGHOST_BOARD_KEYS."),
                "client": {"type": "http", "scheme": "basic", "description": "Client id and client secret."},
            },
        },
    }


def _described(operation: Operation) -> Json:
    """One operation of the board API as OpenAPI has it."""
    shown = json_body(ref(operation.answer.__name__)) if operation.answer else None
    names = [part[1:-1] for part in operation.parts if part.startswith("{")]
    told: Json = {
        "operationId": operation.name,
        "tags": ["Board API"],
        "summary": operation.summary,
        "security": [{"boardKey": []}],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(_NAMES[name])}
            for name in names
        ],
        "responses": {
            str(status.value): {"description": meaning} | ({"content": shown} if shown else {})
            for status, meaning in operation.answers.items()
        }
        | _refusals(operation, bool(names)),
    }
    if operation.body is not None:
        told["requestBody"] = {
            "required": True,
            "description": f"At most {BODY_LIMIT // 1024 // 1024} MiB. Unknown fields are refused.",
            "content": json_body(ref(operation.body.__name__)),
        }
    return told


def _refusals(operation: Operation, named: bool) -> Json:
    by_status: dict[int, list[tuple[str, str]]] = {}
    possible = (*operation.refusals, *_OF_ALL, *(_OF_BODIES if operation.body else ()), *(_OF_NAMES if named else ()))
    for refusal in BoardRefusal:
        if refusal in possible:
            by_status.setdefault(refusal.value.status, []).append((refusal.name, refusal.value.meaning))
    return {
        str(HTTPStatus(status).value): {"description": described(each), "content": json_body(ref("RefusalShown"))}
        for status, each in sorted(by_status.items())
    }


def _bearer(description: str) -> Json:
    return {"type": "http", "scheme": "bearer", "description": description}


def routes(services: Services) -> list[BaseRoute]:
    """`/openapi.json`, and `/docs`, the page that shows it."""

    @cache
    def made() -> Json:
        return document(services)

    @cache
    def encoded() -> bytes:
        return msgspec.json.encode(made())

    async def as_json(request: Request) -> Response:
        return Response(encoded(), media_type="application/json", headers={"Cache-Control": "no-cache"})

    async def as_page(request: Request) -> Response:
        return openapi_page.answer(request, made())

    return [Route("/openapi.json", as_json), Route("/docs", as_page)]
