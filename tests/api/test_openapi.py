"""The API's description: OpenAPI, complete, and true of what the house takes and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from tests.pages.houses import paged
from tokenhouse.api import ADMIN_ROUTES, ROUTES, control_routes
from tokenhouse.api.openapi import described
from tokenhouse.api.openapi_words import ANSWERS, DESCRIBED
from tokenhouse.errors import CallerError
from tokenhouse.wire import openai_chat

DOCUMENT = described("House", "http://house", "1")


def check(schema: str, value: Any) -> None:
    """Raise jsonschema's ValidationError where ``value`` isn't of that schema."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_it_is_openapi() -> None:
    validate(DOCUMENT)


def test_it_lists_every_route_and_no_other() -> None:
    listed = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    served = {
        (route.method, path + "{id}" if path.endswith("/") else path)
        for route in ROUTES
        for path in route.paths
    }
    served |= {(route.method, route.whole) for route in ADMIN_ROUTES}
    served |= {(route.method, route.whole.replace("...}", "}")) for route in control_routes()}
    assert listed == served
    assert {route.name for route in ROUTES} <= set(DESCRIBED), "a route has no words"


def test_no_shape_of_a_request_hides_one_of_an_answer() -> None:
    shapes = DOCUMENT["components"]["schemas"]
    for name, schema in ANSWERS.items():
        assert shapes[name] is schema
    ids = [op["operationId"] for item in DOCUMENT["paths"].values() for op in item.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 3),
        ("top_p", -0.1),
        ("n", 0),
        ("max_tokens", 0),
        ("messages", []),
        ("top_logprobs", 21),
        ("model", 7),
        ("stream", "yes"),
    ],
)
def test_what_it_forbids_is_refused(name: str, value: object) -> None:
    import msgspec

    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5}
    check("ChatBody", body)
    openai_chat.parse(msgspec.json.encode(body))
    wrong = {**body, name: value}
    with pytest.raises(jsonschema.ValidationError):
        check("ChatBody", wrong)
    with pytest.raises(CallerError):
        openai_chat.parse(msgspec.json.encode(wrong))


async def test_real_answers_are_as_described(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, client):
        key = {"authorization": f"Bearer {running.key}"}
        body = {"model": "acme/echo", "messages": [{"role": "user", "content": "Hi"}]}
        chat = await client.post("/v1/chat/completions", json=body, headers=key)
        check("ChatCompletion", chat.json())
        text = {"model": "acme/echo", "prompt": "Hi"}
        answer = await client.post("/v1/completions", json=text, headers=key)
        check("TextCompletion", answer.json())
        message = await client.post("/v1/messages", json={**body, "max_tokens": 9}, headers=key)
        check("Message", message.json())
        count = await client.post("/v1/messages/count_tokens", json=body, headers=key)
        check("TokenCount", count.json())
        check("ModelList", (await client.get("/v1/models")).json())
        check("Model", (await client.get("/v1/models/acme/echo")).json())
        receipt = await client.get(f"/api/v1/generation?id={chat.json()['id']}", headers=key)
        check("Receipt", receipt.json())
        check("Page", (await client.get("/api/v1/generations", headers=key)).json())
        check("Page", (await client.get("/api/v1/activity", headers=key)).json())
        check("Error", (await client.post("/v1/chat/completions", json=body)).json())
        check("AnthropicError", (await client.post("/v1/messages", json=body)).json())
        served = (await client.get("/openapi.json")).json()
        assert served["paths"] == DOCUMENT["paths"]
        page = (await client.get("/docs/api")).text
        for route in ROUTES:
            assert route.paths[0] in page
