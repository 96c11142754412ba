"""What ModelsLab's command line sends, and what it reads from the answer: request by request, as its
source has it (``internal/cmd/*.go``, ``internal/api/client.go``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.access.people_house import WORDS
from tests.api.control.members import Town, chat, town
from tokenhouse.access import Role
from tokenhouse.api import CONTROL

AGENT = "modelslab-cli/0.1.0"


class PlatformCli:
    """Its HTTP client: headers on every request, no body where there is none to send."""

    def __init__(self, it: Town) -> None:
        self._client = it.client
        self.token = ""

    async def ask(self, method: str, path: str, body: Any = None, **more: str) -> httpx.Response:
        headers = {"content-type": "application/json", "accept": "application/json", **more}
        headers["user-agent"] = AGENT
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        return await self._client.request(method, CONTROL + path, json=body, headers=headers)

    async def do(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        got = await self.ask(method, path, body, **more)
        assert got.status_code < 400, got.text
        return got.json()


def rows(result: Any) -> list[Any]:
    """``data`` as a bare list, which is how most of its tables are read."""
    assert isinstance(result["data"], list), result
    return result["data"]


async def signed_in(it: Town) -> PlatformCli:
    owner = await it.join(it.running.account.id, Role.OWNER)
    cli = PlatformCli(it)
    login = {
        "email": owner.signed.person.email,
        "password": WORDS,
        "expiry": "1_month",
        "device_name": "modelslab-cli@host",
    }
    data = (await cli.do("POST", "/auth/login", login))["data"]
    assert data["api_key"] is None  # an empty one would be stored
    cli.token = data["access_token"]
    return cli


async def test_it_signs_in_and_reads_every_table(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await chat(it.client, it.running.key)
        cli = await signed_in(it)
        profile = (await cli.do("GET", "/me"))["data"]
        assert {"name", "username", "email", "wallet_balance", "about", "created_at"} <= set(
            profile
        )
        made = (await cli.do("POST", "/api-keys", {"name": "cli"}))["data"]
        assert made["key"].startswith("sk-th-")
        for key in rows(await cli.do("GET", "/api-keys")):
            assert {"id", "name", "key", "created_at"} <= set(key)
        shown = (await cli.do("GET", f"/api-keys/{made['id']}"))["data"]
        assert shown["name"] == "cli"
        await cli.do("PUT", f"/api-keys/{made['id']}", {"name": "renamed"})
        await cli.do("DELETE", f"/api-keys/{made['id']}")
        found = await cli.do(
            "GET", "/models?search=echo&feature=llmaster&provider=acme&per_page=20&page=1"
        )
        (model,) = rows(found)
        assert model["model_id"] == "acme/echo"
        assert {"model_name", "provider", "model_type"} <= set(model)
        assert found["meta"]["total"] == 1
        detail = (await cli.do("GET", "/models/acme/echo"))["data"]
        assert detail["endpoint_configurations"][0]["parameters"]["$ref"]
        assert rows(await cli.do("GET", "/models/tags"))
        assert rows(await cli.do("GET", "/models/providers")) == ["acme"]
        assert "sorts" in (await cli.do("GET", "/models/filters"))["data"]
        wallet = (await cli.do("GET", "/wallet/balance"))["data"]["wallet"]
        assert (wallet["currency"], wallet["balance"] > 0) == ("USD", True)
        for line in rows(await cli.do("GET", "/wallet/transactions")):
            assert {"id", "type", "amount", "description", "created_at"} <= set(line)
        assert (await cli.do("GET", "/usage/summary"))["data"]["requests"] == 1
        (product,) = rows(await cli.do("GET", "/usage/products"))
        assert (product["product"], product["requests"], product["cost"] > 0) == (
            "acme/echo",
            1,
            True,
        )
        history = rows(await cli.do("GET", "/usage/history?from=2020-01-01&per_page=20&"))
        assert {"id", "type", "status", "cost", "created_at"} <= set(history[0])
        for plan in rows(await cli.do("GET", "/subscriptions/plans")):
            assert {"id", "name", "price", "interval", "description"} <= set(plan)
        for row in rows(await cli.do("GET", "/subscriptions")):
            assert {"id", "plan_name", "status", "next_billing_date"} <= set(row)
        for member in rows(await cli.do("GET", "/teams")):
            assert {"id", "name", "email", "role", "status"} <= set(member)
        for token in rows(await cli.do("GET", "/auth/tokens")):
            assert {"id", "name", "last_used_at", "created_at"} <= set(token)
        assert (await cli.do("GET", "/openapi.json"))["openapi"] == "3.1.0"


async def test_it_acts_without_bodies_and_with_keys_of_its_own(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        cli = await signed_in(it)
        (code,) = (await it.running.house.billing.create_vouchers(10**9)).codes
        worth = (await cli.do("GET", f"/wallet/coupons/validate?code={code}"))["data"]
        assert worth["valid"] is True
        once = {"Idempotency-Key": "5b0c9a4e-0d6f-4a55-8e0e-0f4d2f9b8c11"}
        await cli.do("POST", "/wallet/coupons/redeem", {"code": code}, **once)
        again = await cli.do("POST", "/wallet/coupons/redeem", {"code": code}, **once)
        assert again["meta"]["idempotency_replay"] is True
        switched = (await cli.do("POST", "/auth/switch-account", {}))["data"]
        cli.token = switched["token"]
        await cli.do("POST", "/auth/tokens/revoke-others")
        await cli.do("POST", "/auth/logout")
        assert (await cli.ask("GET", "/me")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api-keys/none", 404),
        ("POST", "/wallet/fund", 402),
        ("GET", "/me/", 200),
        ("GET", "/changelog", 404),
    ],
)
async def test_its_exit_codes_follow_the_status_and_it_prints_the_message(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    async with town(tmp_path) as it:
        cli = await signed_in(it)
        got = await cli.ask(method, path, {"amount": 25} if method == "POST" else None)
        assert got.status_code == status
        if status >= 400:
            assert isinstance(got.json()["message"], str)
