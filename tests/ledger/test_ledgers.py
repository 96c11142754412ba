"""One contract for every ledger: what is said to one means the same to another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tokenhouse.clock import ManualClock
from tokenhouse.ledger import (
    HOUSE,
    Conflict,
    GrantDue,
    Held,
    HoldAsked,
    Ledger,
    LedgerError,
    MemoryLedger,
    NotEnough,
    Released,
    Settled,
    Unknown,
)
from tokenhouse.store import SqliteStore

NOW = 1_767_225_600_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger(clock)
        return
    store = SqliteStore(tmp_path / "ledger.db", clock=clock)
    await store.start(serve=True)
    yield store
    await store.stop()


async def account_with(ledger: Ledger, amount: int, name: str = "a") -> str:
    account = await ledger.create_account(name, "free", NOW)
    if amount:
        await ledger.credit(account.id, amount, reason="paid", id=f"c-{name}", at_ms=NOW)
    return account.id


def asked(id: str, account: str, amount: int, *, grant: GrantDue | None = None) -> HoldAsked:
    return HoldAsked(id=id, account=account, amount=amount, lease="l", at_ms=NOW, grant=grant)


async def seen(ledger: Ledger, account: str) -> tuple[int, int]:
    balance = await ledger.balance(account)
    return balance.balance, balance.held


async def sound(ledger: Ledger) -> None:
    verification = await ledger.verify()
    assert verification.ok, verification.errors
    total = (await ledger.balance(HOUSE)).balance
    for account in await ledger.accounts():
        postings = await ledger.postings(account.id, limit=10_000)
        assert sum(posting.amount for posting in postings) == account.balance
        total += account.balance
    assert total == 0


async def test_a_settled_hold_charges_what_is_owed_and_frees_the_rest(ledger: Ledger) -> None:
    account = await account_with(ledger, 100)
    assert await ledger.hold(asked("h", account, 60)) == Held(40)
    assert await seen(ledger, account) == (100, 60)
    assert await ledger.settle("h", 25, at_ms=NOW) == Settled(25)
    assert await seen(ledger, account) == (75, 0)
    assert (await ledger.balance(HOUSE)).balance == -75
    await sound(ledger)


async def test_a_hold_above_the_free_balance_changes_nothing(ledger: Ledger) -> None:
    account = await account_with(ledger, 100)
    await ledger.hold(asked("h", account, 60))
    assert await ledger.hold(asked("i", account, 41)) == NotEnough(40)
    assert await ledger.release("i", at_ms=NOW) == Released(found=False)
    assert await ledger.hold(asked("j", account, 40)) == Held(0)
    await sound(ledger)


async def test_owing_more_than_held_is_charged_as_far_as_the_free_balance_reaches(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 100)
    await ledger.hold(asked("h", account, 60))
    await ledger.hold(asked("i", account, 30))
    assert await ledger.settle("h", 90, at_ms=NOW) == Settled(70, lost=20, over=True)
    assert await seen(ledger, account) == (30, 30)
    assert await ledger.settle("i", 30, at_ms=NOW) == Settled(30)
    await sound(ledger)


async def test_a_hold_ends_exactly_once(ledger: Ledger) -> None:
    account = await account_with(ledger, 100)
    for id in ("settled", "released", "expired"):
        lease = "dead" if id == "expired" else "l"
        await ledger.hold(HoldAsked(id=id, account=account, amount=10, lease=lease, at_ms=NOW))
    await ledger.note("expired", 4)
    await ledger.settle("settled", 7, at_ms=NOW)
    await ledger.release("released", at_ms=NOW)
    assert await ledger.expire("dead", at_ms=NOW) == 1
    after = await seen(ledger, account)
    assert after == (89, 0)

    assert await ledger.settle("settled", 7, at_ms=NOW) == Settled(7, replayed=True)
    with pytest.raises(Conflict, match="settled already"):
        await ledger.settle("settled", 8, at_ms=NOW)
    with pytest.raises(Conflict, match="settled already"):
        await ledger.release("settled", at_ms=NOW)
    with pytest.raises(Conflict, match="released already"):
        await ledger.settle("released", 1, at_ms=NOW)
    assert await ledger.release("released", at_ms=NOW) == Released()
    assert await ledger.settle("expired", 9, at_ms=NOW) == Settled(4, lost=5, late=True)
    assert await ledger.release("expired", at_ms=NOW) == Released()
    assert await ledger.expire("dead", at_ms=NOW) == 0
    for id in ("settled", "released", "expired"):
        lease = "dead" if id == "expired" else "l"
        again = HoldAsked(id=id, account=account, amount=10, lease=lease, at_ms=NOW)
        assert await ledger.hold(again) == Held(89, replayed=True)
    with pytest.raises(LedgerError, match="no hold"):
        await ledger.settle("never", 1, at_ms=NOW)
    assert await seen(ledger, account) == after
    await sound(ledger)


async def test_a_hold_said_again_is_recognised_and_with_other_words_a_conflict(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 100)
    await ledger.hold(asked("h", account, 60))
    assert await ledger.hold(asked("h", account, 60)) == Held(40, replayed=True)
    with pytest.raises(Conflict, match="hold h is known"):
        await ledger.hold(asked("h", account, 61))
    assert await seen(ledger, account) == (100, 60)


async def test_an_expired_hold_is_charged_its_last_note_and_never_above_the_hold(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 100)
    await ledger.hold(asked("h", account, 10))
    await ledger.hold(asked("i", account, 10))
    await ledger.hold(asked("j", account, 10))
    await ledger.note("h", 3)
    await ledger.note("h", 6)
    await ledger.note("i", 50)
    await ledger.note("never", 50)
    assert await ledger.expire("l", at_ms=NOW) == 3
    assert await seen(ledger, account) == (84, 0)
    await sound(ledger)


async def test_a_credit_said_again_is_recognised_and_with_other_words_a_conflict(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 100)
    again = await ledger.credit(account, 100, reason="paid", id="c-a", at_ms=NOW + 5)
    assert again.replayed
    assert again.balance == 100
    for amount, reason in ((101, "paid"), (100, "gift")):
        with pytest.raises(Conflict, match="c-a is known"):
            await ledger.credit(account, amount, reason=reason, id="c-a", at_ms=NOW)
    with pytest.raises(LedgerError, match="can't be booked"):
        await ledger.credit(account, 0, reason="", id="z", at_ms=NOW)
    with pytest.raises(LedgerError, match="more than this house can book"):
        await ledger.credit(account, 2**63 - 1, reason="", id="z", at_ms=NOW)
    with pytest.raises(LedgerError, match="no account"):
        await ledger.credit(HOUSE, 1, reason="", id="z", at_ms=NOW)
    await sound(ledger)


async def test_what_the_house_owes_in_all_stays_what_it_can_book(ledger: Ledger) -> None:
    rich = await account_with(ledger, 2**63 - 10)
    other = await account_with(ledger, 1, "b")
    with pytest.raises(LedgerError, match="more than this house can book"):
        await ledger.credit(other, 100, reason="", id="z", at_ms=NOW)
    await ledger.credit(other, 5, reason="", id="z", at_ms=NOW)
    assert (await seen(ledger, rich), await seen(ledger, other)) == ((2**63 - 10, 0), (6, 0))
    await sound(ledger)


async def test_a_reversal_happens_once_and_may_go_below_zero_and_then_nothing_is_admitted(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 100)
    await ledger.hold(asked("h", account, 60))
    await ledger.settle("h", 60, at_ms=NOW)
    reversed_ = await ledger.reverse("c-a", reason="charged back", at_ms=NOW)
    assert (reversed_.amount, reversed_.balance) == (-100, -60)
    assert (await ledger.reverse("c-a", reason="charged back", at_ms=NOW)).replayed
    with pytest.raises(Conflict, match="reversed already"):
        await ledger.reverse("c-a", reason="another", at_ms=NOW)
    with pytest.raises(Unknown, match="no "):
        await ledger.reverse("never", reason="", at_ms=NOW)
    with pytest.raises(LedgerError, match="can't be reversed"):
        await ledger.reverse(reversed_.id, reason="", at_ms=NOW)
    assert await ledger.hold(asked("i", account, 0)) == NotEnough(-60)
    refunded = await ledger.reverse("h", reason="bad answer", at_ms=NOW)
    assert (refunded.amount, refunded.balance) == (60, 0)
    assert await ledger.hold(asked("i", account, 0)) == Held(0)
    await sound(ledger)


async def test_a_grant_is_posted_once_per_period_and_only_with_a_hold_that_stands(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 0)
    due = GrantDue("2026-01", 50, NOW + 1000)
    assert await ledger.hold(asked("h", account, 51, grant=due)) == NotEnough(50)
    assert await ledger.grants(account) == ()
    assert await ledger.hold(asked("i", account, 20, grant=due)) == Held(30)
    assert await ledger.hold(asked("j", account, 31, grant=due)) == NotEnough(30)
    past = GrantDue("2025-12", 50, NOW)
    assert await ledger.hold(asked("k", account, 31, grant=past)) == NotEnough(30)
    (grant,) = await ledger.grants(account)
    assert (grant.period, grant.amount, grant.rest) == ("2026-01", 50, 50)
    await sound(ledger)


async def test_a_plan_that_grants_more_brings_the_difference_and_one_of_less_takes_nothing(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 0)

    def due(amount: int) -> GrantDue:
        return GrantDue("2026-01", amount, NOW + 1000)

    assert await ledger.hold(asked("a", account, 10, grant=due(10))) == Held(0)
    await ledger.settle("a", 10, at_ms=NOW)
    assert await ledger.hold(asked("b", account, 16, grant=due(25))) == NotEnough(15)
    assert await ledger.hold(asked("c", account, 5, grant=due(25))) == Held(10)
    assert await ledger.hold(asked("d", account, 0, grant=due(10))) == Held(10)
    assert await ledger.hold(asked("e", account, 11, grant=due(25))) == NotEnough(10)
    (grant,) = await ledger.grants(account)
    assert (grant.amount, grant.rest) == (25, 15)
    posted = [p.amount for p in await ledger.postings(account) if p.kind == "grant"]
    assert sorted(posted) == [10, 15]
    await ledger.settle("c", 5, at_ms=NOW)
    await ledger.release("d", at_ms=NOW)
    (grant,) = await ledger.grants(account)
    assert grant.rest == 10
    await sound(ledger)


async def test_no_jump_of_the_clock_gives_a_month_twice(ledger: Ledger, clock: ManualClock) -> None:
    account = await account_with(ledger, 0)
    this = GrantDue("2026-01", 50, NOW + 1000)
    next_month = GrantDue("2026-02", 50, NOW + 5000)
    clock.advance(2.0)
    at = clock.now_ms()
    ahead = HoldAsked(id="a", account=account, amount=20, lease="l", at_ms=at, grant=next_month)
    assert await ledger.hold(ahead) == Held(30)
    clock.set_wall(NOW)
    assert await ledger.hold(asked("b", account, 0, grant=this)) == Held(80)
    clock.set_wall(NOW + 2000)
    assert await seen(ledger, account) == (50, 20)  # this month's went at its end
    clock.set_wall(NOW)
    assert await ledger.hold(asked("c", account, 31, grant=this)) == NotEnough(30)
    for id in "ab":
        await ledger.release(id, at_ms=NOW)
    assert await seen(ledger, account) == (50, 0)
    await sound(ledger)


async def test_grants_are_spent_before_credit_earliest_end_first(ledger: Ledger) -> None:
    account = await account_with(ledger, 100)
    late, early = GrantDue("b", 30, NOW + 2000), GrantDue("a", 20, NOW + 1000)
    await ledger.hold(asked("h", account, 100, grant=late))
    await ledger.hold(asked("i", account, 50, grant=early))
    await ledger.settle("h", 25, at_ms=NOW)
    assert [(g.period, g.rest) for g in await ledger.grants(account)] == [("a", 0), ("b", 25)]
    await ledger.settle("i", 50, at_ms=NOW)
    assert [(g.period, g.rest) for g in await ledger.grants(account)] == [("a", 0), ("b", 0)]
    assert await seen(ledger, account) == (75, 0)
    await sound(ledger)


async def test_the_rest_of_a_grant_goes_at_its_end_but_never_what_is_held(
    ledger: Ledger, clock: ManualClock
) -> None:
    account = await account_with(ledger, 10)
    due = GrantDue("a", 50, NOW + 1000)
    await ledger.hold(asked("h", account, 30, grant=due))
    await ledger.release("h", at_ms=NOW)
    await ledger.hold(asked("i", account, 25))
    clock.advance(1.0)
    assert await seen(ledger, account) == (25, 25)
    await ledger.settle("i", 5, at_ms=clock.now_ms())
    assert await seen(ledger, account) == (20, 0)
    await sound(ledger)


async def test_a_name_is_taken_until_its_account_is_closed(ledger: Ledger) -> None:
    first = await ledger.create_account("mill", "free", NOW)
    for name in ("mill", "", HOUSE):
        with pytest.raises(Conflict):
            await ledger.create_account(name, "free", NOW)
    closed = await ledger.change_account(first.id, state="closed")
    assert (closed.state, closed.plan) == ("closed", "free")
    with pytest.raises(Conflict, match="closed"):
        await ledger.change_account(first.id, state="open")
    second = await ledger.create_account("mill", "pro", NOW)
    assert await ledger.find_account("mill") == second
    assert await ledger.find_account(first.id) == closed
    assert await ledger.find_account(HOUSE) is None
    assert {account.id for account in await ledger.accounts()} == {first.id, second.id}
    with pytest.raises(LedgerError, match="closed"):
        await ledger.hold(asked("h", first.id, 0))


async def test_a_verb_is_said_when_it_is_called_and_not_when_it_is_awaited(
    ledger: Ledger,
) -> None:
    account = await account_with(ledger, 100)
    held = ledger.hold(asked("h", account, 60))
    settled = ledger.settle("h", 10, at_ms=NOW)
    balance = await ledger.balance(account)
    assert (balance.balance, balance.held) == (90, 0)
    assert await settled == Settled(10)
    assert await held == Held(40)


async def test_no_admission_takes_a_balance_below_zero(ledger: Ledger) -> None:
    account = await account_with(ledger, 370)
    asks = [ledger.hold(asked(f"h{n}", account, 10)) for n in range(200)]
    answers = [await ask for ask in asks]
    assert sum(isinstance(answer, Held) for answer in answers) == 37
    assert await seen(ledger, account) == (370, 370)
    await sound(ledger)
