"""``receipts`` and ``ledger postings``: long lists as a table, a page of JSON, CSV or NDJSON."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import click

from tokenhouse.cli_accounts import ledger
from tokenhouse.cli_days import FOREVER_MS, end_ms, first_ms, shown
from tokenhouse.cli_frame import Settings, Verb, settings_of
from tokenhouse.cli_open import House, run
from tokenhouse.cli_output import Column, dollars, print_json, print_table

if TYPE_CHECKING:
    from tokenhouse.billing import Page, PageAsked, ReceiptRow
    from tokenhouse.ledger import Posting

T = TypeVar("T")
P = ParamSpec("P")

READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of both verbs said; ``form`` is csv, ndjson or ""."""

    since_ms: int | None
    until_ms: int | None
    after: str | None
    limit: int
    form: str

    def page(self) -> PageAsked:
        from tokenhouse.billing import PageAsked

        return PageAsked(
            since_ms=0 if self.since_ms is None else self.since_ms,
            until_ms=FOREVER_MS if self.until_ms is None else self.until_ms,
            after=self.after,
            limit=READ_AT_ONCE if self.form else self.limit,
            oldest_first=bool(self.form),
            as_written=bool(self.form),
        )


def _list_options(verb: Callable[P, T]) -> Callable[P, T]:
    """The options that say which rows, and how they are written."""
    for option in (
        click.option(
            "--ndjson", is_flag=True, help="Print all, oldest first, a JSON object a line."
        ),
        click.option("--csv", "as_csv", is_flag=True, help="Print all, oldest first, as CSV."),
        click.option(
            "--limit",
            type=click.IntRange(1, 1000),
            default=50,
            show_default=True,
            help="How many, newest first, without --csv and --ndjson.",
        ),
        click.option("--after", metavar="PLACE", help="Go on where an earlier run ended."),
        click.option("--until", metavar="DAY", callback=end_ms, help="The last UTC day."),
        click.option("--since", metavar="DAY", callback=first_ms, help="The first UTC day."),
    ):
        verb = option(verb)
    return verb


@click.command(
    cls=Verb,
    examples="""
    tokenhouse receipts ada
    tokenhouse receipts ada --since 2026-11-01 --until 2026-11-30 --csv > november.csv
    tokenhouse receipts --ndjson > all.ndjson
    tokenhouse receipts --ndjson --after 48213 >> all.ndjson
    """,
)
@click.argument("account", required=False)
@_list_options
@settings_of
def receipts(settings: Settings, account: str | None, **words: Any) -> None:
    """List or export what requests cost, and why.

    Of ACCOUNT (its name or id), the latest first; or of all. Exports, and the list of all, are in the
    order in which receipts were written.
    An export says on stderr where it ended: give that to --after, and the next one goes on from
    there.
    """
    asked = _asked(words)

    async def act(house: House) -> None:
        from tokenhouse.billing import export

        billing = house.billing
        listing = Listing(
            export.RECEIPT_FIELDS, export.receipt_fields, _RECEIPT_COLUMNS, _receipt_cells
        )
        if asked.form:
            await listing.write(billing.receipts_pages(account, asked.page()), asked.form)
        else:
            listing.show(await billing.receipts_page(account, asked.page()), settings)

    run(settings.load(), act)


@ledger.command(
    "postings",
    examples="""
    tokenhouse ledger postings ada
    tokenhouse ledger postings ada --csv --since 2026-11-01 > november.csv
    """,
)
@click.argument("account")
@_list_options
@settings_of
def ledger_postings(settings: Settings, account: str, **words: Any) -> None:
    """List or export the lines of ACCOUNT (its name or id) in the ledger, the latest first."""
    asked = _asked(words)

    async def act(house: House) -> None:
        from tokenhouse.billing import export

        billing = house.billing
        listing = Listing(
            export.POSTING_FIELDS, export.posting_fields, _POSTING_COLUMNS, _posting_cells
        )
        if asked.form:
            await listing.write(billing.postings_pages(account, asked.page()), asked.form)
        else:
            listing.show(await billing.postings_page(account, asked.page()), settings)

    run(settings.load(), act)


def _asked(words: Mapping[str, Any]) -> Asked:
    if words["as_csv"] and words["ndjson"]:
        raise click.UsageError("give --csv or --ndjson, not both")
    form = "csv" if words["as_csv"] else "ndjson" if words["ndjson"] else ""
    return Asked(words["since"], words["until"], words["after"], words["limit"], form)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """How rows are written: their fields for programs, their cells for people."""

    names: Sequence[str]
    fields: Callable[[T], Mapping[str, object]]
    columns: Sequence[Column]
    cells: Callable[[T], tuple[str, ...]]

    async def write(self, pages: AsyncGenerator[Page[T], None], form: str) -> None:
        """Every page to stdout, one in memory at a time; where it ended to stderr."""
        from tokenhouse.billing import export

        known: export.Form = "csv" if form == "csv" else "ndjson"
        last: str | None = None
        sys.stdout.write(export.head(known, self.names))
        async with aclosing(pages):
            async for page in pages:
                sys.stdout.write(export.lines(known, map(self.fields, page.rows)))
                last = page.last
        if last is not None:
            click.echo(f"go on with --after {last}", err=True)

    def show(self, page: Page[T], settings: Settings) -> None:
        """One page as JSON or as a table."""
        if settings.as_json:
            print_json({"data": [dict(self.fields(row)) for row in page.rows], "next": page.next})
            return
        print_table(self.columns, [self.cells(row) for row in page.rows], empty="nothing there")
        if page.next is not None:
            click.echo(f"more with --after {page.next}", err=True)


_RECEIPT_COLUMNS = (
    Column("began"),
    Column("id"),
    Column("model"),
    Column("outcome"),
    Column("tokens in", number=True),
    Column("tokens out", number=True),
    Column("cost", number=True),
    Column("ms", number=True),
)


def _receipt_cells(row: ReceiptRow) -> tuple[str, ...]:
    return (
        shown(row.created_ms),
        row.id,
        row.model,
        row.outcome,
        str(row.prompt_tokens),
        str(row.answer_tokens),
        dollars(row.cost),
        "" if row.total_ms is None else str(row.total_ms),
    )


_POSTING_COLUMNS = (
    Column("at"),
    Column("kind"),
    Column("transfer"),
    Column("amount", number=True),
    Column("reason"),
)


def _posting_cells(posting: Posting) -> tuple[str, ...]:
    return (
        shown(posting.at_ms),
        posting.kind,
        posting.transfer,
        dollars(posting.amount),
        posting.reason,
    )
