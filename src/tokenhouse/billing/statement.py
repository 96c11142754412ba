"""An account's book as people read it: lines with what was left after each, and a month on one sheet.

Nothing of it is kept: every figure is a sum of postings, so that a statement can't say another balance
than the ledger.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tokenhouse.billing.values import UsageRow
from tokenhouse.errors import CallerError
from tokenhouse.ledger import Posting, PostingKind

CHARGES: Final[frozenset[PostingKind]] = frozenset(("settle", "expire"))
"""Postings that a request ended with."""
STATEMENT_LINES: Final = 100
"""Of what is not a charge, a statement names the first so many; the rest is summed."""

_MONTH: Final = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """A posting, and the account's balance after it."""

    posting: Posting
    balance: int


@dataclass(frozen=True, slots=True)
class Sum:
    """So many postings of one kind, and what they come to."""

    count: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What happened to an account's balance in [start, end), a UTC month.

    ``closing`` = ``opening`` + all ``sums``. ``lines`` are the postings that no request made, oldest
    first. ``usage`` is by model, of requests that *began* in the month; a request that began in one
    month and ended in the next is charged in the latter, so that ``across`` may be any number.
    """

    account: str
    start_ms: int
    end_ms: int
    opening: int
    closing: int
    sums: Mapping[PostingKind, Sum]
    lines: tuple[Posting, ...]
    usage: tuple[UsageRow, ...]

    @property
    def month(self) -> str:
        """``2026-11``."""
        return month_of(self.start_ms)

    @property
    def charged(self) -> int:
        """What requests were charged, as a number above zero."""
        return -sum(total.amount for kind, total in self.sums.items() if kind in CHARGES)

    @property
    def across(self) -> int:
        """What was charged for requests begun in another month, less what other months were charged
        for requests begun in this one."""
        return self.charged - sum(row.cost for row in self.usage)

    @property
    def unnamed(self) -> Sum:
        """The postings that are no charges and did not fit in ``lines``."""
        others = [total for kind, total in self.sums.items() if kind not in CHARGES]
        return Sum(
            sum(total.count for total in others) - len(self.lines),
            sum(total.amount for total in others) - sum(line.amount for line in self.lines),
        )


def month_range(month: str) -> tuple[int, int]:
    """``2026-11`` → [start, end) in unix milliseconds; CallerError 404 for what is no month."""
    found = _MONTH.fullmatch(month)
    if found is None or not 1 <= int(found[2]) <= 12 or not 1970 <= int(found[1]) <= 9998:
        raise CallerError(f"{month!r} is no month", status=404, code="no_month", param="month")
    year, number = int(found[1]), int(found[2])
    return _start(year, number), _start(year + number // 12, number % 12 + 1)


def month_of(at_ms: int) -> str:
    """The UTC month of a moment: ``2026-11``."""
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m")


def months(first_ms: int, last_ms: int) -> tuple[str, ...]:
    """Every UTC month that has something of [first, last], the latest first."""
    found = [month_of(last_ms)]
    while (start := month_range(found[-1])[0]) > max(first_ms, 0):
        found.append(month_of(start - 1))
    return tuple(found)


def _start(year: int, month: int) -> int:
    return round(datetime.datetime(year, month, 1, tzinfo=datetime.UTC).timestamp() * 1000)
