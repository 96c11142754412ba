"""The books and the people: verification, holds and leases, the audit log, who signs in."""

from __future__ import annotations

import datetime
from typing import Final

from tokenhouse.access import Role
from tokenhouse.billing import DAY_MS, FOREVER_MS, AuditAsked, export
from tokenhouse.errors import CallerError
from tokenhouse.pages.admin.office import Acting, Given, Handler, Office, done, page, shown, told
from tokenhouse.pages.answer import Stream
from tokenhouse.pages.dashboard.clerk import Deed
from tokenhouse.pages.session import Form
from tokenhouse.pages.shown import Words

ROWS: Final = 100
EXPORTED: Final = 500
"""Read at a time; an export is as long as it is."""

ACTS: Final = (
    *("accounts create", "accounts change", "credit", "ledger reverse", "ledger verify"),
    *("keys create", "keys change", "keys rotate", "keys revoke", "requests cancel"),
    *("vouchers create", "vouchers redeem", "vouchers revoke", "routes reset", "settings reload"),
    *("people invite", "people withdraw", "people change", "people state", "people operator"),
    *("members add", "members change", "members remove", "tokens create", "tokens revoke"),
)
"""What may stand in the log, for the choice above it."""


class BookPages:
    """``/admin/ledger``, ``/admin/audit`` and ``/admin/people``."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._desk = office.desk

    def routes(self) -> dict[tuple[str, str], Handler]:
        office = self._office
        return {
            ("GET", "/admin/ledger"): shown(office, self.ledger, "ledger"),
            ("POST", "/admin/ledger"): done(office, self.verify, self.ledger_again, "ledger"),
            ("GET", "/admin/audit"): shown(office, self.audit, "audit"),
            ("GET", "/admin/audit.csv"): shown(office, self.exported, "audit"),
            ("GET", "/admin/audit.ndjson"): shown(office, self.exported, "audit"),
            ("GET", "/admin/people"): shown(office, self.people, "people"),
            ("POST", "/admin/people"): done(office, self.change, self.people_again, "people"),
            ("POST", "/admin/people/invite"): shown(office, self.invite, "people"),
        }

    async def ledger(self, acting: Acting) -> Given:
        return await self.ledger_again(acting, Deed())

    async def ledger_again(self, acting: Acting, deed: Deed) -> Given:
        desk = self._desk
        holds = await desk.open_holds()
        folding = await desk.folding()
        words: Words = {
            "verified": desk.verified,
            "holds": holds,
            "held": sum(hold.amount for hold in holds),
            "names": await self._office.account_names(hold.account for hold in holds),
            "leases": await desk.leases(),
            "process": desk.house.process(),
            "unfolded": folding.last - folding.folded,
        }
        return page("ledger", words, deed)

    async def verify(self, acting: Acting, form: Form) -> str:
        await self._desk.verify(acting.actor)
        return "/admin/ledger"

    async def audit(self, acting: Acting) -> Given:
        asked = await self._audit_asked(acting, ROWS)
        found = await self._desk.audit(asked)
        accounts = {row.account for row in found.rows if row.account is not None}
        words: Words = {
            "found": found,
            "acts": ACTS,
            "names": await self._office.account_names(accounts),
            "actors": await self._office.actor_names(row.actor for row in found.rows),
        }
        return page("audit", words)

    async def exported(self, acting: Acting) -> Given:
        pages = self._desk.audit_pages(await self._audit_asked(acting, EXPORTED))
        form: export.Form = "csv" if acting.request.path.endswith(".csv") else "ndjson"
        lines = export.texts(form, export.AUDIT_FIELDS, export.audit_fields, pages)
        return await Stream.begun(lines, export.TYPES[form], f"audit.{form}")

    async def people(self, acting: Acting) -> Given:
        return await self.people_again(acting, Deed())

    async def people_again(self, acting: Acting, deed: Deed, *, link: str = "") -> Given:
        people = self._office.people
        rows = await people.persons(
            search=acting.asked("q"), after=acting.asked("after"), limit=ROWS
        )
        memberships = {row.id: await people.memberships(row.id) for row in rows}
        words: Words = {
            "rows": rows,
            "next": rows[-1].id if len(rows) == ROWS else None,
            "memberships": memberships,
            "invitations": await people.invitations(None),
            "roles": tuple(Role),
            "link": link,
        }
        return page("people", words, deed)

    async def change(self, acting: Acting, form: Form) -> str:
        people, person, by = self._office.people, form.get("person"), acting.who
        match form.get("do"):
            case "suspend":
                await people.suspend_person(person, by)
            case "open":
                await people.open_person(person, by)
            case "operator":
                await people.set_operator(person, True, by)
            case "no operator":
                await people.set_operator(person, False, by)
            case "withdraw":
                await people.withdraw_invitation(None, form.get("email"), by)
                return told("/admin/people", "withdrawn")
            case _:
                raise CallerError("Choose what is to be done.", param="do")
        return told("/admin/people", "person")

    async def invite(self, acting: Acting) -> Given:
        """The mail goes out, and its link is shown this once, for who hands it over themselves."""
        form = await acting.form()
        try:
            link = await self._invited(acting, form)
        except CallerError as error:
            return await self.people_again(acting, Deed(form, error))
        return await self.people_again(acting, Deed(), link=link)

    async def _invited(self, acting: Acting, form: Form) -> str:
        account, role = form.get("account").strip(), form.get("role")
        if account and role not in tuple(Role):
            raise CallerError("Choose a role.", param="role")
        id = (await self._desk.billing.account(account)).id if account else None
        return await self._office.people.invite(
            id,
            form.get("email"),
            Role(role) if account else None,
            acting.who,
            operator="operator" in form,
        )

    async def _audit_asked(self, acting: Acting, limit: int) -> AuditAsked:
        account = acting.asked("account")
        until = _day(acting, "until")
        return AuditAsked(
            account=(await self._desk.billing.account(account)).id if account else None,
            actor=await self._actor(acting.asked("actor")),
            act=acting.asked("act"),
            text=acting.asked("q"),
            since_ms=_day(acting, "since") or 0,
            until_ms=FOREVER_MS if until is None else until + DAY_MS,
            after=acting.asked("after") or None,
            limit=limit,
        )

    async def _actor(self, text: str) -> str:
        """An actor as the log names them; a person may be asked for by their address."""
        if "@" not in text:
            return text
        try:
            return f"person:{(await self._office.people.find_person(text)).id}"
        except CallerError:
            return text


def _day(acting: Acting, name: str) -> int | None:
    """The begin of a UTC day; CallerError 400 naming the field."""
    text = acting.asked(name)
    if not text:
        return None
    try:
        at = datetime.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise CallerError(f"'{name}' is a day like 2026-11-22.", param=name) from None
    return round(at.timestamp() * 1000)
