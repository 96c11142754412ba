"""Access tokens: a person's secrets for the control plane. They spend nothing; keys do."""

from __future__ import annotations

from dataclasses import dataclass, field

from tokenhouse import ids
from tokenhouse.access.naming import check_line
from tokenhouse.access.people.ground import SECRET_MOST, Ground, signed_in
from tokenhouse.access.people.values import AccessToken, SignedIn
from tokenhouse.access.secret import ACCESS_TOKEN, HINT_LETTERS, hash_secret, new_secret
from tokenhouse.errors import AccountError, CallerError


@dataclass(frozen=True, slots=True)
class NewAccessToken:
    """A token just made; ``secret`` is shown this once."""

    token: AccessToken
    secret: str = field(repr=False)


class Tokens(Ground):
    """``thp_…``, by the digest of which a person and an account are found."""

    async def create_token(
        self, person: str, account: str | None, name: str, ends_ms: int | None = None
    ) -> str:
        """A new token of a person, for one of their accounts (or none). → its secret, shown once"""
        made = await self.new_token(person, account, name, ends_ms)
        return made.secret

    async def new_token(
        self, person: str, account: str | None, name: str, ends_ms: int | None = None
    ) -> NewAccessToken:
        """The same, with what is kept of it. CallerError 400 naming the field, 404
        ``account_not_found`` for an account that is none of theirs."""
        check_line(name, "a token's name", least=1)
        now_ms = self._clock.now_ms()
        if ends_ms is not None and ends_ms <= now_ms:
            raise CallerError("the end of a token must lie ahead", param="ends")
        if account is not None:
            mine = await self._store.memberships(person)
            if all(each.account != account for each in mine):
                raise CallerError("You have no such account.", status=404, code="account_not_found")
        secret = new_secret(ACCESS_TOKEN)
        token = AccessToken(
            id=ids.new(ids.TOKEN, now_ms),
            person=person,
            account=account,
            name=name,
            digest=hash_secret(secret),
            hint=secret[-HINT_LETTERS:],
            created_ms=now_ms,
            ends_ms=ends_ms,
        )
        await self._store.add_token(token)
        return NewAccessToken(token, secret)

    async def tokens(self, person: str) -> tuple[AccessToken, ...]:
        """A person's tokens, newest first; revoked ones too."""
        return await self._store.tokens(person)

    async def revoke_token(self, person: str, id: str) -> AccessToken:
        """The token as it is now; CallerError 404 for one that is none of theirs. Twice is once."""
        revoked = await self._store.revoke_token(person, id, self._clock.now_ms())
        if revoked is None:
            raise CallerError("There is no such token.", status=404, code="token_not_found")
        return revoked

    async def by_token(self, secret: str, address: str = "") -> SignedIn:
        """Who a token stands for: its person, in its account, as what they are there now. ``session``
        is the token's id; there is no csrf, for no browser sends a token by itself.

        AccountError 401 ``invalid_access_token``, 403 ``person_suspended``, 429 ``too_many_attempts``.
        """
        found = None
        if secret.startswith(ACCESS_TOKEN) and len(secret) <= SECRET_MOST:
            found = await self._store.find_token(hash_secret(secret))
        if found is None or not found[0].live(self._clock.now_ms()):
            # one that works is never refused for the wrong ones of others at the same address
            self._bounds.check(address)
            self._bounds.failed(address)
            raise AccountError(
                "This access token is wrong, revoked or has ended. Make another on your dashboard.",
                code="invalid_access_token",
            )
        token, seen = found
        if seen.person.state != "open":
            raise AccountError(
                "The person of this access token is suspended. Ask the operator.",
                status=403,
                code="person_suspended",
            )
        return signed_in(seen, token.id)
