"""The control plane in the API's description: paths and shapes, from the list of routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import inspect

from tokenhouse.api.control.route import ControlRoute
from tokenhouse.api.openapi_shapes import Schema, Shapes

ERROR: Final = "ControlRefusal"
_SECURITY: Final = [{"accessToken": []}]
_ABOUT: Final = {
    400: "The request is wrong; `error.details` names the field.",
    401: "No access token, or one that is wrong, revoked or has ended; or it is a key.",
    402: "This house takes no cards; the message says how credit is put in.",
    403: "The role, or the account, doesn't allow it.",
    404: "There is no such thing, or it is another account's.",
    408: "The body did not come in time.",
    409: "It is so already, or contradicts what is.",
    413: "The body is too large.",
    429: "Over a limit; `Retry-After` says how long to wait.",
    503: "Not now; `Retry-After` says how long to wait.",
}
_LIMITS: Final = {
    "X-RateLimit-Limit": "Requests per minute.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "When all are back, in unix seconds.",
}
_ERROR_SCHEMA: Final[Schema] = {
    "type": "object",
    "required": ["data", "error", "meta", "message"],
    "properties": {
        "data": {"type": "null"},
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "meta": {"$ref": "#/components/schemas/ControlMeta"},
        "message": {"type": "string"},
        "retry_after": {"type": "integer", "minimum": 0},
    },
}
_META_SCHEMA: Final[Schema] = {
    "type": "object",
    "required": ["request_id"],
    "properties": {
        "request_id": {"type": "string"},
        "next": {"type": ["string", "null"], "description": "The `after` of the next page."},
        "total": {"type": ["integer", "null"], "minimum": 0},
    },
}


class DescribedControl:
    """Paths and schemas of ``routes``; ``place`` comes before a schema's name."""

    def __init__(self, routes: Sequence[ControlRoute], place: str) -> None:
        self._place = place
        self._shapes = Shapes(place, "Control")
        self._told: dict[str, int] = {}
        self.paths: dict[str, dict[str, Any]] = {}
        for route in routes:
            at = route.whole.replace("...}", "}")
            self.paths.setdefault(at, {})[route.method.lower()] = self._operation(route)
        self.schemas: Mapping[str, Schema] = {
            **self._shapes.found,
            ERROR: _ERROR_SCHEMA,
            "ControlMeta": _META_SCHEMA,
        }

    def _operation(self, route: ControlRoute) -> dict[str, Any]:
        told: dict[str, Any] = {
            "operationId": self._name(route),
            "summary": route.about,
            "tags": [route.tag],
            "responses": self._responses(route),
        }
        parameters = [_in_path(piece) for piece in route.path.split("/") if piece.startswith("{")]
        fields = self._fields(route)
        if route.method in ("POST", "PUT", "PATCH"):
            if fields:
                told["requestBody"] = self._body(route)
        else:
            parameters += fields
        if route.once:
            parameters.append(_IDEMPOTENCY)
        if parameters:
            told["parameters"] = parameters
        if route.who != "anyone":
            told["security"] = _SECURITY
        return told

    def _name(self, route: ControlRoute) -> str:
        """Routes that one act answers have one name, numbered, as paths of one route have."""
        name = "control-" + route.act.replace(".", "-")
        number = self._told.get(name, 0)
        self._told[name] = number + 1
        return name if number == 0 else f"{name}.{number}"

    def _fields(self, route: ControlRoute) -> list[dict[str, Any]]:
        """What the route takes, as parameters of a query."""
        kind = inspect.type_info(route.takes)
        assert isinstance(kind, inspect.StructType)
        found: list[dict[str, Any]] = []
        for field in kind.fields:
            schema = dict(self._shapes.of(field.type))
            about = schema.pop("description", "")
            found.append(
                {
                    "name": field.encode_name,
                    "in": "query",
                    "required": field.required,
                    "description": about,
                    "schema": _without_null(schema),
                }
            )
        return found

    def _body(self, route: ControlRoute) -> dict[str, Any]:
        schema = self._shapes.of(inspect.type_info(route.takes))
        content: dict[str, Any] = {"schema": schema}
        if route.example:
            content["example"] = dict(route.example)
        kind = inspect.type_info(route.takes)
        assert isinstance(kind, inspect.StructType)
        needed = any(field.required for field in kind.fields)
        return {"required": needed, "content": {"application/json": content}}

    def _responses(self, route: ControlRoute) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if route.gives is not None:
            data = self._shapes.of(inspect.type_info(route.gives))
            found[str(route.status)] = {
                "description": "As asked.",
                "headers": _headers(),
                "content": {"application/json": {"schema": self._enveloped(data)}},
            }
        for status in sorted({*_of_kind(route), *route.refused}):
            found[str(status)] = {
                "description": _ABOUT[status],
                "content": {"application/json": {"schema": {"$ref": self._place + ERROR}}},
            }
        return found

    def _enveloped(self, data: Schema) -> Schema:
        return {
            "type": "object",
            "required": ["data", "error", "meta"],
            "properties": {
                "data": data,
                "error": {"type": "null"},
                "meta": {"$ref": self._place + "ControlMeta"},
            },
        }


def _of_kind(route: ControlRoute) -> set[int]:
    """The refusals that every route of its kind has."""
    found = {401, 403, 429}
    if route.method in ("POST", "PUT", "PATCH"):
        found |= {400, 408, 413}
    elif route.takes.__struct_fields__:
        found.add(400)
    return found


def _in_path(piece: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": piece.strip("{}."),
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    }
    if piece.endswith("...}"):
        told["description"] = "The rest of the path; its slashes as they are or as %2F."
    return told


def _without_null(schema: Schema) -> Schema:
    """A query says nothing by leaving a field out, and has no null."""
    kinds = schema.get("anyOf")
    if kinds is None:
        return schema
    left = [kind for kind in kinds if kind.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**rest, **left[0]} if len(left) == 1 else {**rest, "anyOf": left}


def _headers() -> dict[str, Any]:
    return {
        name: {"description": about, "required": True, "schema": {"type": "integer"}}
        for name, about in _LIMITS.items()
    }


_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body again change nothing; another body is refused with 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
