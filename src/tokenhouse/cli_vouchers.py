"""``vouchers``: codes worth credit; ``audit``: what operators did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from tokenhouse.cli_days import end_ms, shown
from tokenhouse.cli_frame import Section, Settings, Verb, amount, settings_of
from tokenhouse.cli_open import House, run
from tokenhouse.cli_output import Column, dollars, print_credited, print_json, print_table
from tokenhouse.ledger import Credited

if TYPE_CHECKING:
    from tokenhouse.billing import AuditRow, NewVouchers, Voucher


@click.group(cls=Section)
def vouchers() -> None:
    """Codes worth credit, redeemed once each: make, list, revoke, redeem."""


@vouchers.command(
    "create",
    examples="""
    tokenhouse vouchers create 10
    tokenhouse vouchers create 5.00 --count 100 --expires 2026-12-31 --reason workshop > codes.txt
    """,
)
@click.argument("dollars_each", metavar="AMOUNT", callback=amount)
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True)
@click.option("--expires", metavar="DAY", callback=end_ms, help="The last UTC day. Default: never.")
@click.option("--reason", default="voucher", help="Why; stands in the ledger.")
@click.option(
    "--idempotency-key",
    metavar="K",
    help="Said twice it makes codes once; with other words it is an error.",
)
@settings_of
def vouchers_create(
    settings: Settings,
    dollars_each: int,
    count: int,
    expires: int | None,
    **why: str | None,
) -> None:
    """Make codes worth AMOUNT dollars each and print them, this once: only their hashes are kept."""

    async def create(house: House) -> NewVouchers:
        return await house.billing.create_vouchers(
            dollars_each,
            count=count,
            expires_ms=expires,
            reason=why["reason"] or "",
            idempotency_key=why["idempotency_key"],
        )

    made = run(settings.load(), create)
    lot = made.vouchers[0].lot
    if settings.as_json:
        told = [_voucher(voucher) for voucher in made.vouchers]
        for voucher, code in zip(told, made.codes, strict=False):
            voucher["code"] = code
        print_json({"lot": lot, "vouchers": told, "replayed": made.replayed})
        return
    for code in made.codes:
        print(code)
    note = "was made before: its codes are not shown again" if made.replayed else "keep the codes"
    click.echo(f"{lot}: {len(made.vouchers)} of {dollars(dollars_each)}; {note}", err=True)


@vouchers.command(
    "list",
    examples="""
    tokenhouse vouchers list
    tokenhouse vouchers list --limit 1000 --json
    """,
)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--before", metavar="ID", help="Go on behind the last voucher already seen.")
@settings_of
def vouchers_list(settings: Settings, limit: int, before: str | None) -> None:
    """List vouchers, the latest first, by the last letters of their codes."""

    async def listed(house: House) -> tuple[tuple[Voucher, ...], int]:
        found = await house.billing.vouchers(before=before, limit=limit)
        return found, house.clock.now_ms()

    found, now_ms = run(settings.load(), listed)
    if settings.as_json:
        print_json([_voucher(voucher) | {"state": voucher.state(now_ms)} for voucher in found])
        return
    columns = (
        Column("id"),
        Column("lot"),
        Column("code"),
        Column("amount", number=True),
        Column("state"),
        Column("expires"),
        Column("account"),
    )
    rows = [
        (
            voucher.id,
            voucher.lot,
            f"TH-…{voucher.hint}",
            dollars(voucher.amount),
            voucher.state(now_ms),
            shown(voucher.expires_ms),
            voucher.account or "",
        )
        for voucher in found
    ]
    print_table(columns, rows, empty="no vouchers yet: tokenhouse vouchers create AMOUNT")


@vouchers.command(
    "revoke",
    examples="""
    tokenhouse vouchers revoke vch_019b1d2f3a4c0123456789abcde
    tokenhouse vouchers revoke lot_019b1d2f3a4c0123456789abcde --reason "the list leaked"
    """,
)
@click.argument("name", metavar="ID")
@click.option("--reason", default="", help="Why; stands in the audit log.")
@settings_of
def vouchers_revoke(settings: Settings, name: str, reason: str) -> None:
    """Refuse the voucher ID, or all of the lot ID, from now on. What was redeemed stays so."""

    async def revoke(house: House) -> tuple[tuple[Voucher, ...], int]:
        found = await house.billing.revoke_vouchers(name, reason=reason)
        return found, house.clock.now_ms()

    found, now_ms = run(settings.load(), revoke)
    if settings.as_json:
        print_json([_voucher(voucher) | {"state": voucher.state(now_ms)} for voucher in found])
        return
    for voucher in found:
        print(f"{voucher.id}  {voucher.state(now_ms)}")


@vouchers.command(
    "redeem",
    examples="""
    tokenhouse vouchers redeem TH-7K2QD-XM4ZT-0A8RN-WCF3H ada
    """,
)
@click.argument("code")
@click.argument("account")
@settings_of
def vouchers_redeem(settings: Settings, code: str, account: str) -> None:
    """Turn CODE into credit of ACCOUNT (its name or id), once."""

    async def redeem(house: House) -> Credited:
        return await house.billing.redeem(code, account)

    print_credited(run(settings.load(), redeem), as_json=settings.as_json)


@click.command(
    cls=Verb,
    examples="""
    tokenhouse audit
    tokenhouse audit ada --limit 20
    tokenhouse audit --json
    """,
)
@click.argument("account", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--before", type=int, metavar="SEQ", help="Go on behind the last row already seen.")
@settings_of
def audit(settings: Settings, account: str | None, limit: int, before: int | None) -> None:
    """Show what operators did, the latest first: who, what, when, why, before and after.

    To ACCOUNT (its name or id), or to all.
    """

    async def read(house: House) -> tuple[AuditRow, ...]:
        if before is None:
            return await house.billing.audit(account, limit=limit)
        return await house.billing.audit(account, before=before, limit=limit)

    found = run(settings.load(), read)
    if settings.as_json:
        print_json([_audited(row) for row in found])
        return
    columns = (
        Column("seq", number=True),
        Column("at"),
        Column("who"),
        Column("what"),
        Column("to"),
        Column("before"),
        Column("after"),
        Column("reason"),
    )
    rows = [
        (
            str(row.seq),
            shown(row.at_ms),
            row.actor,
            row.act,
            row.subject,
            _changed(row.before, row.after),
            _changed(row.after, row.before),
            row.reason,
        )
        for row in found
    ]
    print_table(columns, rows, empty="nothing was done yet")


def _changed(told: Mapping[str, object] | None, other: Mapping[str, object] | None) -> str:
    """``told`` in one line; where the ``other`` side is known, what it has alike is left out, and so is
    what was not set. ``--json`` has all of it."""
    if told is None:
        return ""
    if other is None:
        words = {name: value for name, value in told.items() if value is not None}
    else:
        words = {name: value for name, value in told.items() if value != other.get(name)}
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in words.items())


def _voucher(voucher: Voucher) -> dict[str, object]:
    return {
        "id": voucher.id,
        "lot": voucher.lot,
        "hint": voucher.hint,
        "amount": voucher.amount,
        "reason": voucher.reason,
        "created_ms": voucher.created_ms,
        "expires_ms": voucher.expires_ms,
        "revoked_ms": voucher.revoked_ms,
        "redeemed_ms": voucher.redeemed_ms,
        "account": voucher.account,
    }


def _audited(row: AuditRow) -> dict[str, object]:
    return {
        "seq": row.seq,
        "at_ms": row.at_ms,
        "actor": row.actor,
        "act": row.act,
        "subject": row.subject,
        "account": row.account,
        "reason": row.reason,
        "before": row.before,
        "after": row.after,
    }
