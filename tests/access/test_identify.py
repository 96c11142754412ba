from __future__ import annotations

import pytest

from tokenhouse.access import Access, MemoryKeys, new_key
from tokenhouse.access.failures import MAX_ADDRESSES, Failures, network
from tokenhouse.clock import ManualClock
from tokenhouse.errors import AccountError

ADDRESS = "192.0.2.7"


class House:
    """One account with one key, an Access in front, and a clock in the hand."""

    def __init__(self, per_minute: int = 3) -> None:
        self.clock = ManualClock()
        self.keys = MemoryKeys()
        self.keys.put_account("acc_1", name="ada")
        self.access = Access(self.keys, clock=self.clock, failed_keys_per_minute=per_minute)

    async def key(self, *, expires_in_s: int | None = None) -> tuple[str, str]:
        now_ms = self.clock.now_ms()
        expires_ms = None if expires_in_s is None else now_ms + 1000 * expires_in_s
        made = new_key("acc_1", "laptop", now_ms=now_ms, expires_ms=expires_ms)
        await self.keys.add_key(made.key)
        return made.key.id, made.secret

    def ask(self, secret: str, address: str = ADDRESS) -> str:
        headers = [(b"authorization", b"Bearer " + secret.encode())]
        return self.access.identify(headers, address=address).key

    def refusal(self, secret: str, address: str = ADDRESS) -> AccountError:
        with pytest.raises(AccountError) as caught:
            self.ask(secret, address)
        return caught.value


async def test_a_caller_is_key_and_account_and_plan() -> None:
    house = House()
    key_id, secret = await house.key()
    caller = house.access.identify([(b"x-api-key", secret.encode())])
    assert (caller.key, caller.account, caller.account_name) == (key_id, "acc_1", "ada")
    assert (caller.plan, caller.key_name, caller.account_state) == ("free", "laptop", "open")


async def test_body_then_query_are_used_only_when_no_header_has_a_key() -> None:
    house = House()
    key_id, secret = await house.key()
    identify = house.access.identify
    assert identify([], body_key=secret).key == key_id
    assert identify([], query_key=secret).key == key_id
    assert identify([(b"key", secret.encode())], body_key="wrong", query_key="wrong").key == key_id
    with pytest.raises(AccountError, match="Incorrect"):
        identify([], body_key="wrong", query_key=secret)
    with pytest.raises(AccountError, match="Incorrect"):
        identify([(b"key", b"wrong")], body_key=secret)


def test_no_key_is_told_apart_from_an_empty_one() -> None:
    identify = House().access.identify
    with pytest.raises(AccountError) as none:
        identify([])
    assert (none.value.status, none.value.code) == (401, "missing_api_key")
    assert "/dashboard/api-keys" in none.value.message
    for given in ({"body_key": ""}, {"query_key": " "}):
        with pytest.raises(AccountError, match="empty") as empty:
            identify([], **given)
        assert (empty.value.status, empty.value.code) == (401, "invalid_api_key")


async def test_the_message_never_echoes_the_key() -> None:
    house = House()
    for secret in ("sk-th-guess", "x" * 600, "Ω" * 20):
        error = house.refusal(secret)
        assert (error.status, error.code) == (401, "invalid_api_key")
        assert secret[:5] not in error.message


async def test_a_cached_caller_costs_no_lookup() -> None:
    house = House()
    _, secret = await house.key()
    for _ in range(10):
        house.ask(secret)
    assert house.keys.lookups == 1


async def test_a_revoked_key_is_refused_within_a_second() -> None:
    house = House()
    key_id, secret = await house.key()
    house.ask(secret)
    await house.keys.revoke_key(key_id, house.clock.now_ms())
    house.clock.advance(1.0)
    assert house.refusal(secret).code == "invalid_api_key"


async def test_a_key_made_a_moment_ago_is_right_at_once() -> None:
    house = House()
    first = await house.key()
    house.ask(first[1])
    second = await house.key()
    assert house.ask(second[1]) == second[0]


async def test_an_expired_key_is_wrong_though_it_is_cached() -> None:
    house = House()
    key_id, secret = await house.key(expires_in_s=5)
    assert house.ask(secret) == key_id
    house.clock.advance(5)
    error = house.refusal(secret)
    assert error.code == "invalid_api_key"
    assert "expired" in error.message


@pytest.mark.parametrize("state", ["suspended", "closed"])
async def test_an_account_that_is_not_open_is_forbidden(state: str) -> None:
    house = House()
    _, secret = await house.key()
    house.ask(secret)
    house.keys.put_account(
        "acc_1", name="ada", state="closed" if state == "closed" else "suspended"
    )
    house.clock.advance(1)
    error = house.refusal(secret)
    assert (error.status, error.code) == (403, f"account_{state}")


async def test_wrong_keys_are_limited_by_address_over_a_sliding_minute() -> None:
    house = House(per_minute=3)
    for _ in range(3):
        assert house.refusal("guess").status == 401
        house.clock.advance(10)
    looked_up = house.keys.lookups
    error = house.refusal("guess")
    assert (error.status, error.code) == (429, "too_many_failed_keys")
    assert error.retry_after_s == pytest.approx(30)
    assert house.keys.lookups == looked_up
    assert house.refusal("guess", "192.0.2.8").status == 401
    house.clock.advance(30)
    assert house.refusal("guess").status == 401
    assert house.refusal("guess").status == 429


async def test_a_key_that_was_right_before_passes_from_a_limited_address() -> None:
    house = House(per_minute=1)
    key_id, secret = await house.key()
    house.ask(secret, "198.51.100.1")
    house.refusal("guess")
    await house.key()  # moves the epoch: what was cached is forgotten
    house.clock.advance(1)
    assert house.refusal("guess").status == 429
    assert house.ask(secret) == key_id


def test_a_missing_key_is_no_failed_key() -> None:
    house = House(per_minute=1)
    for _ in range(3):
        with pytest.raises(AccountError, match="No API key"):
            house.access.identify([], address=ADDRESS)
    assert house.refusal("guess").status == 401


def test_ipv6_counts_by_its_64() -> None:
    assert network("2001:db8:1:2:3::1") == network("2001:db8:1:2:ffff::9")
    assert network("2001:db8:1:2::1") != network("2001:db8:1:3::1")
    assert network("::ffff:192.0.2.7") == network("192.0.2.7")
    assert network("unix") == "unix"


def test_the_table_of_addresses_is_bounded_and_forgets_the_quiet() -> None:
    failures = Failures(1)
    for number in range(MAX_ADDRESSES + 100):
        failures.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(failures) == MAX_ADDRESSES
    failures.add("192.0.2.1", 60.0)
    assert len(failures) == 1
