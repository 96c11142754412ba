"""``auth/…``: coming in, and the access tokens that say who asks. Every refusal to come in is the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokenhouse.access import People, SignedIn
from tokenhouse.api.control import gives, takes
from tokenhouse.api.control.route import Act, Answer, Asking
from tokenhouse.api.control.said import ends_ms, moment, user
from tokenhouse.billing import Billing
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError

_DEVICE: Final = "api"
"""What a token is called whose maker says nothing."""
_FIRST_KEY: Final = "default"


class Auth:
    """Signing up and in, and access tokens."""

    def __init__(self, people: People, billing: Billing, *, clock: Clock) -> None:
        self._people = people
        self._billing = billing
        self._clock = clock

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "auth.signup": self.sign_up,
            "auth.login": self.login,
            "auth.verify_email": self.verify,
            "auth.resend_verification": self.resend,
            "auth.forgot_password": self.forgot,
            "auth.reset_password": self.reset,
            "auth.refresh": self.refresh,
            "auth.logout": self.logout,
            "auth.logout_all": self.logout_all,
            "auth.switch_account": self.switch,
            "auth.tokens": self.tokens,
            "auth.tokens.create": self.create,
            "auth.tokens.revoke": self.revoke,
            "auth.tokens.revoke_others": self.revoke_others,
        }

    async def sign_up(self, asking: Asking, given: takes.SignUp) -> Answer:
        same(given.password, given.password_confirmation)
        name = given.name or given.email.partition("@")[0]
        await self._people.sign_up(given.email, given.password, name, asking.address)
        return Answer(
            gives.Said(
                message="A mail with a verification code is on its way to this address. POST it, with "
                "the password, to auth/verify-email."
            )
        )

    async def login(self, asking: Asking, given: takes.Login) -> Answer:
        secret, signed = await self._people.sign_in(given.email, given.password, asking.address)
        await self._people.sign_out(secret)
        made = await self._issue(signed, given.device_name, given.token_expiry)
        return Answer(made)

    async def verify(self, asking: Asking, given: takes.VerifyEmail) -> Answer:
        """The address is proven; the account's first key comes with it."""
        secret, signed = await self._people.verify(
            given.verification_code, given.password, asking.address
        )
        await self._people.sign_out(secret)
        api_key: str | None = None
        if signed.account is not None and not await self._billing.keys(signed.account):
            key = await self._billing.create_key(signed.account, _FIRST_KEY, by=signed.actor)
            api_key = key.secret
        made = await self._issue(
            signed, given.device_name, given.token_expiry, api_key, "The address is verified."
        )
        return Answer(made)

    async def resend(self, asking: Asking, given: takes.OfAddress) -> Answer:
        await self._people.ask_verification(given.email, asking.address)
        return Answer(
            gives.Said(
                message="If this address waits to be proven, a mail with a code is on its way to it."
            )
        )

    async def forgot(self, asking: Asking, given: takes.OfAddress) -> Answer:
        await self._people.ask_reset(given.email, asking.address)
        return Answer(
            gives.Said(
                message="If somebody signs in with this address, a mail with a code for a new password "
                "is on its way to it."
            )
        )

    async def reset(self, asking: Asking, given: takes.ResetPassword) -> Answer:
        same(given.password, given.password_confirmation)
        secret, _ = await self._people.reset(given.token, given.password, asking.address)
        await self._people.sign_out(secret)
        return Answer(
            gives.Said(message="The password is changed; sessions and access tokens have ended.")
        )

    async def refresh(self, asking: Asking, given: takes.Refresh) -> Answer:
        mine = await self._people.tokens(asking.who.person.id)
        old = next((each for each in mine if each.id == asking.who.session), None)
        name = given.device_name or (old.name if old is not None else _DEVICE)
        made = await self._issue(
            asking.who, name, given.token_expiry, message="The token before is revoked."
        )
        await self._people.revoke_token(asking.who.person.id, asking.who.session)
        return Answer(made)

    async def logout(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        await self._people.revoke_token(asking.who.person.id, asking.who.session)
        return Answer(gives.Said(message="This access token is revoked."))

    async def logout_all(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        await self._revoke(asking.who, keep=None)
        await self._people.sign_out_everywhere(asking.who.person.id)
        return Answer(gives.Said(message="All access tokens are revoked, all sessions ended."))

    async def switch(self, asking: Asking, given: takes.SwitchAccount) -> Answer:
        """A new token for another account, and the one that asked is revoked."""
        person = asking.who.person.id
        mine = await self._people.memberships(person)
        wanted = given.account or (mine[0].account if mine else None)
        tokens = await self._people.tokens(person)
        old = next((each for each in tokens if each.id == asking.who.session), None)
        name = _DEVICE if old is None else old.name
        ends = None if old is None else old.ends_ms
        made = await self._people.new_token(person, wanted, name, ends)
        await self._people.revoke_token(person, asking.who.session)
        return Answer(
            gives.Issued(
                id=made.token.id,
                access_token=made.secret,
                token=made.secret,
                token_expiry="as_before",  # nosec B106
                expires_at=moment(ends),
                user=user(asking.who.person),
                account=wanted,
                message="Use this token from now on; the one before is revoked.",
            )
        )

    async def tokens(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        now_ms = self._clock.now_ms()
        rows = [
            gives.Token(
                id=token.id,
                name=token.name,
                hint=token.hint,
                account=token.account,
                created_at=moment(token.created_ms) or "",
                expires_at=moment(token.ends_ms),
                current=token.id == asking.who.session,
            )
            for token in await self._people.tokens(asking.who.person.id)
            if token.revoked_ms is None and (token.ends_ms is None or token.ends_ms > now_ms)
        ]
        return Answer(rows)

    async def create(self, asking: Asking, given: takes.NewToken) -> Answer:
        return Answer(await self._issue(asking.who, given.name, given.token_expiry))

    async def revoke(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        token = await self._people.revoke_token(asking.who.person.id, asking.ids["id"])
        return Answer(gives.Said(message=f"The access token {token.id} is revoked."))

    async def revoke_others(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        await self._revoke(asking.who, keep=asking.who.session)
        return Answer(gives.Said(message="All other access tokens are revoked."))

    async def _issue(
        self,
        signed: SignedIn,
        name: str,
        expiry: takes.Expiry,
        api_key: str | None = None,
        message: str = "Keep the access token: it is not shown again.",
    ) -> gives.Issued:
        until = ends_ms(expiry, self._clock.now_ms())
        made = await self._people.new_token(
            signed.person.id, signed.account, name or _DEVICE, until
        )
        return gives.Issued(
            id=made.token.id,
            access_token=made.secret,
            token=made.secret,
            token_expiry=expiry,
            expires_at=moment(until),
            user=user(signed.person),
            account=signed.account,
            message=message,
            api_key=api_key,
        )

    async def _revoke(self, signed: SignedIn, *, keep: str | None) -> None:
        """Every live token of the person but ``keep``."""
        for token in await self._people.tokens(signed.person.id):
            if token.revoked_ms is None and token.id != keep:
                await self._people.revoke_token(signed.person.id, token.id)


def same(password: str, again: str | None) -> None:
    """CallerError 400 where the password was said twice, and differently."""
    if again is not None and again != password:
        raise CallerError(
            "'password_confirmation' is another password.", param="password_confirmation"
        )
