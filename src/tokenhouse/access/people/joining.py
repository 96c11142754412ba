"""Coming in: signing up, proving an address, accepting an invitation."""

from __future__ import annotations

from dataclasses import replace

from tokenhouse import ids
from tokenhouse.access.naming import check_account_name
from tokenhouse.access.people import letters
from tokenhouse.access.people.addresses import checked_email
from tokenhouse.access.people.passwords import check_password
from tokenhouse.access.people.refusals import (
    already_member,
    not_allowed,
    operators_only,
    sign_up_closed,
    unusable_link,
    wrong_sign_in,
)
from tokenhouse.access.people.signing import Signing
from tokenhouse.access.people.values import MailCode, NewPerson, Person, Right, Role, SignedIn


class Joining(Signing):
    """How somebody becomes a person of this house."""

    async def sign_up(self, email: str, password: str, name: str, address: str = "") -> None:
        """Keep who signs up, and mail a link that proves the address. The answer and the work are the
        same for an address that somebody signs in with already: that one gets another letter.

        AccountError 403 ``sign_up_closed``, 429 ``too_many_mails``; CallerError 400 naming the field.
        """
        if self.settings.sign_up != "open":
            raise sign_up_closed()
        wanted, called = checked_email(email), name.strip()
        check_account_name(called)
        check_password(password, wanted, called, self.settings.site)
        self._bounds.mail(address, wanted)
        hashed = await self._passwords.hash(password)
        secret, code = self._code("verify", wanted)
        new = self._new_person(wanted, called, hashed)
        person = await self._store.begin_person(new, code)
        site = self.settings.site
        if person.verified:
            sign_in = f"{self.settings.url}/sign-in"
            letter = letters.known(site, wanted, self._link("reset", secret), sign_in)
        else:
            letter = letters.verify(site, wanted, self._link("verify", secret))
        self._mail(letter)

    async def verify(self, code: str, password: str, address: str = "") -> tuple[str, SignedIn]:
        """Prove an address: makes the account, signs in. → (the secret of a new session, who it is)

        The password of the sign-up is asked for: the link shows whose address it is, the password who
        signed up. Without it somebody could sign up in another's name and wait until they confirm it.
        """
        found = await self.peek(code, "verify", address)
        async with self._passwords.turn() as turn:
            self._bounds.check(address, found.email)
            known = await self._store.find_person(found.email)
            right = await turn.check(password, None if known is None else known.password)
            if known is None or not right:
                self._bounds.failed(address, found.email)
                raise wrong_sign_in()
        person = await self._store.confirm_person(
            found.digest, plan=self.settings.plan(), at_ms=self._clock.now_ms()
        )
        if person is None:
            raise unusable_link()
        return await self._begin(person)

    async def ask_verification(self, email: str, address: str = "") -> None:
        """Mail another link that proves the address, if somebody has signed up with it and has not
        proven it: what follows is done after the answer. AccountError 429 ``too_many_mails``."""
        wanted = checked_email(email)
        self._bounds.mail(address, wanted)
        self.errands.put(lambda: self._send_verification(wanted))

    async def _send_verification(self, email: str) -> None:
        known = await self._store.find_person(email)
        if known is None or known.person.verified or known.password is None:
            return
        secret, code = self._code("verify", email, person=known.person.id)
        await self._store.add_code(code)
        link = self._link("verify", secret)
        await self._mailer.send(letters.verify(self.settings.site, email, link))

    async def invite(
        self,
        account: str | None,
        email: str,
        role: Role | None,
        by: SignedIn | str,
        *,
        operator: bool = False,
    ) -> str:
        """Mail an invitation to an account (an id) in a role, or, without one, to have an account of
        one's own; ``operator``: and to operate the house. → its link. Who has it passes for the reader
        of that mail: show it to operators only.

        ``by``: a member who may, an operator, or another actor's name, as the audit log has it.
        """
        wanted = checked_email(email)
        name = await self._may_invite(account, by, operator)
        if account is not None:
            if any(each.person.email == wanted for each in await self._store.members(account)):
                raise already_member()
        if isinstance(by, SignedIn):
            self._bounds.mail(by.person.id, wanted)
        secret, blank = self._code("invite", wanted)
        actor = by.actor if isinstance(by, SignedIn) else by
        code = replace(blank, account=account, role=role, operator=operator, by=actor)
        await self._store.add_code(code)
        link = self._link("invite", secret)
        self._mail(letters.invitation(self.settings.site, code, link, name))
        return link

    async def invitations(self, account: str | None) -> tuple[MailCode, ...]:
        """Those that can still be accepted, newest first; None: those to no account."""
        return await self._store.invitations(account, self._clock.now_ms())

    async def withdraw_invitation(
        self, account: str | None, email: str, by: SignedIn | str
    ) -> bool:
        """The link works no more. → was there one?"""
        await self._may_invite(account, by, account is None)
        actor = by.actor if isinstance(by, SignedIn) else by
        return await self._store.withdraw_invitation(
            account, email.strip().lower(), at_ms=self._clock.now_ms(), by=actor
        )

    async def has_password(self, invitation: MailCode) -> bool:
        """Does whoever is invited sign in here already?"""
        known = await self._store.find_person(invitation.email)
        return known is not None and known.person.verified and known.password is not None

    async def accept(
        self,
        code: str,
        password: str = "",
        name: str = "",
        address: str = "",
        *,
        signed: SignedIn | None = None,
    ) -> tuple[str, SignedIn]:
        """Use an invitation. → (the secret of a new session that looks at the account, who it is)

        Who signs in here already gives their password, unless they are ``signed`` in; who does not,
        chooses one, and a name. AccountError 403 ``unusable_link``, 401 ``wrong_sign_in``.
        """
        found = await self.peek(code, "invite", address)
        known = await self._store.find_person(found.email)
        if known is not None and known.person.verified:
            if signed is None or signed.person.id != known.person.id:
                await self._proven(found.email, password, address)
            new = self._new_person(found.email, known.person.name, known.password)
        else:
            called = name.strip()
            check_account_name(called)
            check_password(password, found.email, called, self.settings.site)
            new = self._new_person(found.email, called, await self._passwords.hash(password))
        if found.account is None:
            new = replace(new, home=new.name, plan=self.settings.plan())
        person = await self._store.accept(found.digest, new, at_ms=self._clock.now_ms())
        if person is None:
            raise unusable_link()
        return await self._begin(person, found.account)

    async def first_operator(self, account: str | None) -> Person | None:
        """Who operates a house just made, an owner of ``account``; None when somebody does already."""
        new = self._new_person("", "operator", None)
        return await self._store.add_operator(new, account, by="house")

    def _new_person(self, email: str, name: str, password: str | None) -> NewPerson:
        now_ms = self._clock.now_ms()
        return NewPerson(ids.new(ids.PERSON, now_ms), email, name, password, now_ms)

    async def _may_invite(self, account: str | None, by: SignedIn | str, operator: bool) -> str:
        """AccountError 403 when ``by`` may not. → the account's name, where it is known"""
        if isinstance(by, str):
            return ""
        if (account is None or operator) and not by.person.operator:
            raise operators_only()
        mine = by.account == account and account is not None
        if not by.person.operator and not (mine and by.may(Right.MEMBERS)):
            raise not_allowed("decide who is a member")
        return by.account_name if mine else ""
