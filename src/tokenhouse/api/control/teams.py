"""``teams``: who belongs to the account, and who is invited to. An invitation's id is its address."""

from __future__ import annotations

from collections.abc import Mapping

from tokenhouse.access import MailCode, Member, People, Role
from tokenhouse.api.control import gives, said, takes
from tokenhouse.api.control.route import Act, Answer, Asking
from tokenhouse.errors import CallerError


class Teams:
    """Members of the account that the token acts for."""

    def __init__(self, people: People) -> None:
        self._people = people

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "teams": self.listed,
            "teams.invite": self.invite,
            "teams.show": self.show,
            "teams.change": self.change,
            "teams.remove": self.remove,
            "teams.resend_invite": self.resend,
            "teams.accept": self.accept,
        }

    async def listed(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        rows = await self._rows(asking.account)
        return Answer(rows, {"total": len(rows)})

    async def invite(self, asking: Asking, given: takes.Invite) -> Answer:
        await self._people.invite(asking.account, given.email, Role(given.role), asking.who)
        return Answer(await self._row(asking.account, given.email.strip().lower()))

    async def show(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        return Answer(await self._row(asking.account, asking.ids["id"]))

    async def change(self, asking: Asking, given: takes.MemberChange) -> Answer:
        id = asking.ids["id"]
        await self._people.change_role(asking.account, id, Role(given.role), asking.who)
        return Answer(await self._row(asking.account, id))

    async def remove(self, asking: Asking, given: takes.Nothing) -> Answer:
        """A member is taken out; an invitation is withdrawn."""
        del given
        row = await self._row(asking.account, asking.ids["id"])
        if row.status == "invited":
            await self._people.withdraw_invitation(asking.account, row.email, asking.who)
        else:
            await self._people.remove_member(asking.account, row.id, asking.who)
        return Answer(row)

    async def resend(self, asking: Asking, given: takes.Nothing) -> Answer:
        """A new mail with a new link; the one before works no more."""
        del given
        row = await self._row(asking.account, asking.ids["id"])
        if row.status != "invited":
            raise CallerError(
                "They are a member of this account already.", status=409, code="already_member"
            )
        await self._people.invite(asking.account, row.email, Role(row.role), asking.who)
        return Answer(row)

    async def accept(self, asking: Asking, given: takes.Nothing) -> Answer:
        """``id`` is the code of the mail; the invitation must be to the person that asks."""
        del given
        secret, signed = await self._people.accept(
            asking.ids["id"], address=asking.address, signed=asking.who
        )
        await self._people.sign_out(secret)
        return Answer(
            gives.Account(
                id=signed.account or "",
                name=signed.account_name,
                role=signed.role or "",
                current=False,
            )
        )

    async def _rows(self, account: str) -> list[gives.Member]:
        members = await self._people.members(account)
        invited = await self._people.invitations(account)
        return [*map(_member, members), *map(_invited, invited)]

    async def _row(self, account: str, id: str) -> gives.Member:
        for row in await self._rows(account):
            if row.id == id:
                return row
        raise CallerError(
            "There is no such member in this account, and no such invitation.",
            status=404,
            code="member_not_found",
        )


def _member(member: Member) -> gives.Member:
    person = member.person
    return gives.Member(
        id=person.id,
        name=person.name,
        email=person.email,
        role=member.role,
        status="active" if person.state == "open" else "suspended",
        since=said.moment(member.since_ms) or "",
    )


def _invited(code: MailCode) -> gives.Member:
    return gives.Member(
        id=code.email,
        name="",
        email=code.email,
        role=code.role or "",
        status="invited",
        since=said.moment(code.created_ms) or "",
    )
