"""Whatever goes wrong below the control plane is told in its envelope: paths, methods, bodies, limits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.control.members import OPEN, chat, refused, town
from tokenhouse.access import Role
from tokenhouse.api import CONTROL, control_routes
from tokenhouse.clock import ManualClock


async def test_an_unknown_path_and_a_wrong_method_are_told_in_the_envelope(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        for path in (
            "",
            "/",
            "/nope",
            "/api-keys/a/b",
            "/me/x",
            "/auth//tokens",
            "/api-keys/%2f/x",
        ):
            refused(await it.client.get(CONTROL + path), 404, "unknown_path")
        allowed = {
            path: sorted(r.method for r in control_routes() if r.path == path)
            for path in {route.path for route in control_routes()}
        }
        for path, methods in allowed.items():
            wrong = next(m for m in ("PATCH", "PUT", "DELETE", "POST") if m not in methods)
            got = await it.client.request(wrong, CONTROL + path.replace("{id}", "x"))
            if "..." not in path and got.status_code != 401:
                refused(got, 405, "method_not_allowed")
                assert set(methods) <= set(got.headers["allow"].split(", "))
        strange = await it.client.request("PROPFIND", f"{CONTROL}/me")
        refused(strange, 405, "method_not_allowed")
        options = await it.client.options(
            f"{CONTROL}/me", headers={"origin": "https://evil.example"}
        )
        assert "access-control-allow-origin" not in options.headers


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b"[" * 5000, 400, "invalid_json"),
        (b'{"email": 7}', 400, "validation_error"),
        (b"{}", 400, "missing_required_parameter"),
        (b" " * 70_000, 413, "request_too_large"),
    ],
)
async def test_a_body_that_is_none_is_told_what_is_wrong(
    tmp_path: Path, body: bytes, status: int, code: str
) -> None:
    async with town(tmp_path) as it:
        refused(await it.client.post(f"{CONTROL}/auth/login", content=body), status, code)


async def test_a_body_that_does_not_come_is_not_waited_for_once_its_client_left(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.running.port)
        writer.write(
            f"POST {CONTROL}/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()
        assert await reader.read() == b""
        assert (await it.client.get("/health")).status_code == 200


async def test_each_kind_of_request_has_a_limit_of_its_own_that_answers_tell(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    limits = OPEN + (
        "[server]\ncontrol_per_minute = 6\ncontrol_money_per_minute = 2\n"
        "control_sign_ins_per_minute = 3\n"
    )
    async with town(tmp_path, limits, clock=clock) as it:
        owner = await it.join(it.running.account.id, Role.OWNER)
        left: list[int] = []
        for _ in range(6):
            got = await owner.ask("GET", "/wallet/balance")
            left.append(int(got.headers["x-ratelimit-remaining"]))
            assert int(got.headers["x-ratelimit-reset"]) >= clock.now_ms() // 1000
        assert left == [5, 4, 3, 2, 1, 0]
        over = await owner.ask("GET", "/wallet/balance")
        refused(over, 429, "rate_limit_exceeded")
        assert over.json()["retry_after"] == int(over.headers["retry-after"]) == 10
        assert over.headers["x-ratelimit-remaining"] == "0"
        assert over.headers.get_list("x-ratelimit-reset") == [str(clock.now_ms() // 1000 + 10)]
        other = await it.join(it.running.account.id, Role.VIEWER)
        assert (await other.ask("GET", "/me")).status_code == 200
        for _ in range(2):
            got = await owner.ask("POST", "/wallet/coupons/redeem", {"code": "TH-none"})
            refused(got, 404, "voucher_not_found")
        refused(await owner.ask("POST", "/wallet/coupons/redeem", {}), 429, "rate_limit_exceeded")
        wrong = {"email": "nobody@example.org", "password": "not the right one"}
        for number in range(4):
            got = await it.client.post(f"{CONTROL}/auth/login", json=wrong)
            assert got.status_code == (401 if number < 3 else 429)
        clock.advance(60)
        assert (await owner.ask("GET", "/me")).status_code == 200


async def test_pages_stay_in_place_while_rows_come_in(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        owner = await it.join(it.running.account.id, Role.OWNER)
        for _ in range(5):
            await chat(it.client, it.running.key)
        for path, name in (("/usage/history", ""), ("/wallet/transactions", "items")):
            before = [row["id"] for row in rows_of(await owner.ask("GET", path), name)]
            seen: list[str] = []
            after: dict[str, Any] = {}
            while True:
                got = await owner.ask("GET", path, params={"limit": 2, **after})
                seen += [row["id"] for row in rows_of(got, name)]
                await chat(it.client, it.running.key)
                place = got.json()["meta"]["next"]
                if place is None:
                    break
                after = {"after": place}
            assert seen == before, path
        whole = rows_of(await owner.ask("GET", "/wallet/transactions"), "items")
        part = await owner.ask("GET", "/wallet/transactions", params={"offset": 3, "limit": 2})
        assert rows_of(part, "items") == whole[3:5]
        credits = await owner.ask("GET", "/wallet/transactions", params={"type": "credit"})
        assert [row["type"] for row in rows_of(credits, "items")] == ["credit"]
        assert credits.json()["data"]["total"] == 1


def rows_of(got: Any, name: str) -> list[Any]:
    assert got.status_code == 200, got.text
    data = json.loads(got.text)["data"]
    return data[name] if name else data
