"""What every KeyStore must do: one suite, run on the double in memory and on the durable one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tokenhouse.access import (
    KeyChange,
    KeyLimits,
    KeyStore,
    MemoryKeys,
    hash_secret,
    new_key,
    new_rotation,
)
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


async def test_a_change_is_what_is_said_and_nothing_else(house: House) -> None:
    limits = KeyLimits(models=("acme/echo",), day_cap=5, requests_per_minute=3)
    made = new_key(house.ada, "ci", now_ms=T0, expires_ms=T0 + 5, limits=limits)
    await house.keys.add_key(made.key)
    assert await house.keys.keys(house.ada) == (made.key,)
    caller = house.keys.find_caller(made.key.digest)
    assert caller is not None
    assert caller.models == ("acme/echo",)
    assert caller.may_ask("acme/echo")
    assert not caller.may_ask("acme/other")
    before = house.keys.epoch()
    changed = await house.keys.change_key(
        made.key.id, KeyChange(models=None, day_cap=0, month_cap=7, expires_ms=None, name="cd")
    )
    assert changed == replace(
        made.key,
        name="cd",
        expires_ms=None,
        limits=KeyLimits(day_cap=0, month_cap=7, requests_per_minute=3),
    )
    assert await house.keys.keys(house.ada) == (changed,)
    assert house.keys.epoch() > before
    caller = house.keys.find_caller(made.key.digest)
    assert caller is not None
    assert (caller.models, caller.expires_ms, caller.key_name) == (None, None, "cd")
    assert await house.keys.change_key("key_unknown", KeyChange(name="x")) is None


async def test_a_rotated_key_keeps_its_id_and_its_old_secret_for_the_overlap(house: House) -> None:
    made = new_key(house.ada, "ci", now_ms=T0, expires_ms=T0 + 900)
    await house.keys.add_key(made.key)
    rotation, secret = new_rotation(made.key.id, now_ms=T0 + 1, overlap_ms=100)
    before = house.keys.epoch()
    rotated = await house.keys.rotate_key(rotation)
    assert rotated is not None
    assert (rotated.id, rotated.hint, rotated.old_until_ms) == (
        made.key.id,
        secret[-4:],
        T0 + 101,
    )
    assert await house.keys.keys(house.ada) == (rotated,)
    assert house.keys.epoch() > before
    new, old = house.keys.find_caller(hash_secret(secret)), house.keys.find_caller(made.key.digest)
    assert new is not None
    assert old is not None
    assert (new.key, new.expires_ms) == (made.key.id, T0 + 900)
    assert (old.key, old.expires_ms) == (made.key.id, T0 + 101)
    await house.keys.revoke_key(made.key.id, T0 + 2)
    assert house.keys.find_caller(hash_secret(secret)) is None
    assert house.keys.find_caller(made.key.digest) is None
    again, third = new_rotation(made.key.id, now_ms=T0 + 3, overlap_ms=0)
    refused = await house.keys.rotate_key(again)
    assert refused is not None
    assert refused.hint == secret[-4:]
    assert house.keys.find_caller(hash_secret(third)) is None
    assert await house.keys.rotate_key(replace(again, key="key_unknown")) is None


async def test_without_an_overlap_the_old_secret_dies_at_once(house: House) -> None:
    made = new_key(house.ada, "", now_ms=T0)
    await house.keys.add_key(made.key)
    rotation, secret = new_rotation(made.key.id, now_ms=T0 + 1, overlap_ms=0)
    rotated = await house.keys.rotate_key(rotation)
    assert rotated is not None
    assert rotated.old_until_ms is None
    assert house.keys.find_caller(made.key.digest) is None
    assert house.keys.find_caller(hash_secret(secret)) is not None


async def test_a_rotation_from_a_known_hint_happens_once(house: House) -> None:
    made = new_key(house.ada, "ci", now_ms=T0)
    await house.keys.add_key(made.key)
    first, secret = new_rotation(
        made.key.id, now_ms=T0 + 1, overlap_ms=100, from_hint=made.key.hint
    )
    rotated = await house.keys.rotate_key(first)
    assert rotated is not None
    assert rotated.digest == hash_secret(secret)
    again, _ = new_rotation(made.key.id, now_ms=T0 + 2, overlap_ms=0, from_hint=made.key.hint)
    assert await house.keys.rotate_key(again) == rotated
    assert house.keys.find_caller(made.key.digest) is not None
    assert house.keys.find_caller(hash_secret(secret)) is not None
