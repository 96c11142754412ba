"""Operators, the books and the people: verification, holds, the audit log, who signs in."""

from __future__ import annotations

from tokenhouse.access import People, Role
from tokenhouse.api.admin import gives, said, takes
from tokenhouse.api.admin.route import Act, Asking, Told
from tokenhouse.api.exporting import Exporting
from tokenhouse.api.ranges import moment_asked
from tokenhouse.billing import FOREVER_MS, AuditAsked, Desk, export
from tokenhouse.errors import CallerError


class Books:
    """One method a route; ``acts`` by the route's name."""

    def __init__(self, desk: Desk, people: People) -> None:
        self._desk = desk
        self._people = people

    def acts(self) -> dict[str, Act]:
        return {
            "me": self.me,
            "books": self.books,
            "verify": self.verify,
            "audit": self.audit,
            "people": self.persons,
            "person_change": self.change_person,
            "invitation_new": self.invite,
        }

    async def me(self, asking: Asking, given: takes.Nothing) -> Told:
        person = asking.operator.person
        return Told(gives.Me(id=person.id, email=person.email, name=person.name))

    async def books(self, asking: Asking, given: takes.Nothing) -> Told:
        folding = await self._desk.folding()
        process = self._desk.house.process()
        return Told(
            gives.Books(
                holds=[said.hold(row) for row in await self._desk.open_holds()],
                leases=[said.lease(row) for row in await self._desk.leases()],
                receipts_unfolded=folding.last - folding.folded,
                folded_at=said.moment(process.folded_ms),
                fold_error=process.fold_error,
                version=process.version,
                lease=process.lease,
                started_at=export.utc(process.started_ms),
            )
        )

    async def verify(self, asking: Asking, given: takes.Nothing) -> Told:
        found = await self._desk.verify(asking.actor)
        return Told(
            gives.Verification(ok=found.ok, open_holds=found.open_holds, errors=list(found.errors))
        )

    async def audit(self, asking: Asking, given: takes.AuditQuery) -> Told:
        account = given.account
        if account is not None:
            account = (await self._desk.billing.account(account)).id
        asked = AuditAsked(
            account=account,
            actor=given.actor,
            act=given.act,
            text=given.text,
            since_ms=moment_asked({"since": given.since or ""}, "since", 0),
            until_ms=moment_asked({"until": given.until or ""}, "until", FOREVER_MS),
            after=given.after,
            limit=given.limit,
        )
        if given.format == "json":
            page = await self._desk.audit(asked)
            return Told([said.act(row) for row in page.rows], page.next)
        exporting = Exporting(given.format, export.AUDIT_FIELDS, export.audit_fields, "audit")
        await exporting.send(asking.scope, asking.respond, self._desk.audit_pages(asked))
        return Told(None, sent=True)

    async def persons(self, asking: Asking, given: takes.PersonsQuery) -> Told:
        rows = await self._people.persons(
            search=given.search, after=given.after or "", limit=given.limit
        )
        more = rows[-1].id if len(rows) == given.limit else None
        return Told([said.person(row) for row in rows], more)

    async def change_person(self, asking: Asking, given: takes.PersonChange) -> Told:
        by = asking.operator
        person = await self._people.person(asking.id)
        if given.operator is None and given.state is None:
            raise CallerError("say what is to be other: 'operator' or 'state'", param="state")
        if given.operator is not None:
            person = await self._people.set_operator(asking.id, given.operator, by)
        if given.state == "suspended":
            person = await self._people.suspend_person(asking.id, by)
        elif given.state == "open":
            person = await self._people.open_person(asking.id, by)
        return Told(said.person(person))

    async def invite(self, asking: Asking, given: takes.NewInvitation) -> Told:
        account = given.account
        if account is not None:
            account = (await self._desk.billing.account(account)).id
        if (account is None) != (given.role is None):
            raise CallerError("'account' and 'role' are said together", param="role")
        role = None if given.role is None else Role(given.role)
        link = await self._people.invite(
            account, given.email, role, asking.operator, operator=given.operator
        )
        return Told(
            gives.Invitation(
                email=given.email,
                account=account,
                role=given.role,
                operator=given.operator,
                link=link,
            )
        )
