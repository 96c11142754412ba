"""Signing in and out: passwords, sessions, and what each of them ends."""

from __future__ import annotations

from dataclasses import replace

from tokenhouse.access.naming import check_line
from tokenhouse.access.people import letters
from tokenhouse.access.people.addresses import checked_email
from tokenhouse.access.people.ground import (
    IDLE_MS,
    SECRET_MOST,
    TOUCH_MS,
    Ground,
    signed_in,
)
from tokenhouse.access.people.passwords import check_password
from tokenhouse.access.people.refusals import (
    not_allowed,
    person_not_found,
    unusable_link,
    wrong_sign_in,
)
from tokenhouse.access.people.values import Person, Seen, SignedIn
from tokenhouse.access.secret import SESSION, hash_secret
from tokenhouse.errors import CallerError


class Signing(Ground):
    """Who is in this browser? ``address`` is the client's, for the limits on tries."""

    async def sign_in(self, email: str, password: str, address: str = "") -> tuple[str, SignedIn]:
        """→ (the secret of a new session, who it is)

        AccountError 401 ``wrong_sign_in``, whatever was wrong; 403 ``person_suspended``, to who knows
        the password; 429 ``too_many_attempts``.
        """
        person = await self._proven(email.strip().lower(), password, address)
        return await self._begin(person)

    async def sign_in_person(self, person: str) -> tuple[str, SignedIn]:
        """A session for whoever proved otherwise who they are: the code that `serve` printed."""
        known = await self._store.person(person)
        if known is None:
            raise person_not_found()
        return await self._begin(known.person)

    async def signed_in(self, secret: str) -> SignedIn | None:
        """Whose session the cookie's ``secret`` is; None when it is nobody's (any more)."""
        if not secret.startswith(SESSION) or len(secret) > SECRET_MOST:
            return None
        digest = hash_secret(secret)
        seen = await self._store.find_session(digest)
        if seen is None:
            return None
        now_ms, session = self._clock.now_ms(), seen.session
        over = session.ends_ms <= now_ms or session.seen_ms + IDLE_MS <= now_ms
        if over or seen.person.state != "open":
            await self._store.end_session(digest)
            return None
        if now_ms - session.seen_ms >= TOUCH_MS:
            await self._store.touch_session(digest, now_ms)
        if seen.membership is None:
            seen = await self._elsewhere(seen)
        return signed_in(seen)

    async def choose_account(self, secret: str, account: str) -> SignedIn:
        """Look at another of one's accounts. CallerError 404 for one that is not."""
        digest = hash_secret(secret)
        if not await self._store.choose_account(digest, account):
            raise CallerError(
                "You have no such account.", status=404, code="account_not_found", param="account"
            )
        seen = await self._store.find_session(digest)
        if seen is None:
            raise person_not_found()
        return signed_in(seen)

    async def sign_out(self, secret: str) -> None:
        """End this browser's session. Twice is once."""
        await self._store.end_session(hash_secret(secret))

    async def sign_out_everywhere(self, person: str) -> int:
        """End all sessions of a person. → how many"""
        return await self._store.end_sessions(person)

    async def ask_reset(self, email: str, address: str = "") -> None:
        """Mail a link for a new password, if somebody signs in with that address: what follows is done
        after the answer. AccountError 429 ``too_many_mails``."""
        asked = checked_email(email)
        self._bounds.mail(address, asked)
        self.errands.put(lambda: self._send_reset(asked))

    async def reset(self, code: str, password: str, address: str = "") -> tuple[str, SignedIn]:
        """Use a reset code: a new password, a new session; all others, and access tokens, end."""
        found = await self.peek(code, "reset", address)
        known = None if found.person is None else await self._store.person(found.person)
        if known is None:
            raise unusable_link()
        check_password(password, known.person.email, known.person.name, self.settings.site)
        hashed = await self._passwords.hash(password)
        changed = await self._store.set_password(
            known.person.id, hashed, at_ms=self._clock.now_ms(), code=found.digest
        )
        if not changed:
            raise unusable_link()
        self._tell_of_change(known.person)
        return await self._begin(known.person)

    async def change_password(
        self, signed: SignedIn, current: str, password: str, address: str = ""
    ) -> tuple[str, SignedIn]:
        """Another password for who is signed in and knows the present one: a new session; all others,
        and access tokens, end."""
        person = await self._proven(signed.person.email, current, address)
        check_password(password, person.email, person.name, self.settings.site)
        hashed = await self._passwords.hash(password)
        await self._store.set_password(person.id, hashed, at_ms=self._clock.now_ms())
        self._tell_of_change(person)
        return await self._begin(person, signed.account)

    async def introduce(
        self, signed: SignedIn, *, email: str, name: str, password: str
    ) -> tuple[str, SignedIn]:
        """The first operator, who came in by the printed code, says who they are: once."""
        if signed.person.email:
            raise not_allowed("change how you sign in here")
        address = checked_email(email)
        check_line(name, "a name", least=1)
        check_password(password, address, name, self.settings.site)
        hashed = await self._passwords.hash(password)
        person = await self._store.change_person(signed.person.id, email=address, name=name)
        if person is None:
            raise person_not_found()
        await self._store.set_password(person.id, hashed, at_ms=self._clock.now_ms())
        return await self._begin(person, signed.account)

    async def _proven(self, email: str, password: str, address: str) -> Person:
        """The person behind address and password; the same work whether there is one or not."""
        async with self._passwords.turn() as turn:
            self._bounds.check(address, email)
            known = await self._store.find_person(email)
            kept = None if known is None else known.password
            right = await turn.check(password, kept)
            if known is None or kept is None or not right or not known.person.verified:
                self._bounds.failed(address, email)
                raise wrong_sign_in()
            if turn.outdated(kept):
                await self._store.rehash(known.person.id, kept, await turn.hash(password))
        return known.person

    async def _elsewhere(self, seen: Seen) -> Seen:
        """The account of the session is theirs no more: look at the first that is."""
        found = await self._store.memberships(seen.person.id)
        if not found:
            return seen
        await self._store.choose_account(seen.session.digest, found[0].account)
        return replace(seen, membership=found[0])

    async def _send_reset(self, email: str) -> None:
        known = await self._store.find_person(email)
        if known is None or not known.person.verified or known.person.state != "open":
            return
        secret, code = self._code("reset", email, person=known.person.id)
        await self._store.add_code(code)
        link = self._link("reset", secret)
        await self._mailer.send(letters.reset(self.settings.site, email, link))

    def _tell_of_change(self, person: Person) -> None:
        link = f"{self.settings.url}/reset"
        self._mail(letters.changed(self.settings.site, person.email, link))
