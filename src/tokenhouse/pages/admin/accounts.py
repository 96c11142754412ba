"""Accounts: found, made, paid, put on plans, suspended; what they hold, spend and were charged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from tokenhouse import ids
from tokenhouse.billing import CHARGES, AccountsAsked, AccountState, AuditAsked, PageAsked
from tokenhouse.errors import CallerError
from tokenhouse.pages.admin.office import (
    Acting,
    Given,
    Handler,
    Office,
    dollars,
    done,
    page,
    shown,
    told,
)
from tokenhouse.pages.dashboard.clerk import Deed
from tokenhouse.pages.dashboard.wallet import KINDS, request_of
from tokenhouse.pages.session import Form
from tokenhouse.pages.shown import Words

ROWS: Final = 50
SHOWN: Final = 25
STATES: Final[Mapping[str, AccountState]] = {
    "open": "open",
    "suspended": "suspended",
    "closed": "closed",
}
_HERE: Final = "/admin/accounts"


class Accounts:
    """The pages below ``/admin/accounts``."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._desk = office.desk

    def routes(self) -> dict[tuple[str, str], Handler]:
        office, one = self._office, f"{_HERE}/{{id}}"
        return {
            ("GET", _HERE): shown(office, self.listed, "accounts"),
            ("POST", _HERE): done(office, self.create, self.again, "accounts"),
            ("GET", one): shown(office, self.one, "accounts"),
            ("POST", f"{one}/credit"): done(office, self.credit, self.one_again, "accounts"),
            ("POST", f"{one}/reverse"): done(office, self.reverse, self.one_again, "accounts"),
            ("POST", f"{one}/plan"): done(office, self.plan, self.one_again, "accounts"),
            ("POST", f"{one}/state"): done(office, self.state, self.one_again, "accounts"),
            ("POST", f"{one}/revoke"): done(office, self.revoke, self.one_again, "accounts"),
        }

    async def listed(self, acting: Acting) -> Given:
        return await self.again(acting, Deed())

    async def again(self, acting: Acting, deed: Deed) -> Given:
        """The list, with the form for a new account as it was typed."""
        found = await self._desk.accounts(
            AccountsAsked(
                search=acting.asked("q"),
                state=STATES.get(acting.asked("state")),
                plan=acting.asked("plan") or None,
                after=acting.asked("after") or None,
                limit=ROWS,
            )
        )
        return page("accounts", {"found": found, "states": tuple(STATES), **self._plans()}, deed)

    async def create(self, acting: Acting, form: Form) -> str:
        plan = form.get("plan")
        self._must_be_plan(plan)
        name = form.get("name").strip()
        made = await self._desk.as_actor(acting.actor).create_account(name, plan)
        return told(f"{_HERE}/{made.id}", "made")

    async def one(self, acting: Acting) -> Given:
        return await self.one_again(acting, Deed())

    async def one_again(self, acting: Acting, deed: Deed) -> Given:
        """One account, with the form that could not be done as it was typed."""
        billing, desk = self._desk.billing, self._desk
        account = await billing.account(acting.request.params["id"])
        now_ms = self._office.clock.now_ms()
        asked = PageAsked(limit=SHOWN, after=acting.asked("after") or None)
        audit = (await desk.audit(AuditAsked(account=account.id, limit=SHOWN))).rows
        words: Words = {
            "account": account,
            "funds": await billing.funds(account.id),
            "grants": [
                grant
                for grant in await billing.grants(account.id)
                if grant.rest > 0 and grant.ends_ms > now_ms
            ],
            "keys": await billing.keys(account.id),
            "members": await self._office.people.members(account.id),
            "live": desk.house.live(account.id),
            "lines": await billing.lines_page(account.id, asked),
            "first": not acting.asked("after"),
            "receipts": await billing.receipts(account.id, limit=SHOWN),
            "audit": audit,
            "actors": await self._office.actor_names(row.actor for row in audit),
            "usage": await billing.usage(
                account.id, since_ms=now_ms - 30 * 86_400_000, by=("model",)
            ),
            "kinds": KINDS,
            "request_of": request_of,
            "charges": CHARGES,
            "once": deed.typed.get("once") or ids.new("form_", now_ms),
            "form_of": acting.request.path.rpartition("/")[2],
            **self._plans(),
        }
        return page("account", words, deed)

    async def credit(self, acting: Acting, form: Form) -> str:
        amount = dollars(form.get("amount"))
        put = await self._desk.credit(
            acting.actor,
            self._id(acting),
            amount,
            reason=form.get("reason"),
            once=form.get("once") or None,
        )
        return told(self._path(acting), "replayed" if put.replayed else "credited")

    async def reverse(self, acting: Acting, form: Form) -> str:
        transfer = form.get("transfer").strip()
        await self._must_be_its(acting, transfer)
        await self._desk.reverse(acting.actor, transfer, reason=form.get("reason"))
        return told(self._path(acting), "reversed")

    async def plan(self, acting: Acting, form: Form) -> str:
        plan = form.get("plan")
        self._must_be_plan(plan)
        await self._desk.change_plan(acting.actor, self._id(acting), plan, form.get("reason"))
        return told(self._path(acting), "plan")

    async def state(self, acting: Acting, form: Form) -> str:
        state = STATES.get(form.get("state"))
        if state is None:
            raise CallerError("Choose what the account is to be.", param="state")
        id = self._id(acting)
        await self._desk.change_state(acting.actor, id, state, form.get("reason"))
        return told(self._path(acting), state)

    async def revoke(self, acting: Acting, form: Form) -> str:
        account = await self._desk.billing.account(self._id(acting))
        key = form.get("key")
        if all(each.id != key for each in await self._desk.billing.keys(account.id)):
            raise CallerError("This account has no such key.", status=404, code="key_not_found")
        await self._desk.as_actor(acting.actor).revoke_key(key)
        return told(self._path(acting), "revoked")

    async def _must_be_its(self, acting: Acting, transfer: str) -> None:
        """A slip of the hand must not take back what is another account's."""
        account = await self._desk.billing.account(self._id(acting))
        if not await self._desk.is_of(account.id, transfer):
            raise CallerError(
                "This account has no such transfer.", status=404, code="not_found", param="transfer"
            )

    def _must_be_plan(self, plan: str) -> None:
        if plan not in self._office.catalogue().plans:
            raise CallerError("Choose a plan that there is.", param="plan")

    def _plans(self) -> Words:
        catalogue = self._office.catalogue()
        default = catalogue.default_plan
        return {
            "plans": tuple(catalogue.plans),
            "default_plan": "" if default is None else default.name,
        }

    def _id(self, acting: Acting) -> str:
        return acting.request.params["id"]

    def _path(self, acting: Acting) -> str:
        return f"{_HERE}/{quote(self._id(acting), safe='')}"
