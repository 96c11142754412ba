"""Verbs about who signs in: ``people``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

import click

from tokenhouse.cli_frame import Section, Settings, settings_of
from tokenhouse.cli_open import House, login, run
from tokenhouse.cli_output import Column, print_json, print_table

if TYPE_CHECKING:  # opened by the verbs that need it: --help comes at once
    from tokenhouse.access import People, Person

T = TypeVar("T")


@click.group(cls=Section)
def people() -> None:
    """Who signs in: invite people, list them, suspend them, make operators."""


@people.command(
    "invite",
    examples="""
    tokenhouse people invite ada@example.com
    tokenhouse people invite bob@example.com --account ada --role developer
    tokenhouse people invite eve@example.com --operator
    """,
)
@click.argument("email")
@click.option("--account", help="Make them a member of this account (its name or id).")
@click.option(
    "--role",
    type=click.Choice(["owner", "developer", "viewer"]),
    help="What they are in it. Default: developer.",
)
@click.option("--operator", is_flag=True, help="They will operate this house, too.")
@settings_of
def people_invite(
    settings: Settings, email: str, account: str | None, role: str | None, operator: bool
) -> None:
    """Invite EMAIL: to an account, or to have one of their own.

    Prints the link, which works once, for a week; where mail is set up it is mailed too.
    """
    from tokenhouse.access import Role

    if role is not None and account is None:
        raise click.BadParameter("--role needs --account")

    async def invite(house: House, them: People) -> str:
        id = None if account is None else (await house.billing.account(account)).id
        chosen = None if id is None else Role(role or "developer")
        link = await them.invite(id, email, chosen, _actor(), operator=operator)
        if house.config.mail.url:
            await them.errands.finish()
        return link

    link = with_people(settings, invite)
    if settings.as_json:
        print_json({"email": email.strip().lower(), "link": link})
    else:
        print(link)


@people.command(
    "list",
    examples="""
    tokenhouse people list
    tokenhouse people list --json
    """,
)
@click.option("--search", default="", help="Only those whose address or name has this in it.")
@settings_of
def people_list(settings: Settings, search: str) -> None:
    """List everybody who signs in, with their accounts."""

    async def listed(house: House, them: People) -> list[dict[str, object]]:
        del house
        found: list[dict[str, object]] = []
        after = ""
        while page := await them.persons(search=search, after=after):
            for each in page:
                mine = await them.memberships(each.id)
                accounts = [
                    {"account": m.account, "name": m.account_name, "role": m.role.value}
                    for m in mine
                ]
                found.append({**person_row(each), "accounts": accounts})
            after = page[-1].id
        return found

    found = with_people(settings, listed)
    if settings.as_json:
        print_json(found)
        return
    columns = tuple(map(Column, ("id", "e-mail", "name", "state", "operator", "accounts")))
    print_table(columns, [_line(each) for each in found], empty="nobody signs in here yet")


@people.command(
    "suspend",
    examples="""
    tokenhouse people suspend ada@example.com
    """,
)
@click.argument("person")
@settings_of
def people_suspend(settings: Settings, person: str) -> None:
    """Sign PERSON (an e-mail address or id) out everywhere and let them in no more.

    Keys that they made go on working; revoke those, or suspend the account.
    """

    async def suspend(house: House, them: People) -> Person:
        del house
        return await them.suspend_person((await them.find_person(person)).id, _actor())

    _print_person(with_people(settings, suspend), as_json=settings.as_json)


@people.command(
    "open",
    examples="""
    tokenhouse people open ada@example.com
    """,
)
@click.argument("person")
@settings_of
def people_open(settings: Settings, person: str) -> None:
    """Let PERSON, who was suspended, in again."""

    async def open_again(house: House, them: People) -> Person:
        del house
        return await them.open_person((await them.find_person(person)).id, _actor())

    _print_person(with_people(settings, open_again), as_json=settings.as_json)


@people.command(
    "operator",
    examples="""
    tokenhouse people operator ada@example.com
    tokenhouse people operator ada@example.com --off
    """,
)
@click.argument("person")
@click.option("--off", is_flag=True, help="They operate this house no more.")
@settings_of
def people_operator(settings: Settings, person: str, off: bool) -> None:
    """Let PERSON operate this house: see and change every account, on /admin."""

    async def change(house: House, them: People) -> Person:
        del house
        return await them.set_operator((await them.find_person(person)).id, not off, _actor())

    _print_person(with_people(settings, change), as_json=settings.as_json)


def person_row(person: Person) -> dict[str, object]:
    """A person as JSON; times in unix milliseconds."""
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "verified": person.verified,
        "operator": person.operator,
        "state": person.state,
        "created_ms": person.created_ms,
    }


def _line(row: dict[str, object]) -> tuple[str, ...]:
    accounts = cast("list[dict[str, str]]", row["accounts"])
    joined = ", ".join(f"{each['name']} ({each['role']})" for each in accounts)
    state = str(row["state"]) if row["verified"] or row["operator"] else "not confirmed"
    operator = "yes" if row["operator"] else ""
    return (str(row["id"]), str(row["email"]), str(row["name"]), state, operator, joined)


def _print_person(person: Person, *, as_json: bool) -> None:
    if as_json:
        print_json(person_row(person))
    else:
        operator = ", operator" if person.operator else ""
        print(f"{person.id}  {person.email or person.name}, {person.state}{operator}")


def with_people(settings: Settings, act: Callable[[House, People], Awaitable[T]]) -> T:
    """What ``act`` gives, with the house of the settings and its people."""
    config = settings.load()

    async def opened(house: House) -> T:
        from tokenhouse.app_people import make_people
        from tokenhouse.cli_open import build_catalogue

        plan = build_catalogue(config).default_plan
        name = "" if plan is None else plan.name
        return await act(house, make_people(config, house.store, house.clock, plan=lambda: name))

    return run(config, opened)


def _actor() -> str:
    return f"cli:{login()}"
