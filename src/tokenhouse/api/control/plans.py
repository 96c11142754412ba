"""``subscriptions`` and ``billing``: the plan that the account is on, and what this house does not do.

It takes no cards, sends no bills and sells no subscriptions: the platform's routes for these are here, and
say so, each with the way that there is instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from tokenhouse.api.control import gives, said, takes
from tokenhouse.api.control.route import BASE, Act, Answer, Asking
from tokenhouse.api.generation import usd
from tokenhouse.billing import Billing, Statement, month_range
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError, CallerError

REDEEM: Final = f"POST {BASE}/wallet/coupons/redeem"


class Plans:
    """``support_url``: where people get help, "" when there is nowhere."""

    def __init__(
        self,
        billing: Billing,
        catalogue: Callable[[], Catalogue],
        *,
        clock: Clock,
        support_url: str,
    ) -> None:
        self._billing = billing
        self._catalogue = catalogue
        self._clock = clock
        self._support_url = support_url

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "subscriptions": self.subscriptions,
            "subscriptions.plans": self.plans,
            "subscriptions.status": self.status,
            "billing.overview": self.overview,
            "billing.payment_methods": self.payment_methods,
            "billing.invoices": self.invoices,
            "billing.invoice": self.invoice,
            "payments": self.no_payment,
            "no_card": self.no_card,
        }

    async def plans(self, asking: Asking, given: takes.Nothing) -> Answer:
        """The documents' object, or for the platform's command line its bare list."""
        del given
        plans = [said.plan(plan) for plan in self._catalogue().plans.values()]
        if asking.cli:
            return Answer(plans, {"total": len(plans)})
        told = gives.Plans(
            subscription_plans=plans,
            pay_as_you_go=gives.PayAsYouGo(
                description=f"Each request is paid from the wallet. {self._how()}",
                redeem_endpoint=REDEEM,
                auto_payments={"supported": False},
            ),
            count=len(plans),
        )
        return Answer(told)

    async def subscriptions(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        return Answer([await self._subscription(asking.account)], {"total": 1})

    async def status(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        found = await self._subscription(asking.account)
        if asking.ids["id"] != found.id:
            raise CallerError(
                f"This account is on the plan {found.id!r} and on no other.",
                status=404,
                code="subscription_not_found",
            )
        return Answer(found)

    async def overview(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        funds = await self._billing.funds(asking.account)
        told = gives.Overview(
            wallet=said.funded(funds),
            subscriptions=[await self._subscription(asking.account)],
            payment_methods=[],
            invoice_count=len(await self._billing.months(asking.account)),
            how_to_add_credit=self._how(),
        )
        return Answer(told)

    async def payment_methods(self, asking: Asking, given: takes.Nothing) -> Answer:
        del asking, given
        return Answer(list[str](), {"total": 0})

    async def invoices(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        months = await self._billing.months(asking.account)
        rows = [
            self._invoice(await self._billing.statement(asking.account, month)) for month in months
        ]
        return Answer(rows, {"total": len(rows)})

    async def invoice(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        sheet = await self._billing.statement(asking.account, asking.ids["id"])
        short = self._invoice(sheet)
        told = gives.InvoiceDetail(
            id=short.id,
            amount=short.amount,
            created_at=short.created_at,
            status=short.status,
            opening_balance=usd(sheet.opening),
            closing_balance=usd(sheet.closing),
            sums={kind: usd(total.amount) for kind, total in sheet.sums.items()},
            usage=[said.product(row) for row in sheet.usage],
        )
        return Answer(told)

    async def no_payment(self, asking: Asking, given: takes.Nothing) -> Answer:
        del asking, given
        raise CallerError(
            f"There is no such payment. {self._how()}", status=404, code="payment_not_found"
        )

    async def no_card(self, asking: Asking, given: takes.Nothing) -> Answer:
        """402: the platform's command line reports it as a failure of payment, and asks no more."""
        del asking, given
        raise AccountError(self._how(), status=402, code="payments_not_offered")

    def _invoice(self, sheet: Statement) -> gives.Invoice:
        """Paid as it was used: a month that is over is closed, not due."""
        return gives.Invoice(
            id=sheet.month,
            amount=usd(sheet.charged),
            created_at=said.moment(sheet.start_ms) or "",
            status="paid" if sheet.end_ms <= self._clock.now_ms() else "open",
        )

    def _how(self) -> str:
        ask = f" ({self._support_url})" if self._support_url else ""
        return (
            f"This house takes no cards and sells no subscriptions. Credit is put in by its operator"
            f"{ask}, or with a voucher: {REDEEM}. The operator also changes plans."
        )

    async def _subscription(self, account: str) -> gives.Subscription:
        """The account's plan, with the UTC month as its period."""
        found = await self._billing.account(account)
        plan = self._catalogue().plan(found.plan)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        start_ms, end_ms = month_range(f"{now:%Y-%m}")
        return gives.Subscription(
            id=plan.name,
            plan_id=plan.name,
            plan_name=plan.name,
            status="active" if found.state == "open" else "paused",
            current_period_start=said.moment(start_ms) or "",
            current_period_end=said.moment(end_ms) or "",
        )
