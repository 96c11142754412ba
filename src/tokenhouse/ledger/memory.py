"""The ledger in memory: the same sentences and rules as any other, gone when the process ends.

For tests and simulations. Every verb acts when it is called; the awaitable only carries its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from tokenhouse import ids
from tokenhouse.clock import Clock
from tokenhouse.ledger import rules
from tokenhouse.ledger.port import HOUSE
from tokenhouse.ledger.values import (
    Account,
    AccountState,
    Balance,
    Conflict,
    Credited,
    Grant,
    GrantDue,
    Held,
    HoldAsked,
    HoldState,
    LedgerError,
    NotEnough,
    Posting,
    PostingKind,
    Released,
    Settled,
    Unknown,
    Verification,
)

T = TypeVar("T")


class MemoryLedger:
    """A ledger that forgets; implements ``ledger.Ledger``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._holds: dict[str, _Hold] = {}
        self._transfers: list[_Transfer] = []

    def create_account(self, name: str, plan: str, at_ms: int) -> Said[Account]:
        return _say(lambda: self._create_account(name, plan, at_ms))

    def change_account(
        self, account: str, *, plan: str | None = None, state: AccountState | None = None
    ) -> Said[Account]:
        return _say(lambda: self._change_account(account, plan, state))

    def find_account(self, name_or_id: str) -> Said[Account | None]:
        return _say(lambda: self._find_account(name_or_id))

    def accounts(self) -> Said[tuple[Account, ...]]:
        return _say(lambda: tuple(account.seen() for account in self._accounts.values()))

    def balance(self, account: str) -> Said[Balance]:
        return _say(lambda: self._balance(account))

    def credit(
        self, account: str, amount: int, *, reason: str, id: str, at_ms: int
    ) -> Said[Credited]:
        asked = _Transfer(id, account, amount, "credit", at_ms, reason)
        return _say(lambda: self._credit(asked))

    def reverse(self, transfer: str, *, reason: str, at_ms: int) -> Said[Credited]:
        return _say(lambda: self._reverse(transfer, reason, at_ms))

    def hold(self, asked: HoldAsked) -> Said[Held | NotEnough]:
        return _say(lambda: self._hold(asked))

    def settle(self, hold: str, owed: int, *, at_ms: int) -> Said[Settled]:
        return _say(lambda: self._settle(hold, owed, at_ms))

    def release(self, hold: str, *, at_ms: int) -> Said[Released]:
        return _say(lambda: self._release(hold, at_ms))

    def note(self, hold: str, owed: int) -> Said[None]:
        return _say(lambda: self._note(hold, owed))

    def expire(self, lease: str, *, at_ms: int) -> Said[int]:
        return _say(lambda: self._expire(lease, at_ms))

    def grants(self, account: str) -> Said[tuple[Grant, ...]]:
        return _say(lambda: tuple(self._known(account).grants))

    def postings(self, account: str, *, limit: int = 100) -> Said[tuple[Posting, ...]]:
        return _say(lambda: self._postings(account, limit))

    def verify(self) -> Said[Verification]:
        return _say(self._verify)

    def _create_account(self, name: str, plan: str, at_ms: int) -> Account:
        if not name or name == HOUSE or self._find_account(name) is not None:
            raise Conflict(f"there is an account named {name!r} already")
        account = _Account(id=ids.new(ids.ACCOUNT, at_ms), name=name, plan=plan, created_ms=at_ms)
        self._accounts[account.id] = account
        return account.seen()

    def _change_account(self, id: str, plan: str | None, state: AccountState | None) -> Account:
        account = self._known(id)
        if state is not None and state != "closed" and account.state == "closed":
            raise Conflict(f"account {id} is closed and stays so")
        account.plan = account.plan if plan is None else plan
        account.state = account.state if state is None else state
        return account.seen()

    def _find_account(self, name_or_id: str) -> Account | None:
        if name_or_id in self._accounts:
            return self._accounts[name_or_id].seen()
        for account in self._accounts.values():
            if account.name == name_or_id and account.state != "closed":
                return account.seen()
        return None

    def _balance(self, id: str) -> Balance:
        if id == HOUSE:
            return Balance(-sum(transfer.amount for transfer in self._transfers), 0)
        account = self._known(id)
        self._end_grants(account, self._clock.now_ms())
        return Balance(account.balance, account.held)

    def _credit(self, asked: _Transfer) -> Credited:
        account = self._known(asked.account)
        rules.checked_amount(asked.amount, least=1)
        for known in self._transfers:
            if known.id == asked.id:
                if replace(known, at_ms=asked.at_ms) != asked:
                    raise Conflict(
                        f"transfer {asked.id} is known with another account, amount or reason"
                    )
                return Credited(asked.id, account.id, asked.amount, account.balance, replayed=True)
        rules.checked_sum(account.balance, asked.amount)
        rules.checked_sum(self._balance(HOUSE).balance, -asked.amount)
        self._post(account, asked)
        return Credited(asked.id, account.id, asked.amount, account.balance)

    def _reverse(self, id: str, reason: str, at_ms: int) -> Credited:
        found = next((t for t in self._transfers if t.id == id), None)
        if found is None:
            raise Unknown(f"there is no transfer {id}")
        if found.kind not in rules.REVERSIBLE:
            raise LedgerError(f"a {found.kind} can't be reversed (transfer {id})")
        account = self._known(found.account)
        new = _Transfer(
            rules.reverse_transfer(id), account.id, -found.amount, "reverse", at_ms, reason
        )
        known = next((t for t in self._transfers if t.id == new.id), None)
        if known is not None:
            if known.reason != reason:
                raise Conflict(f"transfer {id} was reversed already, for another reason")
            return Credited(new.id, account.id, new.amount, account.balance, replayed=True)
        rules.checked_sum(account.balance, new.amount)
        self._post(account, new)
        return Credited(new.id, account.id, new.amount, account.balance)

    def _hold(self, asked: HoldAsked) -> Held | NotEnough:
        account = self._known(asked.account)
        rules.checked_amount(asked.amount)
        known = self._holds.get(asked.id)
        if known is not None:
            if (known.account, known.amount, known.terms) != (
                asked.account,
                asked.amount,
                asked.terms,
            ):
                raise Conflict(f"hold {asked.id} is known with another account, amount or terms")
            return Held(account.free, replayed=True)
        if account.state != "open":
            raise LedgerError(f"account {account.id} is {account.state}")
        self._end_grants(account, asked.at_ms)
        due = self._due(account, asked.grant, asked.at_ms)
        free = account.free + due
        if asked.amount > free:
            return NotEnough(free)
        if due and asked.grant is not None:
            self._grant(account, asked.grant, due, asked.at_ms)
        self._holds[asked.id] = _Hold(
            asked.id, asked.account, asked.amount, asked.lease, asked.terms
        )
        account.held += asked.amount
        return Held(account.free)

    def _settle(self, id: str, owed: int, at_ms: int) -> Settled:
        rules.checked_amount(owed)
        hold = self._holds.get(id)
        if hold is None:
            raise LedgerError(f"there is no hold {id}")
        if hold.state == "expired":
            return Settled(hold.charged, max(0, owed - hold.charged), late=True)
        if hold.state == "released":
            raise Conflict(f"hold {id} was released already")
        if hold.state == "settled":
            if hold.owed != owed:
                raise Conflict(f"hold {id} was settled already, for {hold.owed} nanodollars")
            lost = owed - hold.charged
            return Settled(hold.charged, lost, over=owed > hold.amount, replayed=True)
        account = self._accounts[hold.account]
        charged, lost = rules.charge(owed, held=hold.amount, free=account.free)
        hold.owed = owed
        self._end_hold(hold, "settled", "settle", charged, at_ms)
        return Settled(charged, lost, over=owed > hold.amount)

    def _release(self, id: str, at_ms: int) -> Released:
        hold = self._holds.get(id)
        if hold is None:
            return Released(found=False)
        if hold.state == "settled":
            raise Conflict(f"hold {id} was settled already")
        if hold.state == "held":
            self._end_hold(hold, "released", "settle", 0, at_ms)
        return Released()

    def _note(self, id: str, owed: int) -> None:
        rules.checked_amount(owed)
        hold = self._holds.get(id)
        if hold is not None and hold.state == "held":
            hold.owed = owed

    def _expire(self, lease: str, at_ms: int) -> int:
        open_holds = [h for h in self._holds.values() if h.lease == lease and h.state == "held"]
        for hold in open_holds:
            charged = rules.expiry_charge(hold.owed, held=hold.amount)
            self._end_hold(hold, "expired", "expire", charged, at_ms)
        return len(open_holds)

    def _postings(self, account: str, limit: int) -> tuple[Posting, ...]:
        if account != HOUSE:
            self._known(account)
        lines = [line for transfer in self._transfers for line in transfer.lines()]
        return tuple([line for line in reversed(lines) if line.account == account][:limit])

    def _verify(self) -> Verification:
        errors: list[str] = []
        still_held = [hold for hold in self._holds.values() if hold.state == "held"]
        for account in self._accounts.values():
            posted = sum(t.amount for t in self._transfers if t.account == account.id)
            if posted != account.balance:
                errors.append(f"account {account.id}: balance {account.balance}, postings {posted}")
            held = sum(hold.amount for hold in still_held if hold.account == account.id)
            if held != account.held:
                errors.append(f"account {account.id}: held {account.held}, open holds {held}")
        return Verification(not errors, len(still_held), tuple(errors))

    def _known(self, id: str) -> _Account:
        account = self._accounts.get(id)
        if account is None:
            raise LedgerError(f"there is no account {id}")
        return account

    def _post(self, account: _Account, transfer: _Transfer) -> None:
        account.balance += transfer.amount
        self._transfers.append(transfer)

    def _end_hold(
        self, hold: _Hold, state: HoldState, kind: PostingKind, charged: int, at_ms: int
    ) -> None:
        account = self._accounts[hold.account]
        account.held -= hold.amount
        hold.state, hold.charged = state, charged
        if charged:
            self._post(account, _Transfer(hold.id, account.id, -charged, kind, at_ms, ""))
            parts = rules.spend([grant.rest for grant in account.grants], charged)
            account.grants = [
                replace(grant, rest=grant.rest - part)
                for grant, part in zip(account.grants, parts, strict=True)
            ]
        self._end_grants(account, at_ms)

    def _due(self, account: _Account, grant: GrantDue | None, at_ms: int) -> int:
        if grant is None:
            return 0
        return rules.grant_due(grant, given=account.granted.get(grant.period, 0), at_ms=at_ms)

    def _grant(self, account: _Account, grant: GrantDue, due: int, at_ms: int) -> None:
        rules.checked_sum(account.balance, due)
        transfer = rules.grant_transfer(account.id, grant, due)
        self._post(account, _Transfer(transfer, account.id, due, "grant", at_ms, grant.period))
        account.granted[grant.period] = grant.amount
        for index, known in enumerate(account.grants):
            if known.period == grant.period:
                account.grants[index] = replace(known, amount=grant.amount, rest=known.rest + due)
                return
        id = rules.grant_id(account.id, grant.period)
        account.grants.append(Grant(id, account.id, grant.period, due, due, grant.ends_ms))
        account.grants.sort(key=lambda grant: (grant.ends_ms, grant.id))

    def _end_grants(self, account: _Account, at_ms: int) -> None:
        for index, grant in enumerate(account.grants):
            if grant.rest == 0 or grant.ends_ms > at_ms:
                continue
            taken = rules.taken_at_end(grant.rest, free=account.free)
            account.grants[index] = replace(grant, rest=0)
            if taken:
                id = rules.grant_end_transfer(account.id, grant.period)
                self._post(
                    account,
                    _Transfer(id, account.id, -taken, "grant_end", at_ms, grant.period),
                )


class Said(Generic[T]):
    """The answer to a sentence already acted upon; awaiting it never suspends."""

    __slots__ = ("_answer", "_error")

    def __init__(self, answer: T | None, error: LedgerError | None) -> None:
        self._answer = answer
        self._error = error

    def __await__(self) -> Generator[None, None, T]:
        if self._error is not None:
            raise self._error
        return self._answer  # pyright: ignore[reportReturnType] (None only where T allows it)
        yield


def _say(act: Callable[[], T]) -> Said[T]:
    try:
        return Said(act(), None)
    except LedgerError as error:
        return Said[T](None, error)


@dataclass(slots=True, kw_only=True)
class _Account:
    id: str
    name: str
    plan: str
    created_ms: int
    state: Literal["open", "suspended", "closed"] = "open"
    balance: int = 0
    held: int = 0
    grants: list[Grant] = field(default_factory=list[Grant])
    granted: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def free(self) -> int:
        return self.balance - self.held

    def seen(self) -> Account:
        return Account(
            self.id, self.name, self.plan, self.balance, self.held, self.state, self.created_ms
        )


@dataclass(slots=True)
class _Hold:
    id: str
    account: str
    amount: int
    lease: str
    terms: str
    owed: int = 0
    charged: int = 0
    state: HoldState = "held"


@dataclass(frozen=True, slots=True)
class _Transfer:
    id: str
    account: str
    amount: int
    kind: PostingKind
    at_ms: int
    reason: str

    def lines(self) -> tuple[Posting, Posting]:
        """Both sides: the account's and the house's."""
        own, other = (rules.posting_id(self.id, house=house) for house in (False, True))
        return (
            Posting(own, self.id, self.account, self.amount, self.kind, self.at_ms, self.reason),
            Posting(other, self.id, HOUSE, -self.amount, self.kind, self.at_ms, self.reason),
        )
