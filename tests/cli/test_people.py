"""``tokenhouse people``: invitations, lists, operators, beside a house."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.access.people_house import WORDS, KeptMail
from tests.cli.conftest import Cli
from tokenhouse.access import People, PeopleSettings, SignedIn
from tokenhouse.clock import SystemClock
from tokenhouse.store import SqliteStore


@pytest.fixture
def house(cli: Cli) -> Cli:
    cli("accounts", "create", "lab")
    return cli


def accepted(data: Path, link: str, name: str) -> SignedIn:
    """What becomes of whoever opens the link."""

    async def accept() -> SignedIn:
        store = SqliteStore(data / "tokenhouse.db", clock=SystemClock())
        await store.start(serve=False)
        settings = PeopleSettings(site="T", url="http://h", sign_up="closed", plan=lambda: "free")
        people = People(store, SystemClock(), settings=settings, mailer=KeptMail())
        try:
            (code,) = parse_qs(urlsplit(link).query)["code"]
            return (await people.accept(code, WORDS, name))[1]
        finally:
            await store.stop()

    return asyncio.run(accept())


def test_an_invitation_prints_a_link_that_makes_a_member(house: Cli) -> None:
    said = house("--json", "people", "invite", "Bob@Example.org", "--account", "lab").json
    assert said["email"] == "bob@example.org"
    assert urlsplit(said["link"]).path == "/invitation"
    bob = accepted(house.data, said["link"], "Bob")
    assert (bob.account_name, bob.role, bob.person.operator) == ("lab", "developer", False)
    (row,) = house("--json", "people", "list").json
    assert row["email"] == "bob@example.org"
    assert [(each["name"], each["role"]) for each in row["accounts"]] == [("lab", "developer")]


def test_an_operator_is_invited_made_and_unmade(house: Cli) -> None:
    link = house("people", "invite", "eve@example.org", "--operator").out.strip()
    eve = accepted(house.data, link, "Eve")
    assert (eve.person.operator, eve.account_name, eve.role) == (True, "Eve", "owner")
    off = house("--json", "people", "operator", "eve@example.org", "--off").json
    assert off["operator"] is False
    assert house("--json", "people", "operator", eve.person.id).json["operator"] is True


def test_who_is_suspended_is_so_until_they_are_opened_again(house: Cli) -> None:
    link = house("people", "invite", "eve@example.org").out.strip()
    accepted(house.data, link, "Eve")
    assert house("--json", "people", "suspend", "eve@example.org").json["state"] == "suspended"
    assert "suspended" in house("people", "list").out
    assert house("--json", "people", "open", "eve@example.org").json["state"] == "open"
    acts = [row["act"] for row in house("--json", "audit").json]
    assert acts.count("people state") == 2
    assert acts.count("people invite") == 1


def test_what_is_nobody_or_no_address_is_said_so(house: Cli) -> None:
    assert (
        house("--json", "people", "suspend", "no@body", code=5).error["code"] == "person_not_found"
    )
    assert house("--json", "people", "invite", "nobody", code=1).error["code"] == "invalid_email"
    assert (
        house("--json", "people", "invite", "a@b", "--role", "owner", code=2).error["code"]
        == "usage"
    )
