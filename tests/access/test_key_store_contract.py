"""What every KeyStore must do: one suite, run on the double in memory and on the durable one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tokenhouse.access import KeyStore, MemoryKeys, hash_secret, new_key
from tokenhouse.clock import ManualClock
from tokenhouse.store import SqliteStore

T0 = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class House:
    """A store with two accounts: ``ada`` on plan free, ``bob`` on plan pro (their ids)."""

    keys: KeyStore
    ada: str
    bob: str


@pytest.fixture(params=["memory", "sqlite"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[House, None]:
    if request.param == "memory":
        keys = MemoryKeys()
        keys.put_account("acc_1", name="ada", plan="free")
        keys.put_account("acc_2", name="bob", plan="pro")
        yield House(keys, "acc_1", "acc_2")
        return
    store = SqliteStore(tmp_path / "house.db", clock=ManualClock())
    await store.start(serve=False)
    ada = await store.create_account("ada", "free", T0)
    bob = await store.create_account("bob", "pro", T0)
    yield House(store, ada.id, bob.id)
    await store.stop()


async def test_a_key_is_found_by_its_digest_only(house: House) -> None:
    made = new_key(house.bob, "ci", now_ms=T0, expires_ms=T0 + 5)
    await house.keys.add_key(made.key)
    caller = house.keys.find_caller(hash_secret(made.secret))
    assert caller is not None
    assert (caller.key, caller.account, caller.account_name) == (made.key.id, house.bob, "bob")
    assert (caller.plan, caller.account_state, caller.key_name) == ("pro", "open", "ci")
    assert caller.expires_ms == T0 + 5
    assert house.keys.find_caller(hash_secret("another")) is None


async def test_keys_are_listed_by_account(house: House) -> None:
    first, second = new_key(house.ada, "", now_ms=T0), new_key(house.bob, "", now_ms=T0)
    await house.keys.add_key(first.key)
    await house.keys.add_key(second.key)
    assert set(await house.keys.keys()) == {first.key, second.key}
    assert await house.keys.keys(house.ada) == (first.key,)
    assert await house.keys.keys("acc_9") == ()


async def test_a_revoked_key_is_found_no_more_and_keeps_its_first_time(house: House) -> None:
    made = new_key(house.ada, "", now_ms=T0)
    await house.keys.add_key(made.key)
    revoked = await house.keys.revoke_key(made.key.id, T0 + 1)
    assert revoked is not None
    assert revoked.revoked_ms == T0 + 1
    assert house.keys.find_caller(made.key.digest) is None
    again = await house.keys.revoke_key(made.key.id, T0 + 2)
    assert again == revoked
    assert await house.keys.revoke_key("key_unknown", T0) is None


async def test_every_change_raises_the_epoch(house: House) -> None:
    epochs = [house.keys.epoch()]
    made = new_key(house.ada, "", now_ms=T0)
    await house.keys.add_key(made.key)
    epochs.append(house.keys.epoch())
    await house.keys.revoke_key(made.key.id, T0 + 1)
    epochs.append(house.keys.epoch())
    assert epochs == sorted(set(epochs))


def test_a_secret_is_never_kept() -> None:
    made = new_key("acc_1", "laptop", now_ms=T0)
    assert made.secret.startswith("sk-th-")
    assert made.key.hint == made.secret[-4:]
    assert made.secret not in repr(made)
