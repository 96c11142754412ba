"""Who may do what: every route, every role, every id of somebody else's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.control.members import Town, Voice, chat, refused, town
from tokenhouse.access import Role, allows
from tokenhouse.api import CONTROL, control_routes

ROUTES = control_routes()
NOBODYS = "nobodys"


def path_of(path: str, id: str = NOBODYS) -> str:
    return re.sub(r"\{[^}]*\}", id, path)


async def asked(voice: Voice, route: Any, id: str = NOBODYS) -> httpx.Response:
    return await voice.ask(route.method, path_of(route.path, id), route.example or None)


async def test_every_route_asks_for_an_access_token_unless_anyone_may(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        for route in ROUTES:
            got = await it.client.request(route.method, CONTROL + path_of(route.path))
            if route.who == "anyone":
                assert got.status_code != 401 or route.limiter == "auth", route.name
            else:
                refused(got, 401, "missing_access_token")
                assert got.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER])
async def test_a_role_does_what_it_may_and_nothing_else(tmp_path: Path, role: Role) -> None:
    async with town(tmp_path) as it:
        voice = await it.join(it.running.account.id, role)
        for route in ROUTES:
            if route.who != "member":
                continue
            got = await asked(voice, route)
            if allows(role, route.right):
                assert got.json()["error"] is None or got.json()["error"]["code"] != (
                    "role_not_enough"
                ), route.name
            else:
                refused(got, 403, "role_not_enough")
        keys = await it.running.house.billing.keys(it.running.account.id)
        made = 1 if role is Role.DEVELOPER else 0
        assert len(keys) == 1 + made
        assert (await it.running.house.billing.balance(it.running.account.id)).balance == 10**12


async def test_who_belongs_to_no_account_is_told_how_to_choose_one(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        people = it.running.house.people
        voice = await it.join(it.running.account.id, Role.VIEWER)
        await people.remove_member(it.running.account.id, voice.signed.person.id, "test")
        for route in ROUTES:
            if route.who != "member":
                continue
            refused(await asked(voice, route), 403, "no_account")
        me = await voice.get("/me")
        assert (me["account"], me["accounts"], me["wallet"]) == (None, [], None)


async def ids_of(it: Town, voice: Voice) -> dict[str, str]:
    """An id of each kind that the person of ``voice`` has."""
    (key,) = await voice.get("/api-keys")
    (request,) = (await voice.get("/usage/history"))[:1]
    (token,) = (await voice.get("/auth/tokens"))[:1]
    await it.running.house.people.invite(
        voice.signed.account, "invited@example.org", Role.VIEWER, "test"
    )
    return {
        "key": key["id"],
        "request": request["id"],
        "token": token["id"],
        "person": voice.signed.person.id,
        "invited": "invited@example.org",
        "account": voice.signed.account or "",
    }


async def test_an_id_of_somebody_elses_is_as_good_as_none(tmp_path: Path) -> None:
    """Every route with an id, with every kind of id of another account: as if there were no such thing."""
    async with town(tmp_path) as it:
        await chat(it.client, it.running.key)
        mine = await it.join(it.running.account.id, Role.OWNER)
        other = await it.stranger()
        theirs = await ids_of(it, other)
        before = await state_of(it, other)
        for route in ROUTES:
            if "{" not in route.path or route.who == "anyone":
                continue
            for kind, id in theirs.items():
                got = await asked(mine, route, id)
                none = await asked(mine, route, NOBODYS)
                assert got.status_code == none.status_code >= 400, (route.name, kind, got.text)
                same = got.text.replace(id, NOBODYS)
                assert without_ids(same) == without_ids(none.text), (route.name, kind)
        account = theirs["account"]
        got = await mine.ask("POST", "/auth/switch-account", {"account": account})
        refused(got, 404, "account_not_found")
        history = await mine.get("/usage/history", key=theirs["key"])
        assert history == []
        assert await state_of(it, other) == before


async def state_of(it: Town, voice: Voice) -> tuple[Any, ...]:
    billing, people = it.running.house.billing, it.running.house.people
    account = voice.signed.account or ""
    return (
        await billing.keys(account),
        await billing.balance(account),
        await people.members(account),
        await people.invitations(account),
        await people.tokens(voice.signed.person.id),
    )


def without_ids(text: str) -> str:
    return re.sub(r"req_[0-9a-f]{27}", "req", text)
