"""``wallet``: what the account has, every line of it, and vouchers, which are how credit is put in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from msgspec import UnsetType

from tokenhouse.access import Failures
from tokenhouse.api.control import gives, said, takes
from tokenhouse.api.control.route import Act, Answer, Asking
from tokenhouse.api.generation import usd
from tokenhouse.billing import Billing, Line, PageAsked
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError

READ_MOST: Final = 1000
"""Lines read at a time while some are passed over."""
PASSES_MOST: Final = 50
"""So many times at most; then a page is short, and ``meta.next`` says where to go on."""


class WalletOf:
    """The wallet of the account that the token acts for."""

    def __init__(self, billing: Billing, *, clock: Clock, failed_codes_per_minute: int) -> None:
        self._billing = billing
        self._clock = clock
        self._failures = Failures(failed_codes_per_minute)

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "wallet.balance": self.balance,
            "wallet.transactions": self.transactions,
            "wallet.coupons.validate": self.validate,
            "wallet.coupons.redeem": self.redeem,
        }

    async def balance(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        funds = await self._billing.funds(asking.account)
        told = said.wallet(funds)
        return Answer(
            gives.Balance(
                balance=told.balance, held=told.held, available=told.available, wallet=told
            )
        )

    async def transactions(self, asking: Asking, given: takes.TransactionsAsked) -> Answer:
        """Newest first. The documents' object, or for the platform's command line its bare list."""
        lines, next_place, total = await self._lines(asking.account, given)
        items = [_transaction(line) for line in lines]
        meta = {"next": next_place, "count": len(items), "total": total}
        if asking.cli:
            return Answer(items, meta)
        funds = await self._billing.funds(asking.account)
        told = gives.Transactions(
            items=items, count=len(items), total=total, wallet=said.funded(funds)
        )
        return Answer(told, meta)

    async def validate(self, asking: Asking, given: takes.CouponCode) -> Answer:
        """What a voucher would give; 404 and 409 say why it gives nothing."""
        self._check(asking.address)
        try:
            voucher = await self._billing.voucher(given.coupon_code, asking.account)
        except CallerError:
            self._failures.add(asking.address, self._clock.monotonic())
            raise
        told = gives.Coupon(
            amount=usd(voucher.amount),
            expires_at=said.moment(voucher.expires_ms),
            redeemed=voucher.redeemed_ms is not None,
        )
        return Answer(told)

    async def redeem(self, asking: Asking, given: takes.CouponCode) -> Answer:
        """A voucher becomes credit, once; said again it changes nothing and says so."""
        self._check(asking.address)
        try:
            credited = await self._billing.redeem(
                given.coupon_code, asking.account, by=asking.who.actor, once=asking.once
            )
        except CallerError:
            self._failures.add(asking.address, self._clock.monotonic())
            raise
        told = gives.Redeemed(
            message="It was redeemed before." if credited.replayed else "The credit is yours.",
            transaction_id=credited.id,
            amount=usd(credited.amount),
            balance=usd(credited.balance),
            idempotency_replay=credited.replayed,
        )
        return Answer(told, {"idempotency_replay": True} if credited.replayed else {})

    def _check(self, address: str) -> None:
        self._failures.check(
            address,
            self._clock.monotonic(),
            message="Too many wrong voucher codes from this address in the last minute; wait.",
            code="too_many_failed_codes",
        )

    async def _lines(
        self, account: str, given: takes.TransactionsAsked
    ) -> tuple[list[Line], str | None, int | None]:
        """→ (the lines of the page, where the next begins, how many there are when all were read)"""
        after = None if isinstance(given.after, UnsetType) else given.after
        asked = PageAsked(after=after)
        skip, passed, found = given.offset, 0, list[Line]()
        for _ in range(PASSES_MOST):
            most = skip or given.limit - len(
                found
            )  # so that no page ends behind the last one shown
            page = await self._billing.lines_page(
                account, replace(asked, limit=min(most, READ_MOST))
            )
            wanted = [line for line in page.rows if _is_wanted(line, given.type)]
            passed += len(wanted)
            if skip:
                skip -= len(wanted)
            else:
                found += wanted
            asked = replace(asked, after=page.next)
            if page.next is None:
                return found, None, passed if after is None else None
            if len(found) == given.limit:
                break
        return found, asked.after, None


def _is_wanted(line: Line, kind: str | UnsetType) -> bool:
    return isinstance(kind, UnsetType) or (line.posting.amount > 0) == (kind == "credit")


def _transaction(line: Line) -> gives.Transaction:
    posting = line.posting
    return gives.Transaction(
        id=posting.id,
        transaction_id=posting.transfer,
        source="voucher" if posting.transfer.startswith("vch_") else _SOURCES[posting.kind],
        type="credit" if posting.amount > 0 else "debit",
        amount=usd(abs(posting.amount)),
        usecase=posting.kind,
        description=posting.reason or _ABOUT[posting.kind],
        created_at=said.moment(posting.at_ms) or "",
    )


_SOURCES: Final = {
    "credit": "operator",
    "reverse": "operator",
    "grant": "plan",
    "grant_end": "plan",
    "settle": "request",
    "expire": "request",
}
_ABOUT: Final = {
    "credit": "Credit put in",
    "reverse": "Taken back",
    "grant": "Granted by the plan",
    "grant_end": "What was left of a grant at its end",
    "settle": "A request",
    "expire": "A request that was cut off",
}
