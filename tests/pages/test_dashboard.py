"""The pages of an account: who sees what, what forms do, and what can't be reached from outside."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from msgspec import structs

from tests.pages.houses import Elements, valid_html
from tests.pages.insiders import Insider, ask, inside, signed_in
from tests.store.requests import admission, receipt
from tests.support.house import Running
from tokenhouse import ids
from tokenhouse.access import Role
from tokenhouse.pages.static import Static

BUDGET = 60 * 1024
SECRET = re.compile(r"sk-th-[\w-]{20,}")
PAGES = (
    "/dashboard",
    "/dashboard/api-keys",
    "/dashboard/usage",
    "/dashboard/wallet",
)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


async def every_page(running: Running, insider: Insider) -> tuple[str, ...]:
    """Every page of an account with a key, a request and a month."""
    key = (await running.house.billing.keys(running.account.id))[0].id
    receipts = await running.house.billing.receipts(running.account.id, limit=1)
    (month, *_) = await running.house.billing.months(running.account.id)
    return (
        *PAGES,
        f"/dashboard/api-keys/{key}",
        *(f"/dashboard/usage/{row.id}" for row in receipts),
        f"/dashboard/wallet/statements/{month}",
    )


async def make_key(insider: Insider, **fields: str | list[str]) -> httpx.Response:
    once = await insider.field("/dashboard/api-keys", "once")
    return await insider.post("/dashboard/api-keys", once=once, **fields)


async def test_every_page_is_valid_within_its_budget_and_kept_by_nobody(tmp_path: Path) -> None:
    static = Static()
    async with inside(tmp_path) as (running, insider, _):
        assert (await ask(running)).status_code == 200
        for path in await every_page(running, insider):
            answer = await insider.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["cache-control"] == "no-store"
            assert "etag" not in answer.headers
            valid_html(answer.text)
            elements = Elements(answer.text)
            assert len(elements.ids) == len(set(elements.ids)), path
            assert len(elements.every("h1")) == 1, path
            assert not [tag for tag, attributes in elements.tags if "style" in attributes], path
            loaded = [each["src"] for each in elements.every("script") if "src" in each]
            loaded += [e["href"] for e in elements.every("link") if e["rel"] == "stylesheet"]
            sizes = [len(static.files[url.split("/", 3)[3]].body) for url in loaded]
            zipped = len(gzip.compress(answer.content)) + sum(sizes)
            assert len(answer.content) <= BUDGET, path
            assert zipped <= BUDGET, f"{path}: {zipped} bytes with its style and scripts"


async def test_a_stranger_is_sent_to_sign_in_and_no_form_of_theirs_is_heard(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path) as (running, insider, _):
        await ask(running)
        paths = await every_page(running, insider)
        async with httpx.AsyncClient(base_url=running.url) as stranger:
            for path in (*paths, "/dashboard/usage.csv", "/dashboard/wallet.ndjson"):
                answer = await stranger.get(path)
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/sign-in?next=/dashboard")
        key = (await running.house.billing.keys(running.account.id))[0].id
        for path in (
            "/dashboard/api-keys",
            f"/dashboard/api-keys/{key}",
            f"/dashboard/api-keys/{key}/rotate",
            f"/dashboard/api-keys/{key}/revoke",
            "/dashboard/wallet/redeem",
        ):
            for wrong in ({}, {"csrf": "x" * 32}):
                refused = await insider.client.post(path, data={**wrong, "sure": "yes"})
                assert refused.status_code == 403, path
            elsewhere = {"sec-fetch-site": "cross-site"}
            fields = {"csrf": insider.csrf, "sure": "yes"}
            refused = await insider.client.post(path, data=fields, headers=elsewhere)
            assert refused.status_code == 403, path
        assert (await running.house.billing.key(key)).revoked_ms is None


async def test_a_key_is_shown_once_and_made_once_however_often_its_form_is_sent(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path) as (running, insider, _):
        once = await insider.field("/dashboard/api-keys", "once")
        made = await insider.post(
            "/dashboard/api-keys", once=once, name="laptop", models="acme/echo", day_cap="1.5"
        )
        secrets = set(SECRET.findall(made.text))
        assert (made.status_code, len(secrets)) == (200, 1)
        (secret,) = secrets
        assert f"Authorization: Bearer {secret}" in made.text
        assert "YOUR_API_KEY" not in made.text
        assert (await ask(running, secret)).status_code == 200
        again = await insider.post("/dashboard/api-keys", once=once, name="laptop")
        assert again.status_code == 409
        assert "This was done before" in again.text
        keys = await running.house.billing.keys(running.account.id)
        assert [key.name for key in keys] == ["test", "laptop"]
        key = keys[-1]
        assert (key.limits.models, key.limits.day_cap) == (("acme/echo",), 1_500_000_000)
        audit = await running.house.billing.audit(running.account.id)
        assert f"person:{insider.person}" in {act.actor for act in audit}
        for page in (again, *[await insider.get(path) for path in PAGES]):
            assert secret not in page.text
        assert secret not in repr(audit)


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("day_cap", "a lot", "is not an amount"),
        ("month_cap", "0.0000000001", "more than 9 decimals"),
        ("requests_per_minute", "0", "no whole number"),
        ("tokens_per_minute", "1e9", "no whole number"),
        ("concurrent_requests", "-3", "no whole number"),
        ("expires", "2020-01-01", "behind us"),
        ("expires", "tomorrow", "last day"),
        ("models", "acme/none", "acme/none"),
        ("name", "x" * 201, "200 characters"),
    ],
)
async def test_a_form_that_cannot_be_followed_comes_back_as_it_was_typed(
    tmp_path: Path, field: str, text: str, said: str
) -> None:
    async with inside(tmp_path) as (running, insider, _):
        good = {"name": "ci & <co>", "month_cap": "7.25", "tokens_per_minute": "9,000"}
        answer = await make_key(insider, **{**good, field: text})
        assert answer.status_code in (400, 404)
        valid_html(answer.text)
        assert said in answer.text
        typed = {
            each["name"]: each.get("value", "")
            for each in Elements(answer.text).every("input")
            if each.get("type") != "checkbox" and "name" in each
        }
        for name, value in {**good, field: text}.items():
            if name != "models":
                assert typed[name] == value
        assert len(await running.house.billing.keys(running.account.id)) == 1
        key = (await running.house.billing.keys(running.account.id))[0]
        changed = await insider.post(f"/dashboard/api-keys/{key.id}", **{**good, field: text})
        assert changed.status_code in (400, 404)
        assert await running.house.billing.key(key.id) == key


async def test_a_key_is_changed_rotated_once_and_revoked_when_it_is_meant(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        billing = running.house.billing
        key = (await billing.keys(running.account.id))[0]
        path = f"/dashboard/api-keys/{key.id}"
        saved = await insider.post(path, name="renamed", requests_per_minute="30")
        assert saved.status_code == 303
        changed = await billing.key(key.id)
        assert (changed.name, changed.limits.requests_per_minute) == ("renamed", 30)
        form = {"hint": key.hint, "overlap": "1h"}
        rotated = await insider.post(f"{path}/rotate", **form)
        (secret,) = set(SECRET.findall(rotated.text))
        assert "goes on working until" in rotated.text
        again = await insider.post(f"{path}/rotate", **form)
        assert (again.status_code, SECRET.findall(again.text)) == (409, [])
        assert (await ask(running, secret)).status_code == 200
        assert (await ask(running)).status_code == 200  # the old one, for an hour
        assert (
            await insider.post(f"{path}/rotate", hint=secret[-4:], overlap="9y")
        ).status_code == 400
        unsure = await insider.post(f"{path}/revoke")
        assert (unsure.status_code, "Tick the box" in unsure.text) == (400, True)
        assert (await ask(running, secret)).status_code == 200
        assert (await insider.post(f"{path}/revoke", sure="yes")).status_code == 303
        assert (await ask(running, secret)).status_code == 401  # at once
        assert (await ask(running)).status_code == 401
        page = (await insider.get(path)).text
        assert "Rotate the key" not in page
        assert (
            await insider.post(f"{path}/rotate", hint=secret[-4:], overlap="0")
        ).status_code == 409


async def test_a_viewer_sees_everything_and_can_do_nothing(tmp_path: Path) -> None:
    async with inside(tmp_path, Role.VIEWER) as (running, viewer, _):
        await ask(running)
        for path in await every_page(running, viewer):
            answer = await viewer.get(path)
            assert answer.status_code == 200, path
            forms = [each["action"] for each in Elements(answer.text).every("form")]
            assert set(forms) <= {"/dashboard/usage", "/sign-out"}, path
        await _refused_all(running, viewer, money=True, keys=True)


async def test_a_developer_handles_keys_and_no_money(tmp_path: Path) -> None:
    async with inside(tmp_path, Role.DEVELOPER) as (running, developer, _):
        assert "Redeem</button>" not in (await developer.get("/dashboard/wallet")).text
        await _refused_all(running, developer, money=True, keys=False)
        assert (await make_key(developer, name="mine")).status_code == 200


async def _refused_all(running: Running, insider: Insider, *, money: bool, keys: bool) -> None:
    billing = running.house.billing
    made = await billing.create_vouchers(10**9)
    before = await billing.keys(), await billing.balance(running.account.id)
    key = before[0][0]
    acts: dict[str, dict[str, str]] = {}
    if money:
        acts["/dashboard/wallet/redeem"] = {"code": made.codes[0]}
    if keys:
        acts["/dashboard/api-keys"] = {"once": ids.new(ids.KEY, 0), "name": "mine"}
        acts[f"/dashboard/api-keys/{key.id}"] = {"name": "mine"}
        acts[f"/dashboard/api-keys/{key.id}/rotate"] = {"hint": key.hint, "overlap": "0"}
        acts[f"/dashboard/api-keys/{key.id}/revoke"] = {"sure": "yes"}
    for path, fields in acts.items():
        assert (await insider.post(path, **fields)).status_code == 403, path
    assert (await billing.keys(), await billing.balance(running.account.id)) == before


async def test_nothing_of_another_account_is_there(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        billing = running.house.billing
        other = await running.account_with(10**9)
        await ask(running, other)
        theirs = running.keys[other]
        key = (await billing.keys(theirs))[0]
        (receipt,) = await billing.receipts(theirs)
        for path in (
            f"/dashboard/api-keys/{key.id}",
            f"/dashboard/usage/{receipt.id}",
            "/dashboard/usage/req_nothing",
            "/dashboard/api-keys/key_nothing",
            "/dashboard/wallet/statements/2001-01",
        ):
            assert (await insider.get(path)).status_code == 404, path
        for path, fields in (
            ("", {"name": "mine"}),
            ("/rotate", {"hint": key.hint, "overlap": "0"}),
            ("/revoke", {"sure": "yes"}),
        ):
            answer = await insider.post(f"/dashboard/api-keys/{key.id}{path}", **fields)
            assert answer.status_code == 404, path
            assert key.hint not in answer.text
        taken = await insider.post("/dashboard/api-keys", once=key.id, name="mine")
        assert taken.status_code == 404
        assert (await insider.post("/profile/account", account=theirs)).status_code == 404
        assert await billing.key(key.id) == key
        for path in (
            "/dashboard/usage.csv?range=30d",
            f"/dashboard/usage.ndjson?range=30d&key_id={key.id}",
            "/dashboard/wallet.ndjson",
            f"/dashboard/usage?key_id={key.id}",
        ):
            answer = await insider.get(path)
            assert answer.status_code == 200
            assert receipt.id not in answer.text, path
            assert theirs not in answer.text


async def test_what_others_wrote_is_text(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        billing, house = running.house.billing, running.house
        account = await billing.create_account(EVIL, "free")
        evil = await signed_in(running, account=account.id, name="Eve")
        key = (await billing.create_key(account.id, EVIL)).key
        await billing.credit(account.id, 5, reason=EVIL)
        asked = admission(7, account.id, 0)
        await house.store.admit(
            structs.replace(asked, key=key.id, model=EVIL, at_ms=house.clock.now_ms())
        )
        await house.store.close(
            structs.replace(receipt(7, account.id, 0), error=EVIL, finish_reason=EVIL), tokens=0
        )
        member = await signed_in(running, name="<script>Mallory</script>")
        async with evil.client, member.client:
            await make_key(member, name=EVIL)
            for who, path in (
                *((evil, path) for path in (*PAGES, f"/dashboard/api-keys/{key.id}")),
                (evil, f"/dashboard/usage?model={quote(EVIL)}&key_id={quote(EVIL)}"),
                (evil, f"/dashboard/usage/{asked.id}"),
                (evil, f"/dashboard/wallet/statements/{(await billing.months(EVIL))[0]}"),
                (insider, "/dashboard/api-keys"),
                (insider, "/dashboard/usage"),
            ):
                page = (await who.get(path)).text
                valid_html(page)
                assert "<script>alert" not in page
                assert "<script>Mall" not in page
                assert not [e for e in Elements(page).every("img")], path
                assert not [a for _, a in Elements(page).tags if any(n[:2] == "on" for n in a)]
        assert house.started


async def test_a_suspended_account_says_so_and_does_nothing(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        await running.house.billing.change_account(running.account.id, state="suspended")
        for path in PAGES:
            page = await insider.get(path)
            assert page.status_code == 200
            assert "This account is suspended" in page.text
            forms = {each["action"] for each in Elements(page.text).every("form")}
            assert forms <= {"/dashboard/usage", "/sign-out"}, path
        await _refused_all(running, insider, money=True, keys=True)


async def test_who_has_two_accounts_looks_at_the_one_they_chose(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        assert "Look at" not in (await insider.get("/dashboard")).text
        second = await running.house.billing.create_account("second", "free")
        again = await signed_in(running, Role.VIEWER, account=second.id)
        async with again.client:
            assert again.person == insider.person
            page = (await insider.get("/dashboard")).text
            assert "Look at" in page
            chosen = await insider.post("/profile/account", account=second.id, next="/dashboard")
            assert (chosen.status_code, chosen.headers["location"]) == (303, "/dashboard")
            assert "New key" not in (await insider.get("/dashboard/api-keys")).text
            assert (await insider.post("/profile/account", account="acc_1")).status_code == 404
            assert f'value="{second.id}" selected' in (await insider.get("/dashboard")).text


async def test_a_newcomer_is_told_what_to_do_first_until_they_have_done_it(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        page = (await insider.get("/dashboard")).text
        assert "First steps" in page
        assert "curl " in page
        assert "/playground" in page
        await ask(running)
        page = (await insider.get("/dashboard")).text
        assert "First steps" not in page
        assert "1 of" not in page
        assert "Last 30 days" in page
