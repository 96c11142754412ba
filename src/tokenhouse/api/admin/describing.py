"""The operators' routes as paths of ``/openapi.json``, from the very shapes that they take and give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

from tokenhouse.api.admin.route import AdminRoute
from tokenhouse.api.admin.takes import Nothing
from tokenhouse.api.openapi_shapes import Schema, Shapes

TAG: Final = "Operators"
_HERE: Final = "#/components/schemas/"
_REFUSED: Final = {
    "400": "The request is wrong; `param` names the field.",
    "401": "No access token, or one that is not known here.",
    "403": "The access token of somebody who is no operator.",
    "404": "There is no such thing.",
    "405": "Not asked for in that way.",
    "409": "It can't be done as things stand.",
    "413": "The body is too large.",
    "429": "Too many wrong access tokens from this address.",
}


def admin_paths(routes: Sequence[AdminRoute]) -> tuple[dict[str, Any], dict[str, Schema]]:
    """→ (paths, schemas)"""
    shapes = Shapes(_HERE, "Admin")
    for route in routes:
        for shape in (route.takes, route.gives):
            if shape is not Nothing:
                shapes.of(inspect.type_info(shape))
    schemas = shapes.found
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.whole, {})[route.method.lower()] = _operation(route, schemas)
    return paths, schemas


def _operation(route: AdminRoute, schemas: dict[str, Schema]) -> dict[str, Any]:
    data: Schema = {"$ref": f"{_HERE}Admin{route.gives.__name__}"}
    properties: dict[str, Schema] = {"data": data}
    if route.many:
        properties = {
            "data": {"type": "array", "items": data},
            "next": {"type": ["string", "null"], "description": "The place to go on from."},
        }
    answer = {"type": "object", "properties": properties, "required": ["data"]}
    content: dict[str, Any] = {"application/json": {"schema": answer}}
    if route.name == "audit":
        content |= {
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        }
    operation: dict[str, Any] = {
        "operationId": f"admin.{route.name}",
        "summary": route.about,
        "tags": [TAG],
        "security": [{"accessToken": []}],
        "responses": {"200": {"description": route.about, "content": content}, **_refusals()},
    }
    parameters = _parameters(route, schemas)
    if parameters:
        operation["parameters"] = parameters
    if route.method != "GET" and route.takes is not Nothing:
        body = {"$ref": f"{_HERE}Admin{route.takes.__name__}"}
        needed = any(field.required for field in msgspec.structs.fields(route.takes))
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": needed, "content": content}
    return operation


def _parameters(route: AdminRoute, schemas: dict[str, Schema]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": piece[1:-1],
            "in": "path",
            "required": True,
            "description": "An id; of accounts the name too.",
            "schema": {"type": "string", "minLength": 1},
        }
        for piece in route.path.split("/")
        if piece.startswith("{")
    ]
    if route.method == "GET" and route.takes is not Nothing:
        for name, schema in schemas[f"Admin{route.takes.__name__}"]["properties"].items():
            words = {key: value for key, value in schema.items() if key != "description"}
            said = schema.get("description", f"See `{name}` in the answer.")
            found.append({"name": name, "in": "query", "description": said, "schema": words})
    if route.money:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Said again with the same words it is done once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return found


def _refusals() -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": f"{_HERE}Error"}}}
    return {status: {"description": about, "content": error} for status, about in _REFUSED.items()}
