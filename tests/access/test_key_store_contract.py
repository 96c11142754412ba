"""What every KeyStore must do. The durable one runs the same sentences."""

from __future__ import annotations

import pytest

from tokenhouse.access import KeyStore, MemoryKeys, hash_secret, new_key

T0 = 1_767_225_600_000


@pytest.fixture
def keys() -> KeyStore:
    store = MemoryKeys()
    store.put_account("acc_1", name="ada", plan="free")
    store.put_account("acc_2", name="bob", plan="pro")
    return store


async def test_a_key_is_found_by_its_digest_only(keys: KeyStore) -> None:
    made = new_key("acc_2", "ci", now_ms=T0, expires_ms=T0 + 5)
    await keys.add_key(made.key)
    caller = keys.find_caller(hash_secret(made.secret))
    assert caller is not None
    assert (caller.key, caller.account, caller.account_name) == (made.key.id, "acc_2", "bob")
    assert (caller.plan, caller.account_state, caller.key_name) == ("pro", "open", "ci")
    assert caller.expires_ms == T0 + 5
    assert keys.find_caller(hash_secret("another")) is None


async def test_keys_are_listed_by_account(keys: KeyStore) -> None:
    first, second = new_key("acc_1", "", now_ms=T0), new_key("acc_2", "", now_ms=T0)
    await keys.add_key(first.key)
    await keys.add_key(second.key)
    assert set(await keys.keys()) == {first.key, second.key}
    assert await keys.keys("acc_1") == (first.key,)
    assert await keys.keys("acc_9") == ()


async def test_a_revoked_key_is_found_no_more_and_keeps_its_first_time(keys: KeyStore) -> None:
    made = new_key("acc_1", "", now_ms=T0)
    await keys.add_key(made.key)
    revoked = await keys.revoke_key(made.key.id, T0 + 1)
    assert revoked is not None
    assert revoked.revoked_ms == T0 + 1
    assert keys.find_caller(made.key.digest) is None
    again = await keys.revoke_key(made.key.id, T0 + 2)
    assert again == revoked
    assert await keys.revoke_key("key_unknown", T0) is None


async def test_every_change_raises_the_epoch(keys: KeyStore) -> None:
    epochs = [keys.epoch()]
    made = new_key("acc_1", "", now_ms=T0)
    await keys.add_key(made.key)
    epochs.append(keys.epoch())
    await keys.revoke_key(made.key.id, T0 + 1)
    epochs.append(keys.epoch())
    assert epochs == sorted(set(epochs))


def test_a_secret_is_never_kept() -> None:
    made = new_key("acc_1", "laptop", now_ms=T0)
    assert made.secret.startswith("sk-th-")
    assert made.key.hint == made.secret[-4:]
    assert made.secret not in repr(made)
