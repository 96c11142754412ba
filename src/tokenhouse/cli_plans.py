"""Verbs about what things cost and what accounts get: ``plans``, ``prices``, ``accounts plan``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tokenhouse.catalogue import Plan, Price, Rates, plan_parts, price_parts
from tokenhouse.cli_accounts import account_row, accounts
from tokenhouse.cli_frame import Settings, Verb, settings_of
from tokenhouse.cli_open import House, build_catalogue, run
from tokenhouse.cli_output import Column, print_json, print_table
from tokenhouse.ledger import Account
from tokenhouse.money import usd_per_million

if TYPE_CHECKING:
    from tokenhouse.billing import PriceVersion


@accounts.command(
    "plan",
    examples="""
    tokenhouse accounts plan ada pro
    tokenhouse accounts plan ada free --reason "the trial is over" --json
    """,
)
@click.argument("account")
@click.argument("plan")
@click.option("--reason", default="", help="Why; stands in the audit log.")
@settings_of
def accounts_plan(settings: Settings, account: str, plan: str, reason: str) -> None:
    """Put ACCOUNT (its name or id) on PLAN; a running server knows within two seconds.

    Limits are the new plan's from then on. If it grants more a month than the account was given this
    month, the difference comes with the next request; if it grants less, nothing is taken back.
    """
    config = settings.load()
    plans = build_catalogue(config).plans
    if plan not in plans:
        known = ", ".join(sorted(plans))
        raise click.BadParameter(f"there is no plan {plan!r}; there are: {known}")

    async def change(house: House) -> tuple[str, Account]:
        before = (await house.billing.account(account)).plan
        return before, await house.billing.change_account(account, plan=plan, reason=reason)

    before, changed = run(config, change)
    if settings.as_json:
        print_json(account_row(changed))
    else:
        print(f"{changed.id}  {changed.name}, plan {changed.plan} (was {before})")


@click.command(
    cls=Verb,
    examples="""
    tokenhouse plans
    tokenhouse plans --json
    """,
)
@settings_of
def plans(settings: Settings) -> None:
    """List the plans: what each grants a month, and its limits."""
    catalogue = build_catalogue(settings.load())
    if settings.as_json:
        print_json([_plan(plan) for plan in catalogue.plans.values()])
        return
    rows = [
        (plan.name, ", ".join(plan_parts(plan)) or "no grant, no limits")
        for plan in catalogue.plans.values()
    ]
    print_table((Column("plan"), Column("what it gives and limits")), rows, empty="no plans")


@click.command(
    cls=Verb,
    examples="""
    tokenhouse prices
    tokenhouse prices mistral-small-3.1
    tokenhouse prices --version prc_0123456789ab --json
    """,
)
@click.argument("model", required=False)
@click.option("--version", metavar="V", help="The price that a receipt names by this version.")
@settings_of
def prices(settings: Settings, model: str | None, version: str | None) -> None:
    """Show every price that ever was in force, of MODEL or of all, oldest first.

    A price is written down when a serving house takes it from the settings; `tokenhouse models` shows
    what the settings say now.
    """
    config = settings.load()
    name = None if model is None else build_catalogue(config).resolve(model).id

    async def read(house: House) -> tuple[PriceVersion, ...]:
        from tokenhouse.billing import Prices

        book = Prices(house.store, house.clock)
        return await book.history(name) if version is None else (await book.version(version),)

    found = run(config, read)
    if settings.as_json:
        print_json([_version(row) for row in found])
        return
    columns = (
        Column("version"),
        Column("model"),
        Column("in force from"),
        Column("input", number=True),
        Column("output", number=True),
        Column("beside"),
    )
    rows = [
        (row.version, row.model, _moment(row.from_ms), *price_cells(row.price)) for row in found
    ]
    print_table(columns, rows, empty="no price was in force yet; `tokenhouse serve` writes them")


def price_cells(price: Price | None) -> tuple[str, str, str]:
    """Input, output, and what the price says beside them."""
    if price is None:
        return "no price", "no price", ""
    if price.free:
        return "free", "free", ""
    into, out = usd_per_million(price.input), usd_per_million(price.output)
    return f"${into}", f"${out}", ", ".join(price_parts(price))


def _plan(plan: Plan) -> dict[str, object]:
    return {
        "name": plan.name,
        "monthly_grant": plan.monthly_grant,
        "requests_per_minute": plan.requests_per_minute,
        "tokens_per_minute": plan.tokens_per_minute,
        "concurrent_requests": plan.concurrent_requests,
        "queue_depth": plan.queue_depth,
        "free_requests_per_day": plan.free_requests_per_day,
    }


def _version(row: PriceVersion) -> dict[str, object]:
    """Rates in picodollars per token, image and request in picodollars each."""
    price = row.price
    return {
        "version": row.version,
        "model": row.model,
        "from_ms": row.from_ms,
        "free": price.free,
        **_rates(price),
        "image": price.image,
        "request": price.request,
        "tiers": [{"above": tier.above, **_rates(tier)} for tier in price.tiers],
    }


def _rates(rates: Rates) -> dict[str, object]:
    return {
        "input": rates.input,
        "output": rates.output,
        "cache_read": rates.cache_read_rate,
        "cache_write": rates.cache_write_rate,
        "reasoning": rates.reasoning_rate,
    }


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
