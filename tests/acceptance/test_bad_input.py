"""Bad input of every kind: the right status and envelope, naming the field; no hold left behind."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.asking import HELLO, chat, http
from tests.support.house import Running, upstream_house
from tokenhouse.access import Caller
from tokenhouse.wire import openai_chat

USER = {"role": "user", "content": "x"}

FIELDS: list[tuple[str, dict[str, Any], int, str | None]] = [
    ("no messages", {"messages": []}, 400, "messages"),
    ("messages of a wrong type", {"messages": "hello"}, 400, "messages"),
    (
        "an unknown role",
        {"messages": [{"role": "wizard", "content": "x"}]},
        400,
        "messages[0].role",
    ),
    (
        "content of a wrong type",
        {"messages": [{"role": "user", "content": 7}]},
        400,
        "messages[0].content",
    ),
    ("temperature out of range", {"temperature": 2.5}, 400, "temperature"),
    ("top_p out of range", {"top_p": -1}, 400, "top_p"),
    ("n of zero", {"n": 0}, 400, "n"),
    ("max_tokens of zero", {"max_tokens": 0}, 400, "max_tokens"),
    ("max_tokens of a wrong type", {"max_tokens": "many"}, 400, "max_tokens"),
    (
        "an orphan tool result",
        {"messages": [USER, {"role": "tool", "tool_call_id": "call_x", "content": "1"}]},
        400,
        "messages[1].tool_call_id",
    ),
    ("an unknown model", {"model": "acme/none"}, 404, "model"),
    ("a priced word", {"service_tier": "flex"}, 400, "service_tier"),
    ("another priced word", {"plugins": [{"id": "web"}]}, 400, "plugins"),
]


@pytest.mark.parametrize(
    ("fields", "status", "param"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS]
)
async def test_a_wrong_field_is_named_and_nothing_is_held(
    tmp_path: Path, fields: dict[str, Any], status: int, param: str | None
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        got = await chat(client, **fields)
        assert got.status_code == status
        body = got.json()
        assert body["error"]["param"] == param
        assert body["status"] == "error"
        assert body["message"] == body["error"]["message"]
        assert got.headers["x-request-id"] == got.headers["x-tokenhouse-request-id"]
        assert up.requests == []
        await running.clean()


BODIES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("malformed", b'{"model": "echo", "messages": ['),
    ("NaN", b'{"model":"echo","temperature":NaN,"messages":[{"role":"user","content":"x"}]}'),
    ("trailing text", json.dumps(HELLO).encode() + b" and more"),
    ("a list", b"[1,2]"),
    ("a string", b'""'),
    ("invalid UTF-8", b'{"model":"echo","messages":[{"role":"user","content":"\xff\xfe"}]}'),
    ("nested for ever", b"[" * 200_000),
]


@pytest.mark.parametrize("body", [row[1] for row in BODIES], ids=[row[0] for row in BODIES])
async def test_a_body_that_is_no_request_is_400_and_no_500(tmp_path: Path, body: bytes) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        got = await client.post("/v1/chat/completions", content=body)
        assert got.status_code == 400
        assert got.json()["error"]["type"] == "invalid_request_error"
        assert up.requests == []
        await running.clean()


async def test_max_tokens_beyond_all_bounds_is_clamped_to_the_models_own(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        got = await client.post(
            "/v1/chat/completions",
            content=json.dumps(HELLO)[:-1] + ', "max_tokens": 1' + "0" * 30 + "}",
        )
        assert got.status_code == 200
        assert up.requests[0].json["max_tokens"] == 4000
        await running.clean()


async def test_ten_thousand_messages_are_served(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        messages = [
            {"role": ("user", "assistant")[i % 2], "content": f"m{i}"} for i in range(9_999)
        ]
        got = await chat(client, messages=messages)
        assert got.status_code == 200
        await running.clean()


async def test_a_body_of_fifty_megabytes_is_refused(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        got = await client.post("/v1/chat/completions", content=b" " * 50_000_000)
        assert got.status_code == 413
        assert got.json()["error"]["code"] == "request_too_large"
        assert up.requests == []
        await running.clean()


async def test_without_a_header_key_a_long_body_is_refused_unread(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        client.headers.pop("authorization")
        got = await client.post("/v1/chat/completions", content=b" " * (5 * 2**20))
        assert got.status_code == 413
        assert "header" in got.json()["error"]["message"]


async def test_the_key_is_found_in_all_five_places_and_never_forwarded(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        client.headers.pop("authorization")
        key = running.key
        first = (await chat(client, key=key)).headers["x-request-id"]
        for headers in ({"x-api-key": key}, {"authorization": f"bearer {key}"}, {"key": key}):
            got = await client.post("/v1/chat/completions", json=HELLO, headers=headers)
            assert got.status_code == 200
        found = await client.get("/api/v1/generation", params={"id": first, "key": key})
        assert found.status_code == 200
        for seen in up.requests:
            assert key.encode() not in seen.body
            assert all(key not in value for _, value in seen.headers)
        wrong = {"x-api-key": "sk-wrong", "authorization": f"Bearer {key}"}
        refused = await client.post("/v1/chat/completions", json=HELLO, headers=wrong)
        assert refused.status_code == 401
        await running.clean()


async def test_a_revoked_key_an_empty_key_and_a_closed_account_are_refused(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        billing = running.house.billing
        for value in ("Bearer", "", "Bearer sk-no"):
            got = await client.post(
                "/v1/chat/completions", json=HELLO, headers={"authorization": value}
            )
            assert got.status_code == 401
        secret = await running.account_with(10**9)
        account = running.keys[secret]
        bearer = {"authorization": f"Bearer {secret}"}
        assert (await client.post("/v1/chat/completions", json=HELLO, headers=bearer)).is_success
        await billing.change_account(account, state="closed")
        assert await _until_status(client, bearer, 403)
        made = await billing.create_key(running.account.id, "second")
        second = {"authorization": f"Bearer {made.secret}"}
        assert (await client.post("/v1/chat/completions", json=HELLO, headers=second)).is_success
        await billing.revoke_key(made.key.id)
        assert await _until_status(client, second, 401)
        await running.clean()


async def test_unknown_paths_and_methods_get_the_envelope(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        for path in ("/v1", "/api", "/v1/nothing", "/api/nothing", "/v1/models/none"):
            got = await client.get(path)
            assert got.status_code == 404
            assert got.json()["error"]["message"]
        assert (await client.get("/v1/chat/completions")).status_code == 405


async def test_every_path_of_the_fixed_surface_answers(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        for prefix in ("/v1", "/api/v7/llm", "/api/v7/llm/v1", "/api/v1"):
            assert (await client.post(f"{prefix}/chat/completions", json=HELLO)).is_success
            assert (await client.get(f"{prefix}/models")).json()["data"][0]["id"] == "acme/echo"
            assert (await client.get(f"{prefix}/models/acme%2Fecho")).json()["id"] == "acme/echo"
        by_hyphen = {**HELLO, "model_id": "acme-echo", "streaming": True}
        by_hyphen.pop("model")
        got = await client.post("/api/v7/llm/chat/completions", json=by_hyphen)
        assert got.text.endswith("data: [DONE]\n\n")
        await running.clean()


async def test_a_head_that_never_ends_or_is_too_long_is_cut_off(tmp_path: Path) -> None:
    extra = "\n[server]\nheader_timeout_s = 0.3\n"
    async with upstream_house(tmp_path, extra) as (running, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-half: ")
        assert await reader.read() == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /health HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * 1_000_000)
        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
        writer.close()


async def test_browsers_may_call_inference_from_any_origin(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        asked = {"origin": "https://app.example", "access-control-request-headers": "x-api-key"}
        before = await client.options("/v1/chat/completions", headers=asked)
        assert before.status_code == 204
        assert before.headers["access-control-allow-headers"] == "x-api-key"
        got = await client.post(
            "/v1/chat/completions", json=HELLO, headers={"origin": "https://app.example"}
        )
        assert got.headers["access-control-allow-origin"] == "*"
        health = await client.get("/health", headers={"origin": "https://app.example"})
        assert "access-control-allow-origin" not in health.headers


async def test_two_hundred_requests_at_once_on_a_balance_for_37_never_overdraw(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        amount = _held_for(running)
        secret = await running.account_with(37 * amount)
        bearer = {"authorization": f"Bearer {secret}"}

        async def ask() -> int:
            got = await client.post(
                "/v1/chat/completions", json={**HELLO, "max_tokens": 100}, headers=bearer
            )
            return got.status_code

        statuses = await asyncio.gather(*(ask() for _ in range(200)))
        served = statuses.count(200)
        assert set(statuses) <= {200, 402}
        assert served >= 37, "each of 37 could be held beside the others"
        balance = await running.house.billing.balance(running.keys[secret])
        assert balance.balance >= 0
        assert balance.held == 0
        receipts = await running.house.billing.receipts(running.keys[secret], limit=1000)
        assert sum(row.cost for row in receipts) == 37 * amount - balance.balance
        assert len(receipts) == served
        await running.clean()


def _held_for(running: Running) -> int:
    """What one such request holds (nanodollars), by the relay's own planning."""
    body = json.dumps({**HELLO, "max_tokens": 100}).encode()
    caller = Caller("key_x", running.account.id, "tester", "open", "free")
    answer = running.house.relay.answer(caller, openai_chat.parse(body), "req_" + "0" * 27)
    return answer.plan.ceiling.amount


async def _until_status(client: Any, headers: dict[str, str], status: int) -> bool:
    """Keys are read again within a second of the house's clock: ask until it has."""
    for _ in range(400):
        got = await client.post("/v1/chat/completions", json=HELLO, headers=headers)
        if got.status_code == status:
            return True
        await asyncio.sleep(0.01)
    return False
