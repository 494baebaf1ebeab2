"""`/docs`: the OpenAPI document as a page, laid out on the server, with the tables of refusals beside it.

It says what the document says: nothing about an operation is written here.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from unghost.jobboard.web import pages
from unghost.jobboard.web.board_refusals import BoardRefusal
from unghost.wire.refusals import Refusal

Json = dict[str, Any]

_METHODS = ("get", "put", "post", "delete")


def answer(request: Request, document: Json) -> Response:
    """The page."""
    return pages.render(
        request,
        "api/docs.html",
        language="en",
        private=False,
        info=document["info"],
        groups=groups(document),
        schemes=document["components"]["securitySchemes"],
        schemas=[shape(document, name) for name in sorted(document["components"]["schemas"])],
        wire_refusals=Refusal,
        board_refusals=BoardRefusal,
    )


def groups(document: Json) -> list[Json]:
    """The document's tags, each with its operations as the page shows them."""
    operations = [
        _operation(document, path, method, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    return [
        tag | {"id": _id(tag["name"]), "operations": [each for each in operations if each["tag"] == tag["name"]]}
        for tag in document["tags"]
    ]


def _operation(document: Json, path: str, method: str, operation: Json) -> Json:
    body = operation.get("requestBody", {})
    media_type, schema = _content(body)
    asked: Json = {"media_type": media_type, "note": body.get("description", ""), "shapes": _shapes(document, schema)}
    return {
        "id": operation["operationId"],
        "tag": operation["tags"][0],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "security": [scheme for wanted in operation.get("security", ()) for scheme in wanted],
        "parameters": [
            _field(document, p["name"], p["schema"], p["required"]) | p for p in operation.get("parameters", ())
        ],
        "body": asked if schema else None,
        "answers": [
            {
                "status": status,
                "lines": given["description"].split("\n"),
                "shapes": _shapes(document, _content(given)[1]),
                "headers": list(given.get("headers", ())),
            }
            for status, given in operation["responses"].items()
        ],
        "curl": curl(document, path, method, operation),
    }


def _content(part: Json) -> tuple[str, Json | None]:
    for media_type, content in part.get("content", {}).items():
        return media_type, content["schema"]
    return "", None


def _shapes(document: Json, schema: Json | None) -> list[Json]:
    """What a body may be: names of shapes with a place on the page, or the fields themselves."""
    if schema is None:
        return []
    found: list[Json] = []
    for choice in schema.get("oneOf", [schema]):
        if "$ref" in choice:
            found.append({"name": _name(choice), "fields": None})
        elif "properties" in choice:
            found.append({"name": None, "fields": _fields(document, choice)})
    return found


def shape(document: Json, name: str) -> Json:
    """A schema of the document as the page shows it: its fields in their order."""
    schema = document["components"]["schemas"][name]
    return {"name": name, "description": schema.get("description", ""), "fields": _fields(document, schema)}


def _fields(document: Json, schema: Json) -> list[Json]:
    wanted = schema.get("required", ())
    return [_field(document, name, each, name in wanted) for name, each in schema.get("properties", {}).items()]


def _field(document: Json, name: str, schema: Json, required: bool) -> Json:
    return {
        "name": name,
        "required": required,
        "type": kind(schema),
        "refers": _referred(schema),
        "description": schema.get("description", ""),
        "example": json.dumps(schema["examples"][0], ensure_ascii=False) if "examples" in schema else "",
    }


def kind(schema: Json) -> str:
    """A schema in a few words: `string`, `array of Report`, `one of a, b`."""
    if "$ref" in schema:
        return _name(schema)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return " or ".join(kind(each) for each in schema[choice])
    given = schema.get("type", "anything")
    if given == "array":
        return f"array of {kind(schema.get('items', {}))}"
    if given == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object: name to {kind(schema['additionalProperties'])}"
    return " or ".join(given) if isinstance(given, list) else str(given)


def _referred(schema: Json) -> str | None:
    for each in (schema, schema.get("items", {}), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if "$ref" in each:
            return _name(each)
    return None


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def sample(document: Json, schema: Json) -> Any:
    """A value that the schema lets through, from the examples in it; the first of several choices."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return sample(document, document["components"]["schemas"][_name(schema)])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return sample(document, schema[choice][0])
    if schema.get("type") == "array":
        return [sample(document, schema["items"])]
    if "properties" in schema:
        return {name: sample(document, each) for name, each in schema["properties"].items()}
    return {"boolean": False, "integer": 0}.get(schema.get("type", ""), "")


def curl(document: Json, path: str, method: str, operation: Json) -> str:
    """The operation as a command for the shell, with the examples of the document."""
    address = path
    headers, query = [], []
    for parameter in operation.get("parameters", ()):
        given = str(sample(document, parameter["schema"]))
        if parameter["in"] == "path":
            address = address.replace("{" + parameter["name"] + "}", given)
        elif parameter["in"] == "query":
            query.append(f"{parameter['name']}={given}")
        else:
            headers.append(f"{parameter['name'].lower()}: {given}")
    address += "?" + "&".join(query) if query else ""
    lines = [f"curl -X {method.upper()} '{document['servers'][0]['url']}{address}'"]
    schemes = {scheme for wanted in operation.get("security", ()) for scheme in wanted}
    if schemes & {"partnerToken", "partnersOwnToken"}:
        headers.insert(0, "Authorization: Bearer ACCESS_TOKEN")
    if "boardKey" in schemes:
        headers.insert(0, "Authorization: Bearer BOARD_KEY")
    media_type, schema = _content(operation.get("requestBody", {}))
    fields: Json = sample(document, schema) if schema else {}
    if media_type == "application/json":
        headers.append("Content-Type: application/json")
        data = json.dumps(fields, ensure_ascii=False, indent=2).replace("'", "'\\''")
        tail = [f"-d '{data}'"]
    else:
        tail = [f"-d {name}={value}" for name, value in fields.items()]
    return " \\\n  ".join([*lines, *(f"-H '{header}'" for header in headers), *tail])


def _id(name: str) -> str:
    return name.lower().replace(" ", "-")
