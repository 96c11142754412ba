"""Verbs about who pays: ``accounts``, ``credit``, ``ledger``."""

from __future__ import annotations

from typing import cast

import click

from tokenhouse.cli_frame import ERROR, Section, Settings, Verb, amount, settings_of
from tokenhouse.cli_open import House, build_catalogue, run
from tokenhouse.cli_output import Column, dollars, print_credited, print_json, print_table
from tokenhouse.ledger import Account, AccountState, Credited


@click.group(cls=Section)
def accounts() -> None:
    """Who pays: make accounts, list them, change their state."""


@accounts.command(
    "create",
    examples="""
    tokenhouse accounts create ada
    tokenhouse accounts create "Ada's lab" --plan free --json
    """,
)
@click.argument("name")
@click.option("--plan", help="Limits and free grant. Default: the plan `default`, else `free`.")
@settings_of
def accounts_create(settings: Settings, name: str, plan: str | None) -> None:
    """Make an account called NAME, with no credit and no key yet."""
    config = settings.load()
    plans = build_catalogue(config).plans
    chosen = plan or ("default" if "default" in plans else "free")
    if chosen not in plans:
        known = ", ".join(sorted(plans))
        raise click.BadParameter(f"there is no plan {chosen!r}; there are: {known}")

    async def create(house: House) -> Account:
        return await house.billing.create_account(name, chosen)

    made = run(config, create, make=True)
    if settings.as_json:
        print_json(account_row(made))
    else:
        print(f"{made.id}  {made.name}, plan {made.plan}")


@accounts.command(
    "list",
    examples="""
    tokenhouse accounts list
    tokenhouse accounts list --json
    """,
)
@settings_of
def accounts_list(settings: Settings) -> None:
    """List accounts with what they have and what running requests hold of it."""

    async def listed(house: House) -> tuple[Account, ...]:
        return await house.billing.accounts()

    found = run(settings.load(), listed)
    if settings.as_json:
        print_json([account_row(account) for account in found])
        return
    columns = (
        Column("id"),
        Column("name"),
        Column("plan"),
        Column("state"),
        Column("balance", number=True),
        Column("held", number=True),
    )
    rows = [(a.id, a.name, a.plan, a.state, dollars(a.balance), dollars(a.held)) for a in found]
    print_table(columns, rows, empty="no accounts yet: tokenhouse accounts create NAME")


@accounts.command(
    "state",
    examples="""
    tokenhouse accounts state ada suspended --reason "chargeback"
    tokenhouse accounts state ada open
    """,
)
@click.argument("account")
@click.argument("state", type=click.Choice(["open", "suspended", "closed"]))
@click.option("--reason", default="", help="Why; stands in the audit log.")
@settings_of
def accounts_state(settings: Settings, account: str, state: str, reason: str) -> None:
    """Suspend ACCOUNT (its name or id), open it again, or close it for ever.

    Every key of an account that is not open is refused.
    """

    async def change(house: House) -> Account:
        chosen = cast("AccountState", state)
        return await house.billing.change_account(account, state=chosen, reason=reason)

    changed = run(settings.load(), change)
    if settings.as_json:
        print_json(account_row(changed))
    else:
        print(f"{changed.id}  {changed.name}, {changed.state}")


class Credit(Verb):
    """A sum below zero is read as an option: say what takes money back."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not error.option_name.lstrip("-")[:1].isdecimal():
                raise
            said = "AMOUNT must be more than 0; `tokenhouse ledger reverse ID` takes a credit back."
            raise click.UsageError(said, ctx) from error


@click.command(
    cls=Credit,
    examples="""
    tokenhouse credit ada 25
    tokenhouse credit ada 0.50 --reason "sorry for the outage"
    tokenhouse credit ada 100.00 --reason "invoice 17" --idempotency-key invoice-17
    """,
)
@click.argument("account")
@click.argument("dollars_given", metavar="AMOUNT", callback=amount)
@click.option("--reason", default="credit", help="Why; stands in the ledger.")
@click.option(
    "--idempotency-key",
    metavar="K",
    help="Said twice with the same words it credits once; with other words it is an error.",
)
@settings_of
def credit(
    settings: Settings,
    account: str,
    dollars_given: int,
    reason: str,
    idempotency_key: str | None,
) -> None:
    """Put money into an account.

    AMOUNT is dollars as exact decimals, ACCOUNT a name or an id.
    """

    async def put(house: House) -> Credited:
        return await house.billing.credit(
            account, dollars_given, reason=reason, idempotency_key=idempotency_key
        )

    print_credited(run(settings.load(), put), as_json=settings.as_json)


@click.group(cls=Section)
def ledger() -> None:
    """The book of all money: verify it, reverse a credit."""


@ledger.command(
    "verify",
    examples="""
    tokenhouse ledger verify
    tokenhouse ledger verify --json
    """,
)
@settings_of
def ledger_verify(settings: Settings) -> None:
    """Check that postings sum to zero and balances and holds agree with them. Exit code 1 if not."""

    async def verify(house: House) -> tuple[bool, int, tuple[str, ...]]:
        found = await house.billing.verify()
        return found.ok, found.open_holds, found.errors

    ok, open_holds, errors = run(settings.load(), verify)
    if settings.as_json:
        print_json({"ok": ok, "open_holds": open_holds, "errors": list(errors)})
    elif ok:
        print(f"ok: every transfer sums to zero; {open_holds} open holds")
    for error in () if settings.as_json else errors:
        click.echo(f"wrong: {error}", err=True)
    if not ok:
        raise click.exceptions.Exit(ERROR)


@ledger.command(
    "reverse",
    examples="""
    tokenhouse ledger reverse ID --reason "the payment bounced"
    """,
)
@click.argument("transfer", metavar="ID")
@click.option("--reason", required=True, help="Why; stands in the ledger.")
@settings_of
def ledger_reverse(settings: Settings, transfer: str, reason: str) -> None:
    """Take back the credit ID (as `credit` printed it), once. The balance may fall below zero."""

    async def reverse(house: House) -> Credited:
        return await house.billing.reverse(transfer, reason=reason)

    print_credited(run(settings.load(), reverse), as_json=settings.as_json)


def account_row(account: Account) -> dict[str, object]:
    """An account as JSON; amounts in nanodollars."""
    return {
        "id": account.id,
        "name": account.name,
        "plan": account.plan,
        "balance": account.balance,
        "held": account.held,
        "state": account.state,
    }
