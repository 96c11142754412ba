"""The operators' API: who may, what it tells, what it changes, and what stands in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.asking import HELLO, frames, http
from tests.support import answers, replies
from tests.support.house import Running, reload, upstream_house
from tests.support.operators import operating, person_of, token_of, told
from tests.support.upstream import Upstream
from tests.test_app_settings import rewritten
from tokenhouse.access import Role
from tokenhouse.api import ADMIN_ROUTES, AdminRoute


@asynccontextmanager
async def _operated(
    tmp_path: Path,
) -> AsyncGenerator[tuple[Running, Upstream, httpx.AsyncClient]]:
    async with upstream_house(tmp_path) as (running, up), operating(running) as client:
        yield running, up, client


def _path(route: AdminRoute, running: Running) -> str:
    return running.url + route.whole.replace("{id}", running.account.id)


async def test_every_route_is_for_operators_alone(tmp_path: Path) -> None:
    """Generated from the table: whoever else asks is refused before anything is read or changed."""
    patient = "\n[server]\nfailed_keys_per_minute = 1000\n"
    async with upstream_house(tmp_path, patient) as (running, _):
        strangers = {
            "nobody": (None, 401),
            "a key": (running.key, 401),
            "a foreign token": ("thp_" + "x" * 43, 401),
        }
        for role in Role:
            person = await person_of(running, f"{role}@example.com", role=role)
            strangers[role] = (await token_of(running, person), 403)
        before = await running.house.billing.audit(limit=1000)
        async with httpx.AsyncClient(timeout=60) as client:
            for route in ADMIN_ROUTES:
                for who, (secret, status) in strangers.items():
                    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
                    got = await client.request(
                        route.method, _path(route, running), headers=headers, json={}
                    )
                    assert got.status_code == status, (route.name, who, got.text)
                    assert running.account.id not in got.text
        assert await running.house.billing.audit(limit=1000) == before
        assert (await running.house.billing.account("tester")).state == "open"


async def test_a_suspended_operators_token_is_refused(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        person = await person_of(running, "olga@example.com", operator=True)
        token = await token_of(running, person)
        await running.house.people.suspend_person(person.id, "cli:test")
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}) as client:
            assert (await client.get(running.url + "/api/admin/v1/me")).status_code == 403


async def test_unknown_paths_and_methods_are_told_to_operators(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (_, _, client):
        assert (await client.get("/nothing")).json()["error"]["code"] == "unknown_path"
        wrong = await client.delete("/accounts")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


async def test_accounts_are_made_found_and_paged(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, client):
        made = await told(await client.post("/accounts", json={"name": "Mill & Sons"}))
        assert (made["name"], made["plan"], made["balance"]) == ("Mill & Sons", "free", 0)
        again = await client.post("/accounts", json={"name": "Mill & Sons"})
        assert again.status_code == 409
        wrong = await client.post("/accounts", json={"name": "x", "plan": "gold"})
        assert wrong.json()["error"]["param"] == "plan"
        found = await told(await client.get("/accounts", params={"search": "mill"}))
        assert found == [made]
        assert await told(await client.get("/accounts", params={"state": "closed"})) == []
        first = (await client.get("/accounts", params={"limit": 1})).json()
        rest = (await client.get("/accounts", params={"limit": 9, "after": first["next"]})).json()
        names = [row["name"] for row in (*first["data"], *rest["data"])]
        assert names == ["Mill & Sons", "olga", "tester"]
        assert rest["next"] is None
        one = await told(await client.get(f"/accounts/{running.account.id}"))
        assert (one["name"], one["balance"]) == ("tester", 10**12)
        assert [key["name"] for key in one["keys"]] == ["test"]
        assert (await client.get("/accounts/nobody")).status_code == 404
        unknown = await client.post("/accounts", json={"name": "y", "colour": "red"})
        assert unknown.status_code == 400
        assert "colour" in unknown.text


async def test_credit_twice_under_one_key_posts_once_and_is_reversed_once(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, client):
        path, body = "/accounts/tester/credit", {"amount": 5, "reason": "invoice 17"}
        headers = {"idempotency-key": "invoice-17"}
        first = await told(await client.post(path, json=body, headers=headers))
        second = await told(await client.post(path, json=body, headers=headers))
        assert (first["replayed"], second["replayed"]) == (False, True)
        assert first["balance"] == second["balance"] == 10**12 + 5
        other = await client.post(path, json={**body, "amount": 6}, headers=headers)
        assert other.status_code == 409
        for wrong in ({"amount": 0, "reason": "x"}, {"amount": 5, "reason": "  "}, {"amount": 5}):
            assert (await client.post(path, json=wrong)).status_code == 400, wrong
        for _ in range(2):
            back = await client.post(
                f"/transfers/{first['id']}/reverse", json={"reason": "bounced"}
            )
            assert (await told(back))["balance"] == 10**12
        rows = await told(await client.get("/audit", params={"account": "tester"}))
        (me,) = [await told(await client.get("/me"))]
        acts = [(row["act"], row["reason"], row["actor"]) for row in rows][:2]
        assert acts == [
            ("ledger reverse", "bounced", f"person:{me['id']}"),
            ("credit", "invoice 17", f"person:{me['id']}"),
        ]
        postings = await told(await client.get("/accounts/tester/postings"))
        assert [row["kind"] for row in postings] == ["reverse", "credit", "credit"]
        await running.clean()


async def test_suspending_ends_and_settles_what_runs_before_it_answers(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, up, client), http(running) as caller:
        stream = await _begun(running, up, caller)
        changed = await told(
            await client.patch("/accounts/tester", json={"state": "suspended", "reason": "abuse"})
        )
        assert (changed["ended"], changed["account"]["held"]) == (1, 0)
        assert frames(await stream)[-1]["error"]["code"] == "account_suspended"
        await running.clean()
        (receipt,) = await told(await client.get("/accounts/tester/receipts"))
        assert (receipt["outcome"], receipt["error"]) == ("cancelled", "account_suspended")
        assert receipt["cost"] > 0
        opened = await client.patch("/accounts/tester", json={"state": "open", "reason": "sorry"})
        assert (await told(opened))["account"]["state"] == "open"
        nothing = await client.patch("/accounts/tester", json={"reason": "why not"})
        assert nothing.status_code == 400


async def test_one_live_request_is_cancelled_with_a_receipt_and_a_row(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, up, client), http(running) as caller:
        stream = await _begun(running, up, caller)
        (live,) = await told(await client.get("/requests"))
        assert (live["account_name"], live["state"], live["answer_tokens"]) == (
            "tester",
            "answering",
            1,
        )
        receipt = await told(
            await client.post(f"/requests/{live['id']}/cancel", json={"reason": "runaway"})
        )
        assert (receipt["outcome"], receipt["cost"]) == ("cancelled", live["owed"])
        assert frames(await stream)[-1]["error"]["code"] == "cancelled_by_operator"
        again = await client.post(f"/requests/{live['id']}/cancel", json={})
        assert again.json()["error"]["code"] == "request_not_live"
        assert await told(await client.get("/requests")) == []
        (row,) = await told(await client.get("/audit", params={"act": "requests cancel"}))
        assert (row["subject"], row["reason"], row["account"]) == (
            live["id"],
            "runaway",
            running.account.id,
        )
        assert row["after"]["cost"] == receipt["cost"]
        await running.clean()


async def test_routes_tell_their_failures_and_are_reset(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, up, client), http(running) as caller:
        up.always(replies.error(500))
        for _ in range(running.house.config.routing.failures_to_open):
            failed = await caller.post("/v1/chat/completions", json=HELLO)
            assert failed.status_code == 502
        (route,) = await told(await client.get("/routes"))
        assert (route["provider"], route["breaker"]) == ("up", "resting")
        assert route["failed"] == route["attempts"] == route["failures_in_row"]
        assert route["last_error"] == "upstream_error"
        errors = await told(await client.get("/errors", params={"text": "up"}))
        assert len(errors) == route["failed"]
        assert {row["outcome"] for row in errors} == {"failed"}
        assert await told(await client.get("/errors", params={"text": "tester"})) == errors
        assert await told(await client.get("/errors", params={"text": "no such"})) == []
        refusals = await told(await client.get("/refusals"))
        assert {row["status"] for row in refusals} == {502}
        reset = {"provider": "up", "model": "m"}
        assert await told(await client.post("/routes/reset", json=reset)) == reset
        (route,) = await told(await client.get("/routes"))
        assert (route["breaker"], route["failures_in_row"]) == ("closed", 0)
        missing = await client.post("/routes/reset", json={"provider": "up", "model": "other"})
        assert missing.status_code == 404
        (row,) = await told(await client.get("/audit", params={"act": "routes reset"}))
        assert row["subject"] == "up/m"


async def test_a_reload_with_a_bad_file_keeps_what_runs_and_says_why(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, client):
        rewritten(running, ('input = "0.35"', 'input = "0.45"'))
        found = await told(await client.get("/settings"))
        (row,) = found["differences"]
        assert (row["key"], row["running"], row["written"]) == ("price.input", "$0.35", "$0.45")
        rewritten(running, ('input = "0.45"', "input = 1"))
        kept = await told(await client.post("/settings/reload", json={"reason": "cheaper"}))
        assert not kept["taken"]
        assert "models[0].price.input" in kept["problems"][0]
        (model,) = await told(await client.get("/models"))
        assert model["price"]["input"] == 350_000
        rewritten(running, ("input = 1", 'input = "0.45"'))
        taken = await told(await client.post("/settings/reload", json={}))
        assert taken["taken"]
        (model,) = await told(await client.get("/models"))
        assert model["price"]["input"] == 450_000
        prices = await told(await client.get("/prices", params={"model": "echo"}))
        assert [price["input"] for price in prices] == [350_000, 450_000]
        rows = await told(await client.get("/audit", params={"act": "settings reload"}))
        assert [row["after"]["taken"] for row in rows] == [True, False]
        reload(running, ('output = "0.56"', 'output = "0.57"'))


async def test_the_books_are_verified_and_told(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, up, client), http(running) as caller:
        assert await told(await client.post("/ledger/verify")) == {
            "ok": True,
            "open_holds": 0,
            "errors": [],
        }
        stream = await _begun(running, up, caller)
        books = await told(await client.get("/ledger"))
        (hold,) = books["holds"]
        (lease,) = books["leases"]
        assert (hold["account"], hold["lease"]) == (running.account.id, lease["id"])
        assert lease["holds"] == 1
        (live,) = running.house.relay.live.listed()
        assert hold["id"] == live.id
        await client.post(f"/requests/{live.id}/cancel", json={})
        await stream
        usage = await told(await client.get("/usage", params={"by": "account,model"}))
        assert (usage[0]["model"], usage[0]["requests"]) == ("acme/echo", 1)
        mine = await told(await client.get("/accounts/tester/usage", params={"by": "day"}))
        assert mine[0]["cost"] == usage[0]["cost"]
        assert (await client.get("/usage", params={"by": "colour"})).status_code == 400


async def test_the_audit_log_is_filtered_paged_and_exported(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, client):
        await running.house.billing.as_actor("cli:ada").create_account("=HYPER()", "free")
        await client.post("/accounts", json={"name": "lantern"})
        for name, value, subjects in (
            ("actor", "cli:ada", 1),
            ("text", "accounts create", 4),
            ("since", "2999-01-01", 0),
            ("until", "2000-01-01", 0),
        ):
            rows = await told(await client.get("/audit", params={name: value}))
            assert len(rows) == subjects, (name, rows)
        page = (await client.get("/audit", params={"limit": 1})).json()
        after = (await client.get("/audit", params={"limit": 1, "after": page["next"]})).json()
        assert page["data"][0]["seq"] == after["data"][0]["seq"] + 1
        csv = await client.get("/audit", params={"format": "csv"})
        assert csv.headers["content-disposition"] == 'attachment; filename="audit.csv"'
        lines = csv.text.splitlines()
        assert lines[0] == "seq,at,actor,act,subject,account,reason,before,after"
        assert len(lines) == 1 + len(await told(await client.get("/audit")))
        assert (await client.get("/audit", params={"after": "x"})).status_code == 400
        assert (await client.get("/audit", params={"since": "soon"})).status_code == 400


async def test_people_are_invited_suspended_and_made_operators(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, client):
        asked = {"email": "v@example.com", "account": "tester", "role": "viewer"}
        invitation = await told(await client.post("/invitations", json=asked))
        assert invitation["link"].startswith(running.url)
        half = {"email": "v@example.com", "account": "tester"}
        assert (await client.post("/invitations", json=half)).status_code == 400
        person = await person_of(running, "w@example.com", role=Role.VIEWER)
        found = await told(await client.get("/people", params={"search": "w@ex"}))
        assert [row["id"] for row in found] == [person.id]
        changed = await client.patch(f"/people/{person.id}", json={"state": "suspended"})
        assert (await told(changed))["state"] == "suspended"
        changed = await client.patch(
            f"/people/{person.id}", json={"state": "open", "operator": True}
        )
        assert (await told(changed))["operator"] is True
        me = await told(await client.get("/me"))
        own = await client.patch(f"/people/{me['id']}", json={"operator": False})
        assert own.status_code == 409
        one = await told(await client.get("/accounts/tester"))
        assert [(row["email"], row["role"]) for row in one["members"]] == [
            ("w@example.com", "viewer")
        ]


async def test_a_key_is_revoked_by_an_operator(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, client), http(running) as caller:
        (key,) = (await told(await client.get("/accounts/tester")))["keys"]
        revoked = await told(await client.post(f"/keys/{key['id']}/revoke"))
        assert revoked["revoked_at"] is not None
        running.house.clock.monotonic()
        assert (await client.post("/keys/none/revoke")).status_code == 404
        (row, *_) = await told(await client.get("/audit"))
        assert (row["act"], row["subject"]) == ("keys revoke", key["id"])
        del caller


@pytest.mark.parametrize("route", ADMIN_ROUTES, ids=lambda route: route.name)
def test_each_route_is_described_as_it_is(route: AdminRoute) -> None:
    from tokenhouse.api.openapi import described

    document: dict[str, Any] = described("House", "http://house", "1")
    operation = document["paths"][route.whole][route.method.lower()]
    assert operation["operationId"] == f"admin.{route.name}"
    named = {
        f"{{{each['name']}}}" for each in operation.get("parameters", ()) if each["in"] == "path"
    }
    assert named == {piece for piece in route.path.split("/") if piece.startswith("{")}
    schemas = document["components"]["schemas"]
    assert f"Admin{route.gives.__name__}" in schemas


async def _begun(running: Running, up: Upstream, caller: httpx.AsyncClient) -> asyncio.Task[str]:
    """A stream that has given its first word, and will give no other."""
    del running
    never, began = asyncio.Event(), asyncio.Event()
    up.script(replies.stream([answers.role(), answers.text("one"), never, answers.end()]))

    async def ask() -> str:
        text = ""
        body = {**HELLO, "stream": True}
        async with caller.stream("POST", "/v1/chat/completions", json=body) as got:
            async for piece in got.aiter_text():
                text += piece
                if "one" in text:
                    began.set()
        return text

    asking = asyncio.create_task(ask())
    async with asyncio.timeout(30):
        await began.wait()
    return asking
