"""Verbs about access tokens: ``tokens``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import UNSET

from tokenhouse.cli_frame import Section, Settings, settings_of
from tokenhouse.cli_key_words import end_of, shown_end
from tokenhouse.cli_open import House
from tokenhouse.cli_output import Column, print_json, print_table
from tokenhouse.cli_people import with_people

if TYPE_CHECKING:  # opened by the verbs that need it: --help comes at once
    from tokenhouse.access import AccessToken, NewAccessToken, People


@click.group(cls=Section)
def tokens() -> None:
    """People's secrets for the control plane (/api/agents/v1): make, list, revoke. Keys are other ones."""


@tokens.command(
    "create",
    examples="""
    tokenhouse tokens create ada@example.com --name laptop
    tokenhouse tokens create ada@example.com --account lab --expires 30d
    """,
)
@click.argument("person", metavar="PERSON")
@click.option(
    "--account",
    help="What it acts for: an account of PERSON's, its name or id. Default: the first.",
)
@click.option("--name", default="cli", show_default=True, help="What the token is called.")
@click.option(
    "--expires",
    "ends_ms",
    metavar="WHEN",
    callback=end_of,
    help="When it ends: `30d`, `12h`, the last UTC day, a time, or `never`, the default.",
)
@settings_of
def tokens_create(
    settings: Settings, person: str, account: str | None, name: str, ends_ms: int | None
) -> None:
    """Make an access token for PERSON (e-mail address or id) and print it, this once."""

    async def create(house: House, them: People) -> NewAccessToken:
        who = await them.find_person(person)
        if account is not None:
            acts_for: str | None = (await house.billing.account(account)).id
        else:
            mine = await them.memberships(who.id)
            acts_for = mine[0].account if mine else None
        ends = None if ends_ms is UNSET else ends_ms
        return await them.new_token(who.id, acts_for, name, ends)

    made = with_people(settings, create)
    if settings.as_json:
        print_json({**_row(made.token), "token": made.secret})
        return
    print(made.secret)
    click.echo(f"{made.token.id}: keep it, it is not shown again", err=True)


@tokens.command(
    "list",
    examples="""
    tokenhouse tokens list ada@example.com
    """,
)
@click.argument("person", metavar="PERSON")
@settings_of
def tokens_list(settings: Settings, person: str) -> None:
    """List PERSON's access tokens (e-mail address or id) by their last four letters."""

    async def listed(house: House, them: People) -> tuple[tuple[AccessToken, ...], int]:
        who = await them.find_person(person)
        return await them.tokens(who.id), house.clock.now_ms()

    found, now_ms = with_people(settings, listed)
    if settings.as_json:
        print_json([_row(token) for token in found])
        return
    rows = [
        (token.id, token.name, f"thp_…{token.hint}", token.account or "", _state(token, now_ms))
        for token in found
    ]
    columns = [Column(title) for title in ("id", "name", "token", "account", "state")]
    print_table(columns, rows, empty="no tokens yet: tokenhouse tokens create PERSON")


@tokens.command(
    "revoke",
    examples="""
    tokenhouse tokens revoke ada@example.com tok_019b1d2f3a4c0123456789abcde
    """,
)
@click.argument("person", metavar="PERSON")
@click.argument("token_id", metavar="ID")
@settings_of
def tokens_revoke(settings: Settings, person: str, token_id: str) -> None:
    """Refuse the access token ID of PERSON from now on, in a running server too."""

    async def revoke(house: House, them: People) -> AccessToken:
        who = await them.find_person(person)
        return await them.revoke_token(who.id, token_id)

    revoked = with_people(settings, revoke)
    if settings.as_json:
        print_json(_row(revoked))
    else:
        print(f"revoked {revoked.id}")


def _row(token: AccessToken) -> dict[str, object]:
    """A token in JSON: times in unix milliseconds."""
    return {
        "id": token.id,
        "person": token.person,
        "account": token.account,
        "name": token.name,
        "hint": token.hint,
        "created_ms": token.created_ms,
        "ends_ms": token.ends_ms,
        "revoked_ms": token.revoked_ms,
    }


def _state(token: AccessToken, now_ms: int) -> str:
    if token.revoked_ms is not None:
        return "revoked"
    if token.ends_ms is None:
        return "live"
    return f"until {shown_end(token.ends_ms)}" if token.ends_ms > now_ms else "ended"
