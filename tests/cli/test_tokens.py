"""``tokenhouse tokens``: access tokens, beside a house."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.access.people_house import KeptMail
from tests.cli.conftest import Cli
from tests.cli.test_people import accepted
from tokenhouse.access import People, PeopleSettings, SignedIn
from tokenhouse.clock import SystemClock
from tokenhouse.errors import AccountError
from tokenhouse.store import SqliteStore


@pytest.fixture
def ada(cli: Cli) -> SignedIn:
    cli("accounts", "create", "lab")
    link = cli("people", "invite", "ada@example.org", "--account", "lab").out.strip()
    return accepted(cli.data, link, "Ada")


def behind(data: Path, secret: str) -> SignedIn:
    """Whom the control plane would take the bearer of ``secret`` for."""

    async def ask() -> SignedIn:
        store = SqliteStore(data / "tokenhouse.db", clock=SystemClock())
        await store.start(serve=False)
        settings = PeopleSettings(site="T", url="http://h", sign_up="closed", plan=lambda: "free")
        try:
            return await People(
                store, SystemClock(), settings=settings, mailer=KeptMail()
            ).by_token(secret)
        finally:
            await store.stop()

    return asyncio.run(ask())


def test_a_token_is_printed_once_and_stands_for_its_person(cli: Cli, ada: SignedIn) -> None:
    secret = cli("tokens", "create", "ada@example.org", "--name", "laptop").out.strip()
    assert secret.startswith("thp_")
    found = behind(cli.data, secret)
    assert (found.person.id, found.account) == (ada.person.id, ada.account)
    (row,) = cli("--json", "tokens", "list", ada.person.id).json
    assert (row["name"], row["hint"], row["ends_ms"]) == ("laptop", secret[-4:], None)
    assert secret not in cli("tokens", "list", ada.person.id).out


def test_a_revoked_token_and_one_that_has_ended_are_refused(cli: Cli, ada: SignedIn) -> None:
    made = cli("--json", "tokens", "create", ada.person.id, "--expires", "30d").json
    assert made["ends_ms"] is not None
    assert cli("tokens", "revoke", ada.person.id, made["id"]).out.strip() == f"revoked {made['id']}"
    with pytest.raises(AccountError):
        behind(cli.data, made["token"])
    assert cli("tokens", "revoke", ada.person.id, "tok_none", code=5).err
    assert cli("tokens", "create", "nobody@example.org", code=5).err
    assert cli("tokens", "create", ada.person.id, "--account", "none", code=5).err
