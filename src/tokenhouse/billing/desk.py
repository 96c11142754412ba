"""Where operators act: accounts, money, live requests, routes and settings of the whole house.

The pages and the API for operators are two forms of this one door. Every act is said with its actor
(``person:ID``) and leaves a row in the audit log.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from tokenhouse.billing.billing import Billing
from tokenhouse.billing.figures import RouteFigures, route_figures
from tokenhouse.billing.operating import (
    AccountsAsked,
    AuditAsked,
    FailuresAsked,
    Folding,
    LeaseRow,
    OpenHold,
    RunningHouse,
    SettingsRow,
    Verified,
)
from tokenhouse.billing.port import Office
from tokenhouse.billing.reading import check_limit
from tokenhouse.billing.values import AuditRow, By, Page, ReceiptRow
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError
from tokenhouse.ledger import Account, AccountState, Credited, Verification

REASON_MAX = 500
SEARCHED_MAX = 5_000
"""Failed receipts that one search looks through; the next page goes on behind them."""
HOLDS_SHOWN = 200


class Desk:
    """``billing`` as operators use it, beside ``house``, the process that serves.

    CallerError says what was wrong with the sentence; HouseError 503 that nothing could be read.
    """

    def __init__(
        self, billing: Billing, office: Office, house: RunningHouse, *, clock: Clock
    ) -> None:
        self.billing = billing
        self.house = house
        self.verified: Verified | None = None
        self._office = office
        self._clock = clock

    def as_actor(self, actor: str) -> Billing:
        """Billing whose acts stand in the audit log as ``actor``'s."""
        return self.billing.as_actor(actor)

    async def accounts(self, asked: AccountsAsked) -> Page[Account]:
        check_limit(asked.limit)
        return await self._office.accounts_page(asked)

    async def change_plan(self, actor: str, account: str, plan: str, reason: str) -> Account:
        """Another plan; that there is one of this name was checked where plans are known."""
        return await self.as_actor(actor).change_account(
            account, plan=plan, reason=checked_reason(reason)
        )

    async def credit(
        self, actor: str, account: str, amount: int, *, reason: str, once: str | None = None
    ) -> Credited:
        """Put ``amount`` nanodollars in, once under the key ``once``; CallerError 400 for none."""
        if amount < 1:
            raise CallerError("an amount is more than 0", param="amount")
        return await self.as_actor(actor).credit(
            account, amount, reason=checked_reason(reason), idempotency_key=once
        )

    async def is_of(self, account: str, transfer: str) -> bool:
        """Is that transfer the account's (an id)?"""
        return await self._office.transfer_account(transfer) == account

    async def reverse(self, actor: str, transfer: str, *, reason: str) -> Credited:
        """Take a transfer back; twice is once."""
        return await self.as_actor(actor).reverse(transfer, reason=checked_reason(reason))

    async def change_state(
        self, actor: str, account: str, state: AccountState, reason: str
    ) -> tuple[Account, int]:
        """Suspend, close or open an account. → (the account, how many of its running requests were
        ended, settled); when this returns, their holds have ended."""
        changed = await self.as_actor(actor).change_account(
            account, state=state, reason=checked_reason(reason)
        )
        ended = 0 if state == "open" else await self.house.stop_account(changed)
        return changed, ended

    async def cancel(self, actor: str, id: str, reason: str = "") -> ReceiptRow:
        """End one live request. → its receipt; 404 when it does not run (any more)."""
        by = By(actor, checked_reason(reason, needed=False))
        if not await self.house.cancel(id, by.reason):
            raise CallerError(
                f"there is no running request {id!r}", status=404, code="request_not_live"
            )
        receipt = await self.billing.receipt(id)
        after = {"outcome": receipt.outcome, "cost": receipt.cost, "model": receipt.model}
        await self._office.add_audit("requests cancel", id, receipt.account, (None, after), by=by)
        return receipt

    async def reset_route(
        self, actor: str, provider: str, upstream_model: str, reason: str = ""
    ) -> None:
        """Let a resting route be tried again at once; 404 when there is none of that name."""
        by = By(actor, checked_reason(reason, needed=False))
        if not self.house.reset(provider, upstream_model):
            raise CallerError(
                f"there is no route {provider}: {upstream_model}",
                status=404,
                code="route_not_found",
            )
        subject = f"{provider}/{upstream_model}"
        await self._office.add_audit("routes reset", subject, None, (None, None), by=by)

    async def reload(self, actor: str, reason: str = "") -> SettingsRow:
        """Take the settings from disk, as SIGHUP does. With problems nothing is taken."""
        by = By(actor, checked_reason(reason, needed=False))
        found = await self.house.reload()
        after = {"taken": found.taken, "problems": list(found.problems)}
        await self._office.add_audit("settings reload", "settings", None, (None, after), by=by)
        return found

    async def verify(self, actor: str) -> Verification:
        """Everything that must be true of the money, read beside the requests."""
        self.verified = Verified(self._clock.now_ms(), None)
        try:
            found = await self.billing.verify()
        except BaseException:
            self.verified = None
            raise
        self.verified = Verified(self._clock.now_ms(), found)
        after = {"ok": found.ok, "open_holds": found.open_holds, "errors": list(found.errors[:20])}
        await self._office.add_audit("ledger verify", "ledger", None, (None, after), by=By(actor))
        return found

    async def failures(self, asked: FailuresAsked) -> Page[ReceiptRow]:
        """Requests that failed or crashed; where a text is sought, a page may have fewer or more."""
        check_limit(asked.limit)
        found: list[ReceiptRow] = []
        wanted, read, place = await self._sought(asked.text.strip()), 0, asked.after
        while read < SEARCHED_MAX:
            page = await self._office.failures(replace(asked, after=place))
            read += len(page.rows)
            matching = [row for row in page.rows if not wanted or wanted in _words(row)]
            found += matching
            place = page.next
            if place is None or len(found) >= asked.limit:
                break
        return Page(tuple(found), place)

    async def _sought(self, text: str) -> str:
        """What receipts are searched for; the name of an account stands for its id."""
        try:
            return (await self.billing.account(text)).id if text else ""
        except CallerError:
            return text.lower()

    async def audit(self, asked: AuditAsked) -> Page[AuditRow]:
        check_limit(asked.limit)
        return await self._office.audit_page(asked)

    async def audit_pages(self, asked: AuditAsked) -> AsyncGenerator[Page[AuditRow], None]:
        """All that was asked for, page by page, newest first."""
        while True:
            page = await self.audit(asked)
            yield page
            if page.next is None:
                return
            asked = replace(asked, after=page.next)

    async def route_figures(self, *, since_ms: int) -> dict[tuple[str, str], RouteFigures]:
        """(provider, upstream model) → how its latest attempts went."""
        return route_figures(await self._office.latest(since_ms=since_ms, limit=2000))

    async def open_holds(self) -> tuple[OpenHold, ...]:
        """Oldest first, not more than are of use to look at."""
        return await self._office.open_holds(limit=HOLDS_SHOWN)

    async def leases(self) -> tuple[LeaseRow, ...]:
        return await self._office.leases()

    async def folding(self) -> Folding:
        return await self._office.folding()


def checked_reason(reason: str, *, needed: bool = True) -> str:
    """The reason without spaces at its ends; CallerError 400 for none, or a novel."""
    reason = " ".join(reason.split())
    if needed and not reason:
        raise CallerError("say why: a reason stands in the audit log", param="reason")
    if len(reason) > REASON_MAX:
        raise CallerError(f"a reason has at most {REASON_MAX} characters", param="reason")
    return reason


def _words(row: ReceiptRow) -> str:
    """What a search looks through."""
    tried = (f"{each.provider} {each.error or ''} {each.status or ''}" for each in row.attempts)
    parts = (row.id, row.account, row.key, row.model, row.provider or "", row.error or "", *tried)
    return " ".join(parts).lower()
