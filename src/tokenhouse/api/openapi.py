"""``GET /openapi.json``: the API's description (OpenAPI 3.1), from the list of routes and from the very
shapes that requests are decoded into. Nothing stands in it that is not served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokenhouse.api.admin import ADMIN_ROUTES, ADMIN_TAG, admin_paths
from tokenhouse.api.control import CONTROL_TAGS, DescribedControl, control_routes
from tokenhouse.api.http import Receive, Respond, Scope, Send
from tokenhouse.api.openapi_shapes import schemas_of
from tokenhouse.api.openapi_words import ANSWERS, DESCRIBED, FIELDS, TAGS, Described
from tokenhouse.api.routes import ROUTES, ApiRoute
from tokenhouse.wire import anthropic_messages, openai_chat, openai_completions

_HERE: Final = "#/components/schemas/"
_BODIES: Final[tuple[type, ...]] = (
    openai_chat.ChatBody,
    openai_completions.CompletionBody,
    anthropic_messages.MessagesBody,
)
_SECURITY: Final = [{"bearer": []}, {"xApiKey": []}, {"keyHeader": []}]


class OpenApi:
    """Built at the first request, then only sent. ``name`` and ``url`` are the house's."""

    def __init__(self, name: str, url: str, version: str) -> None:
        self._name = name
        self._url = url
        self._version = version
        self._document: Mapping[str, Any] | None = None
        self._bytes = b""

    def document(self) -> Mapping[str, Any]:
        """The whole description as plain values."""
        if self._document is None:
            self._document = described(self._name, self._url, self._version)
        return self._document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        if not self._bytes:
            self._bytes = msgspec.json.encode(self.document())
        await Respond(send, [(b"cache-control", b"no-cache")]).json(200, self._bytes)


def described(name: str, url: str, version: str) -> dict[str, Any]:
    """The description of the house ``name`` at ``url``."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        for number, path in enumerate(route.paths):
            at = path + "{id}" if path.endswith("/") else path
            paths.setdefault(at, {})[route.method.lower()] = _operation(route, number)
    control = DescribedControl(control_routes(), _HERE)
    paths.update(control.paths)
    schemas = _body_schemas()
    schemas.update(ANSWERS)
    of_operators = admin_paths(ADMIN_ROUTES)
    paths.update(of_operators[0])
    schemas.update(of_operators[1])
    schemas.update(control.schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{name} API",
            "version": version,
            "description": "Language models behind one metered API.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "tags": [{"name": tag} for tag in (*TAGS, *CONTROL_TAGS, ADMIN_TAG)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "xApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "keyHeader": {"type": "apiKey", "in": "header", "name": "key"},
                "accessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A person's access token, thp_…; not a key.",
                },
            },
        },
    }


def _operation(route: ApiRoute, number: int) -> dict[str, Any]:
    """``number``: which of the route's paths; the first has the plain operationId."""
    words = DESCRIBED.get(route.name, Described(TAGS[-1]))
    operation: dict[str, Any] = {
        "operationId": route.name if number == 0 else f"{route.name}.{number}",
        "summary": route.about,
        "tags": [words.tag],
        "responses": _responses(words),
    }
    parameters: list[dict[str, Any]] = [
        {
            "name": each["name"],
            "in": "query",
            "required": each["name"] in words.required,
            "description": each["about"],
            "schema": each.get("schema", {"type": "string"}),
        }
        for each in words.parameters
    ]
    if route.path.endswith("/"):
        parameters.insert(
            0,
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The rest of the path; its slashes as they are or as %2F.",
                "schema": {"type": "string"},
            },
        )
    if parameters:
        operation["parameters"] = parameters
    if words.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _HERE + words.body}}},
        }
    if words.key:
        operation["security"] = _SECURITY
    return operation


def _responses(words: Described) -> dict[str, Any]:
    content: dict[str, Any] = {words.media: {"schema": {"$ref": _HERE + words.answer}}}
    if words.streams:
        content["text/event-stream"] = {"schema": {}}  # one event after the other, no one value
    found: dict[str, Any] = {"200": {"description": words.about, "content": content}}
    for status, about in words.errors.items():
        found[status] = {
            "description": about,
            "content": {"application/json": {"schema": {"$ref": _HERE + words.error}}},
        }
    return found


def _body_schemas() -> dict[str, Any]:
    """The shapes that bodies are decoded into, with a word on each field where one is known."""
    schemas = schemas_of(_BODIES, _HERE)
    for body in _BODIES:
        for name, schema in schemas[body.__name__]["properties"].items():
            about = FIELDS.get(name)
            if about is not None:
                schema["description"] = about
    return schemas
