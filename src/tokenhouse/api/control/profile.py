"""``me``: who the person is, where they belong, what their account may and has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import UnsetType

from tokenhouse.access import People, SignedIn
from tokenhouse.api.control import gives, said, takes
from tokenhouse.api.control.auth import same
from tokenhouse.api.control.route import Act, Answer, Asking
from tokenhouse.api.generation import usd
from tokenhouse.billing import Billing
from tokenhouse.catalogue import Catalogue


class Profile:
    """The person's own page, as data."""

    def __init__(
        self, people: People, billing: Billing, catalogue: Callable[[], Catalogue]
    ) -> None:
        self._people = people
        self._billing = billing
        self._catalogue = catalogue

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "me": self.me,
            "me.change": self.change,
            "me.password": self.password,
            "me.limits": self.limits,
        }

    async def me(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        return Answer(await self._me(asking.who))

    async def change(self, asking: Asking, given: takes.ProfileChange) -> Answer:
        if isinstance(given.name, UnsetType):
            return Answer(said.user(asking.who.person))
        person = await self._people.rename(asking.who, given.name)
        return Answer(said.user(person))

    async def password(self, asking: Asking, given: takes.PasswordChange) -> Answer:
        same(given.password, given.password_confirmation)
        secret, _ = await self._people.change_password(
            asking.who, given.current_password, given.password, asking.address
        )
        await self._people.sign_out(secret)
        return Answer(
            gives.Said(
                message="The password is changed; sessions and access tokens have ended. Sign in anew."
            )
        )

    async def limits(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        account = await self._billing.account(asking.account)
        return Answer(said.plan(self._catalogue().plan(account.plan)))

    async def _me(self, signed: SignedIn) -> gives.Me:
        mine = await self._people.memberships(signed.person.id)
        plan: gives.Plan | None = None
        wallet: gives.Wallet | None = None
        balance: int | None = None
        if signed.account is not None:
            account = await self._billing.account(signed.account)
            funds = await self._billing.funds(account.id)
            plan = said.plan(self._catalogue().plan(account.plan))
            wallet, balance = said.wallet(funds), funds.balance
        return gives.Me(
            id=signed.person.id,
            name=signed.person.name,
            email=signed.person.email,
            verified=signed.person.verified,
            created_at=said.moment(signed.person.created_ms) or "",
            account=signed.account,
            account_name=signed.account_name or None,
            role=signed.role,
            accounts=[
                gives.Account(
                    id=each.account,
                    name=each.account_name,
                    role=each.role,
                    current=each.account == signed.account,
                )
                for each in mine
            ],
            plan=plan,
            wallet=wallet,
            wallet_balance=None if balance is None else usd(balance),
        )
