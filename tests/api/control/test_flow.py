"""The control plane from end to end, over real sockets: coming in, keys, spending, the wallet, leaving."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.access.people_house import OTHER_WORDS, WORDS, code_of
from tests.api.control.members import Voice, chat, refused, told, town
from tokenhouse.access import Role
from tokenhouse.api import CONTROL

DOLLAR = 10**9
ADA = {"email": "ada@example.org", "password": WORDS, "name": "Ada"}


async def letter(capsys: pytest.CaptureFixture[str]) -> str:
    """The mail that the terminal printed since it was last asked; errands are run beside the answers."""
    said = ""
    for _ in range(1000):
        said += capsys.readouterr().out
        if "code=" in said:
            return said
        await asyncio.sleep(0.01)
    raise AssertionError("no mail came")


def exact(got: httpx.Response) -> Any:
    return json.loads(got.text, parse_float=Decimal)["data"]


async def test_an_agent_comes_in_makes_a_key_spends_and_sees_where_it_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        post = it.client.post
        assert (await post(f"{CONTROL}/auth/signup", json=ADA)).status_code == 200
        early = await post(f"{CONTROL}/auth/login", json=ADA)
        refused(early, 401, "wrong_sign_in")
        code = code_of(await letter(capsys))
        proven = await post(
            f"{CONTROL}/auth/verify-email", json={"verificationCode": code, "password": WORDS}
        )
        issued = told(proven)
        assert issued["access_token"].startswith("thp_")
        assert issued["api_key"].startswith("sk-th-")
        assert issued["user"]["verified"] is True
        people = it.running.house.people
        signed = await people.by_token(issued["access_token"])
        ada = Voice(signed, issued["access_token"], it.client)
        billing = it.running.house.billing
        await billing.credit(signed.account or "", DOLLAR, reason="welcome")

        cost = 0
        for key in (issued["api_key"], (await ada.do("POST", "/api-keys", {"name": "b"}))["key"]):
            answer = await chat(it.client, key)
            cost += round(
                Decimal(json.loads(answer.text, parse_float=str)["usage"]["cost"]) * DOLLAR
            )
        balance = exact(await ada.ask("GET", "/wallet/balance"))
        assert balance["balance"] * DOLLAR == DOLLAR - cost
        assert balance["wallet"]["balance"] == balance["balance"]

        history = exact(await ada.ask("GET", "/usage/history"))
        assert [row["status"] for row in history] == ["finished", "finished"]
        assert sum(row["cost"] for row in history) * DOLLAR == cost
        receipt = await ada.get(f"/usage/history/{history[0]['id']}")
        assert receipt["outcome"] == "finished"
        by_key = exact(await ada.ask("GET", "/usage", params={"by": "key"}))
        assert {row["key"] for row in by_key} == {row["key"] for row in history}
        assert sum(row["cost"] for row in by_key) * DOLLAR == cost
        products = exact(await ada.ask("GET", "/usage/products"))
        assert [(row["product"], row["requests"]) for row in products] == [("acme/echo", 2)]
        summary = exact(await ada.ask("GET", "/usage/summary"))
        assert (summary["requests"], summary["cost"] * DOLLAR) == (2, cost)
        lines = exact(await ada.ask("GET", "/wallet/transactions"))
        assert [row["type"] for row in lines["items"]] == ["debit", "debit", "credit"]
        assert lines["total"] == lines["count"] == 3
        assert lines["wallet"]["amount_used"] * DOLLAR == cost
        keys = exact(await ada.ask("GET", "/api-keys"))
        assert sum(key["usage"] for key in keys) * DOLLAR == cost
        assert all(key["key"].startswith("sk-th-…") for key in keys)
        (month,) = await ada.get("/billing/invoices")
        sheet = exact(await ada.ask("GET", f"/billing/invoices/{month['id']}"))
        assert sheet["closing_balance"] * DOLLAR == DOLLAR - cost

        await ada.do("POST", "/auth/logout")
        refused(await ada.ask("GET", "/me"), 401, "invalid_access_token")
        await it.running.clean()


async def test_a_key_is_made_with_limits_changed_rotated_and_revoked(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        owner = await it.join(it.running.account.id, Role.OWNER)
        made = await owner.do(
            "POST",
            "/api-keys",
            {
                "name": "job",
                "models": ["echo"],
                "dayCap": "0.25",
                "month_cap": 5,
                "requests_per_minute": 7,
                "expires_at": "2999-01-01",
            },
        )
        assert (made["models"], made["requests_per_minute"]) == (["acme/echo"], 7)
        assert (made["day_cap"], made["month_cap"]) == (0.25, 5)
        assert made["expires_at"] == "2999-01-02T00:00:00.000Z"
        at = f"/api-keys/{made['id']}"
        changed = await owner.do("PATCH", at, {"day_cap": None, "name": "night job"})
        assert (changed["name"], changed["day_cap"], changed["month_cap"]) == ("night job", None, 5)
        assert (await owner.do("PUT", at, {"month_cap": 0.1}))["month_cap"] == 0.1
        await chat(it.client, made["key"])
        rotated = await owner.do("POST", f"{at}/rotate", {"overlap_seconds": 0})
        assert rotated["key"] != made["key"]
        assert rotated["usage"] > 0
        await chat(it.client, rotated["key"])
        assert (await owner.do("DELETE", at))["state"] == "revoked"
        refused(await owner.ask("POST", f"{at}/rotate"), 404, "key_not_found")
        assert [key["name"] for key in await owner.get("/api-keys")] == ["test"]
        actor = (await it.running.house.billing.audit(it.running.account.id))[0].actor
        assert actor == owner.signed.actor
        for body, code, field in (
            ({"models": ["nothing"]}, "model_not_found", "models"),
            ({"day_cap": -1}, "validation_error", "day_cap"),
            ({"day_cap": "1e3"}, "validation_error", "day_cap"),
            ({"expires_at": "2001-01-01"}, "validation_error", "expires_at"),
            ({"name": 7}, "validation_error", "name"),
            ({"notes": "mine"}, "not_kept", "notes"),
        ):
            status = 404 if code == "model_not_found" else 400
            error = refused(await owner.ask("POST", "/api-keys", body), status, code)
            assert list(error["details"]) == [field]


async def test_a_voucher_is_redeemed_once_whatever_is_sent_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        owner = await it.join(it.running.account.id, Role.OWNER)
        billing = it.running.house.billing
        (one, two) = (await billing.create_vouchers(DOLLAR, count=2)).codes
        worth = await owner.get("/wallet/coupons/validate", code=one)
        assert (worth["amount"], worth["valid"], worth["redeemed"]) == (1, True, False)
        act = ("POST", "/wallet/coupons/redeem", {"coupon_code": one})
        first = await owner.do(*act, **{"Idempotency-Key": "k1"})
        again = await owner.do(*act, **{"Idempotency-Key": "k1"})
        assert (first["idempotency_replay"], again["idempotency_replay"]) == (False, True)
        assert first["transaction_id"] == again["transaction_id"]
        other = await owner.ask(
            "POST",
            "/wallet/coupons/redeem",
            {"code": two},
            headers={"idempotency-key": "k1"},
        )
        refused(other, 409, "idempotency_key_reused")
        assert (await billing.balance(it.running.account.id)).balance == 10**12 + DOLLAR
        await owner.do("POST", "/wallet/coupons/redeem", {"code": two}, **{"Idempotency-Key": "k2"})
        assert (await billing.balance(it.running.account.id)).balance == 10**12 + 2 * DOLLAR
        stranger = await it.stranger()
        taken = await stranger.ask("POST", "/wallet/coupons/redeem", {"coupon_code": one})
        refused(taken, 409, "voucher_redeemed")
        bad = await owner.ask("POST", act[1], act[2], headers={"idempotency-key": "a b"})
        refused(bad, 400, "invalid_idempotency_key")
        await it.running.clean()


async def test_what_takes_cards_is_refused_and_says_how_credit_is_put_in(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        owner = await it.join(it.running.account.id, Role.OWNER)
        for method, path in (
            ("POST", "/wallet/fund"),
            ("PUT", "/wallet/auto-funding"),
            ("POST", "/subscriptions"),
            ("GET", "/billing/stripe-config"),
        ):
            got = await owner.ask(method, path, {"amount": 25} if method != "GET" else None)
            error = refused(got, 402, "payments_not_offered")
            assert "voucher" in error["message"]
        assert await owner.get("/billing/payment-methods") == []
        assert (await owner.get("/billing/overview"))["invoice_count"] == 1
        (plan,) = await owner.get("/subscriptions")
        assert (plan["plan_id"], plan["status"]) == ("free", "active")
        assert (await owner.get(f"/subscriptions/{plan['id']}/status")) == plan


async def test_members_are_invited_come_in_change_and_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        owner = await it.join(it.running.account.id, Role.OWNER)
        guest = await it.stranger()
        email = guest.signed.person.email
        capsys.readouterr()
        invited = await owner.do("POST", "/teams", {"email": email, "role": "viewer"})
        assert (invited["id"], invited["status"], invited["role"]) == (email, "invited", "viewer")
        first = code_of(await letter(capsys))
        await owner.do("POST", f"/teams/{email}/resend-invite")
        code = code_of(await letter(capsys))
        old = await guest.ask("POST", f"/teams/invitations/{first}/accept")
        refused(old, 403, "unusable_link")
        joined = await guest.do("POST", f"/teams/invitations/{code}/accept")
        assert (joined["id"], joined["role"]) == (it.running.account.id, "viewer")
        moved = await guest.do("POST", "/auth/switch-account", {"team_member_id": joined["id"]})
        refused(await guest.ask("GET", "/me"), 401, "invalid_access_token")
        guest.token = moved["access_token"]
        me = await guest.get("/me")
        assert (me["account"], me["role"]) == (it.running.account.id, "viewer")
        assert len(me["accounts"]) == 2
        refused(await guest.ask("POST", "/api-keys", {}), 403, "role_not_enough")
        await owner.do("PUT", f"/teams/{me['id']}", {"role": "developer"})
        await guest.do("POST", "/api-keys", {})
        await owner.do("DELETE", f"/teams/{me['id']}")
        refused(await guest.ask("GET", "/usage"), 403, "no_account")
        refused(await owner.ask("DELETE", f"/teams/{owner.signed.person.id}"), 409, "last_owner")


async def test_tokens_are_listed_without_their_secret_and_end_when_they_are_told_to(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        ada = await it.join(it.running.account.id, Role.OWNER)
        email = ada.signed.person.email
        login = {"email": email, "password": WORDS, "expiry": "1_week", "device_name": "desk"}
        issued = told(await it.client.post(f"{CONTROL}/auth/login", json=login))
        assert issued["token_expiry"] == "1_week"
        desk = Voice(ada.signed, issued["access_token"], it.client)
        rows = await desk.get("/auth/tokens")
        assert [(row["name"], row["current"]) for row in rows] == [("desk", True), ("test", False)]
        assert ada.token not in json.dumps(rows)
        assert issued["access_token"] not in json.dumps(rows)
        fresh = await desk.do("POST", "/auth/refresh")
        refused(await desk.ask("GET", "/me"), 401, "invalid_access_token")
        desk.token = fresh["access_token"]
        assert (await desk.get("/auth/tokens"))[0]["name"] == "desk"
        await desk.do("POST", "/auth/tokens/revoke-others")
        refused(await ada.ask("GET", "/me"), 401, "invalid_access_token")
        made = await desk.do("POST", "/auth/tokens", {"name": "ci", "token_expiry": "never"})
        assert made["expires_at"] is None
        await desk.do("POST", "/auth/logout-all")
        refused(await desk.ask("GET", "/me"), 401, "invalid_access_token")


async def test_a_new_password_ends_every_access_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        ada = await it.join(it.running.account.id, Role.OWNER)
        email = ada.signed.person.email
        capsys.readouterr()
        await it.client.post(f"{CONTROL}/auth/forgot-password", json={"email": email})
        code = code_of(await letter(capsys))
        body = {"email": email, "token": code, "password": OTHER_WORDS}
        wrong = {**body, "password_confirmation": WORDS}
        got = await it.client.post(f"{CONTROL}/auth/reset-password", json=wrong)
        refused(got, 400, "validation_error")
        told(await it.client.post(f"{CONTROL}/auth/reset-password", json=body))
        refused(await ada.ask("GET", "/me"), 401, "invalid_access_token")
        login = {"email": email, "password": OTHER_WORDS}
        ada.token = told(await it.client.post(f"{CONTROL}/auth/login", json=login))["token"]
        change = {"current_password": OTHER_WORDS, "password": WORDS}
        await ada.do("PATCH", "/me/password", change)
        refused(await ada.ask("GET", "/me"), 401, "invalid_access_token")


async def test_coming_in_says_the_same_whoever_is_known(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        ada = await it.join(it.running.account.id, Role.OWNER)
        known, unknown = ada.signed.person.email, "nobody@example.org"
        for path, more in (
            ("/auth/login", {"password": "not the right one"}),
            ("/auth/forgot-password", {}),
            ("/auth/resend-verification", {}),
            ("/auth/signup", {"password": "some long password", "name": "Anybody"}),
        ):
            said: list[tuple[int, Any, Any]] = []
            for email in (known, unknown):
                got = await it.client.post(CONTROL + path, json={"email": email, **more})
                body = got.json()
                names = {name for name in got.headers if not name.startswith("date")}
                said.append((got.status_code, body["error"] or body["data"], names))
            assert said[0] == said[1], path


async def test_no_secret_reaches_a_log_or_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with town(tmp_path) as it:
        ada = await it.join(it.running.account.id, Role.OWNER)
        (code,) = (await it.running.house.billing.create_vouchers(DOLLAR)).codes
        texts: list[str] = []
        for method, path, body in (
            ("POST", "/auth/login", {"email": ada.signed.person.email, "password": WORDS + "x"}),
            ("PATCH", "/me/password", {"current_password": WORDS + "x", "password": OTHER_WORDS}),
            ("POST", "/wallet/coupons/redeem", {"coupon_code": code, "oops": [ada.token]}),
            ("POST", "/auth/reset-password", {"token": 7, "password": WORDS}),
            ("DELETE", "/auth/tokens/" + ada.token, None),
            ("GET", "/no/such/path", None),
        ):
            texts.append((await ada.ask(method, path, body)).text)
        wrong = await it.client.get("/v1/models", headers={"x-api-key": ada.token})
        assert wrong.status_code == 401
        assert wrong.json()["error"]["code"] == "access_token_not_a_key"
        texts.append(wrong.text)
        said = "\n".join(
            [
                *texts,
                *(record.getMessage() for record in caplog.records if record.name == "tokenhouse"),
            ]
        )
        for secret in (ada.token, WORDS + "x", OTHER_WORDS, code, it.running.key):
            assert secret not in said


async def test_a_key_and_a_token_are_each_told_where_they_belong(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        ada = await it.join(it.running.account.id, Role.OWNER)
        for headers in ({"key": it.running.key}, {"authorization": f"bearer {it.running.key}"}):
            got = await it.client.get(f"{CONTROL}/me", headers=headers)
            error = refused(got, 401, "key_not_an_access_token")
            assert "auth/login" in error["message"]
        for headers in ({"key": ada.token}, {"x-api-key": ada.token}):
            assert told(await it.client.get(f"{CONTROL}/me", headers=headers))["role"] == "owner"
        body = {"model": "acme/echo", "messages": [], "key": ada.token}
        got = await it.client.post("/v1/chat/completions", json=body)
        assert got.status_code == 401
        assert "API key" in got.json()["message"]
