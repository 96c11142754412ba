"""Operators and accounts: who pays, what they have, what was done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from tokenhouse.access import People
from tokenhouse.api.admin import gives, said, takes
from tokenhouse.api.admin.route import Act, Asking, Told
from tokenhouse.api.ranges import range_asked
from tokenhouse.billing import AccountsAsked, Desk, Dimension, PageAsked, export
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError

USAGE_DAYS = 30
_DIMENSIONS = ("day", "hour", "account", "key", "model")


class Accounts:
    """One method a route; ``acts`` by the route's name."""

    def __init__(
        self, desk: Desk, people: People, catalogue: Callable[[], Catalogue], *, clock: Clock
    ) -> None:
        self._desk = desk
        self._people = people
        self._catalogue = catalogue
        self._clock = clock

    def acts(self) -> dict[str, Act]:
        return {
            "accounts": self.listed,
            "account_new": self.create,
            "account": self.one,
            "account_change": self.change,
            "account_credit": self.credit,
            "account_postings": self.postings,
            "account_receipts": self.receipts,
            "account_usage": self.usage,
            "usage": self.usage_of_all,
            "transfer_reverse": self.reverse,
            "key_revoke": self.revoke_key,
        }

    async def listed(self, asking: Asking, given: takes.AccountsQuery) -> Told:
        page = await self._desk.accounts(
            AccountsAsked(
                search=given.search,
                state=given.state,
                plan=given.plan,
                after=given.after,
                limit=given.limit,
            )
        )
        return Told([said.account(row) for row in page.rows], page.next)

    async def create(self, asking: Asking, given: takes.NewAccount) -> Told:
        plan = self._plan(given.plan)
        made = await self._desk.as_actor(asking.actor).create_account(given.name, plan)
        return Told(said.account(made))

    async def one(self, asking: Asking, given: takes.Nothing) -> Told:
        billing = self._desk.billing
        found = await billing.account(asking.id)
        funds = await billing.funds(found.id)
        return Told(
            gives.AccountDetail(
                id=found.id,
                name=found.name,
                plan=found.plan,
                state=found.state,
                balance=funds.balance,
                held=funds.held,
                used=funds.used,
                created_at=export.utc(found.created_ms),
                live=len(self._desk.house.live(found.id)),
                grants=[said.grant(row) for row in await billing.grants(found.id)],
                keys=[said.key(row) for row in await billing.keys(found.id)],
                members=[said.member(row) for row in await self._people.members(found.id)],
            )
        )

    async def change(self, asking: Asking, given: takes.AccountChange) -> Told:
        if given.plan is None and given.state is None:
            raise CallerError("say which 'plan' or 'state' the account is to have", param="plan")
        ended = 0
        if given.plan is not None:
            changed = await self._desk.change_plan(
                asking.actor, asking.id, self._plan(given.plan), given.reason
            )
        if given.state is not None:
            changed, ended = await self._desk.change_state(
                asking.actor, asking.id, given.state, given.reason
            )
        changed = await self._desk.billing.account(asking.id)
        return Told(gives.Changed(account=said.account(changed), ended=ended))

    async def credit(self, asking: Asking, given: takes.NewCredit) -> Told:
        put = await self._desk.credit(
            asking.actor, asking.id, given.amount, reason=given.reason, once=asking.once
        )
        return Told(said.credited(put))

    async def reverse(self, asking: Asking, given: takes.Because) -> Told:
        taken = await self._desk.reverse(asking.actor, asking.id, reason=given.reason)
        return Told(said.credited(taken))

    async def postings(self, asking: Asking, given: takes.PageQuery) -> Told:
        asked = PageAsked(after=given.after, limit=given.limit)
        page = await self._desk.billing.postings_page(asking.id, asked)
        rows = [said.posting(export.posting_fields(row)) for row in page.rows]
        return Told(rows, page.next)

    async def receipts(self, asking: Asking, given: takes.PageQuery) -> Told:
        asked = PageAsked(after=given.after, limit=given.limit)
        page = await self._desk.billing.receipts_page(asking.id, asked)
        return Told([said.receipt(row) for row in page.rows], page.next)

    async def usage(self, asking: Asking, given: takes.UsageQuery) -> Told:
        return await self._usage(asking.id, given)

    async def usage_of_all(self, asking: Asking, given: takes.UsageQuery) -> Told:
        return await self._usage(None, given)

    async def revoke_key(self, asking: Asking, given: takes.MayBecause) -> Told:
        revoked = await self._desk.as_actor(asking.actor).revoke_key(asking.id)
        return Told(said.key(revoked))

    async def _usage(self, account: str | None, given: takes.UsageQuery) -> Told:
        by = [word.strip() for word in given.by.split(",") if word.strip()]
        if any(word not in _DIMENSIONS for word in by):
            raise CallerError(f"'by' is any of {', '.join(_DIMENSIONS)}", param="by")
        words = {"since": given.since, "until": given.until}
        query = {name: word for name, word in words.items() if word is not None}
        since_ms, until_ms = range_asked(query, self._clock.now_ms(), days=USAGE_DAYS)
        rows = await self._desk.billing.usage(
            account, since_ms=since_ms, until_ms=until_ms, by=cast("list[Dimension]", by)
        )
        return Told([said.usage(row) for row in rows])

    def _plan(self, name: str | None) -> str:
        """A plan of this house; CallerError 400 names those that there are."""
        catalogue = self._catalogue()
        if name is None:
            default = catalogue.default_plan
            return "" if default is None else default.name
        if name not in catalogue.plans:
            known = ", ".join(sorted(catalogue.plans))
            raise CallerError(f"there is no plan {name!r}; there are: {known}", param="plan")
        return name
