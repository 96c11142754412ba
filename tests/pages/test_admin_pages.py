"""The operators' pages over a socket: who may, whose form counts, what is told and what is not run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.acceptance.asking import HELLO, http
from tests.pages.houses import valid_html
from tests.support import answers, replies
from tests.support.house import Running, upstream_house
from tests.support.operators import browser_of, person_of
from tests.support.upstream import Upstream
from tests.test_app_settings import rewritten
from tokenhouse.access import Role
from tokenhouse.pages import AdminPages, Office, Site

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PAGES = (
    *("/admin", "/admin/accounts", "/admin/requests", "/admin/health", "/admin/settings"),
    *("/admin/prices", "/admin/errors", "/admin/ledger", "/admin/audit", "/admin/people"),
)


def _routes(running: Running) -> tuple[tuple[str, str], ...]:
    """Every (method, path) of the operators' pages, with ids that are there."""
    house = running.house
    office = Office(
        desk=house.desk,
        people=house.people,
        prices=house.prices,
        catalogue=lambda: house.catalogue,
        ready=lambda id: bool(id),
        site=Site(name="", url=running.url),
        clock=house.clock,
    )
    return tuple(
        (method, path.replace("{id}", running.account.id))
        for method, path in AdminPages(office).routes()
    )


@asynccontextmanager
async def _operated(
    tmp_path: Path, extra: str = ""
) -> AsyncGenerator[tuple[Running, Upstream, httpx.AsyncClient]]:
    async with upstream_house(tmp_path, extra) as (running, up):
        person = await person_of(running, "olga@example.com", operator=True)
        async with await browser_of(running, person) as browser:
            yield running, up, browser


async def _send(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """A form of this browser's session, and the page that it leads to."""
    form = {"csrf": browser.headers["x-test-csrf"], **fields}
    return await browser.post(path, data=form, follow_redirects=True)


async def test_every_page_is_for_operators_alone(tmp_path: Path) -> None:
    """Generated from the routes: a stranger is sent to sign in, anybody else is refused."""
    async with upstream_house(tmp_path) as (running, _):
        routes = _routes(running)
        before = await running.house.billing.audit(limit=1000)
        async with httpx.AsyncClient(base_url=running.url) as nobody:
            for method, path in routes:
                headers = {"authorization": f"Bearer {running.key}"}
                got = await nobody.request(method, path, headers=headers, data={"csrf": "x"})
                assert got.status_code in (303, 403), (method, path)
                if got.status_code == 303:
                    assert got.headers["location"].startswith("/sign-in?next=")
        for role in Role:
            person = await person_of(running, f"{role}@example.com", role=role)
            async with await browser_of(running, person) as browser:
                for method, path in routes:
                    form = {"csrf": browser.headers["x-test-csrf"], "reason": "x"}
                    data = form if method == "POST" else None
                    got = await browser.request(method, path, data=data)
                    assert got.status_code == 403, (role, method, path)
                    assert "Only an operator" in got.text
                    assert "Balance" not in got.text
        acts = await running.house.billing.audit(limit=1000)
        assert len(acts) == len(before) + 3 * 2  # each was invited and came in
        assert not any(act.subject == running.account.id for act in acts[: -len(before)])


async def test_no_form_counts_without_its_sessions_csrf(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, browser):
        other = await person_of(running, "oskar@example.com", operator=True)
        async with await browser_of(running, other) as second:
            foreign = second.headers["x-test-csrf"]
        before = await running.house.billing.audit(limit=1000)
        for method, path in _routes(running):
            if method != "POST":
                continue
            for csrf in ("", "x" * 43, foreign):
                form = {"csrf": csrf, "amount": "5", "reason": "x", "state": "closed"}
                got = await browser.post(path, data=form)
                assert got.status_code == 403, (path, csrf)
            crossed = {"csrf": browser.headers["x-test-csrf"], "reason": "x"}
            got = await browser.post(path, data=crossed, headers={"sec-fetch-site": "cross-site"})
            assert got.status_code == 403, path
        assert await running.house.billing.audit(limit=1000) == before


async def test_every_page_is_html_that_holds_and_nothing_in_it_runs(tmp_path: Path) -> None:
    """Stored XSS: through an account's name, a key's, a person's, and every reason."""
    async with _operated(tmp_path) as (running, up, browser):
        billing = running.house.billing
        account = await billing.create_account(NASTY, "free")
        await billing.create_key(account.id, NASTY)
        people = running.house.people
        link = await people.invite(account.id, "n@example.com", Role.OWNER, "cli:test")
        await people.accept(link.partition("code=")[2], "correct horse battery", NASTY)
        path = f"/admin/accounts/{account.id}"
        for act, fields in (
            ("credit", {"amount": "5"}),
            ("plan", {"plan": "narrow"}),
            ("state", {"state": "suspended"}),
        ):
            got = await _send(browser, f"{path}/{act}", reason=NASTY, **fields)
            assert got.status_code == 200, got.text
        up.always(replies.error(500))
        async with http(running) as caller:
            await caller.post("/v1/chat/completions", json=HELLO)
        rewritten(running, ("[plans.free]", '[plans.free]\n"<script>x" = 1'))
        for page in (*PAGES, path, f"/admin/audit?account={account.id}"):
            got = await browser.get(page)
            assert got.status_code == 200, (page, got.text)
            valid_html(got.text)
            assert "<script>alert" not in got.text, page
            assert "<script>x" not in got.text, page
            assert "<img" not in got.text, page
            assert got.headers["cache-control"] == "no-store"
        listed = await browser.get("/admin/accounts", params={"q": '"><script>alert(3)</script>'})
        assert "<script>alert" not in listed.text
        valid_html(listed.text)


async def test_a_form_sent_twice_credits_once_and_a_wrong_one_is_shown_as_typed(
    tmp_path: Path,
) -> None:
    async with _operated(tmp_path) as (running, _, browser):
        path = f"/admin/accounts/{running.account.id}"
        fields = {"amount": "5.00", "reason": "invoice 17", "once": "form_a"}
        first = await _send(browser, f"{path}/credit", **fields)
        assert "The credit was posted." in first.text
        second = await _send(browser, f"{path}/credit", **fields)
        assert "nothing was posted again" in second.text
        assert (await running.house.billing.balance("tester")).balance == 10**12 + 5 * 10**9
        wrong = await _send(browser, f"{path}/credit", amount="lots", reason="why")
        assert wrong.status_code == 400
        assert 'value="lots"' in wrong.text
        assert 'value="why"' in wrong.text
        none = await _send(browser, f"{path}/credit", amount="5", reason=" ")
        assert none.status_code == 400
        assert "Say why" in none.text
        other = await running.house.billing.create_account("other", "free")
        put = await running.house.billing.credit(other.id, 7)
        slip = await _send(browser, f"{path}/reverse", transfer=put.id, reason="x")
        assert slip.status_code == 404
        assert (await running.house.billing.balance("other")).balance == 7
        plan = await _send(browser, f"{path}/plan", plan="gold", reason="x")
        assert plan.status_code == 400


async def test_a_live_request_is_ended_from_its_page(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, up, browser), http(running) as caller:
        never = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), never, answers.end()]))
        began = asyncio.Event()

        async def ask() -> None:
            body = {**HELLO, "stream": True}
            async with caller.stream("POST", "/v1/chat/completions", json=body) as got:
                async for _ in got.aiter_bytes():
                    began.set()

        asking = asyncio.create_task(ask())
        await began.wait()
        (live,) = running.house.relay.live.listed()
        page = await browser.get("/admin/requests")
        assert live.id in page.text
        ledger = await browser.get("/admin/ledger")
        assert "in 1 hold." in ledger.text
        ended = await _send(browser, "/admin/requests", request=live.id, reason="runaway")
        assert "what was delivered is settled" in ended.text
        assert "Nothing is being answered." in ended.text
        await asking
        gone = await _send(browser, "/admin/requests", request=live.id)
        assert gone.status_code == 404
        verified = await _send(browser, "/admin/ledger")
        assert "every transfer sums to zero" in verified.text
        await running.clean()


async def test_settings_that_are_wrong_are_told_by_their_key(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, browser):
        rewritten(running, ('input = "0.35"', 'input = "0.45"'))
        page = await browser.get("/admin/settings")
        assert "<del>$0.35</del>" in page.text
        rewritten(running, ('input = "0.45"', "input = 1"))
        page = await _send(browser, "/admin/settings", reason="try")
        assert "models[0].price.input" in page.text
        assert "The settings were taken." not in page.text
        assert running.house.catalogue.models[0].price is not None
        assert running.house.catalogue.models[0].price.input == 350_000
        rewritten(running, ("input = 1", 'input = "0.45"'))
        page = await _send(browser, "/admin/settings")
        assert "The settings were taken." in page.text
        assert "The file says what runs." in page.text


async def test_the_audit_log_is_exported_as_it_is_filtered(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (_, _, browser):
        await _send(browser, "/admin/accounts", name="=cmd()", plan="free")
        got = await browser.get("/admin/audit.csv", params={"act": "accounts create"})
        assert got.headers["content-type"].startswith("text/csv")
        assert len(got.text.splitlines()) == 4
        assert (await browser.get("/admin/audit.ndjson")).status_code == 200
        mine = await browser.get("/admin/audit", params={"actor": "olga@example.com", "q": "acc"})
        assert "=cmd()" in mine.text
        assert "tester" not in mine.text.partition("<table")[2]
        assert (await browser.get("/admin/audit", params={"since": "soon"})).status_code == 400
        assert (await browser.get("/admin/audit", params={"account": "x"})).status_code == 404


async def test_an_invitation_to_operate_the_house_can_be_withdrawn(tmp_path: Path) -> None:
    async with _operated(tmp_path) as (running, _, browser):
        people = running.house.people
        await _send(browser, "/admin/people/invite", email="oops@example.com", operator="yes")
        (waiting,) = await people.invitations(None)
        assert waiting.operator
        page = await browser.get("/admin/people")
        assert "Withdraw the invitation of oops@example.com" in page.text
        valid_html(page.text)
        got = await _send(browser, "/admin/people", do="withdraw", email="oops@example.com")
        assert "The invitation works no more." in got.text
        assert await people.invitations(None) == ()
