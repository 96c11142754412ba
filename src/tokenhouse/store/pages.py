"""Pages of long lists, by the key of the last row: a place stays good while rows come and go.

A place is text that only the store reads: ``TIME.SEQ`` for an account's receipts, ``SEQ`` for receipts
in the order of their writing, ``TIME.KIND.ID`` for postings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, Protocol, TypeVar

from tokenhouse.billing import Outcome, Page, PageAsked
from tokenhouse.errors import CallerError
from tokenhouse.money import AMOUNT_MAX

Row = tuple[Any, ...]
T = TypeVar("T")
OUTCOMES: Final[tuple[Outcome, ...]] = ("finished", "cancelled", "failed", "crashed")
_CREATED, _SEQ = 5, 20
"""Where they stand in a row of ``receipt_get``."""


def of_receipts(account: str | None, asked: PageAsked) -> tuple[str, tuple[object, ...]]:
    """→ (statement, its parameters but for the limit)"""
    filters = of_filters(asked)
    if account is None or asked.as_written:
        after = 0 if asked.after is None else _whole(asked.after)
        words = (after, asked.since_ms, asked.until_ms, *filters)
        if account is None:
            return "receipts_written", words
        return "receipts_written_of", (account, *words)
    after_time, after_seq = asked.since_ms if asked.oldest_first else asked.until_ms, 0
    if asked.after is not None:
        time, _, seq = asked.after.partition(".")
        after_time, after_seq = _whole(time), _whole(seq)
    if asked.oldest_first:
        return "receipts_up", (account, asked.until_ms, after_time, after_seq, *filters)
    return "receipts_down", (account, asked.since_ms, after_time, after_seq, *filters)


def of_filters(asked: PageAsked) -> tuple[object, ...]:
    """What a statement of receipts is told of models, keys and outcomes."""
    outcomes = asked.outcomes or OUTCOMES
    return asked.model, asked.key, *outcomes, *outcomes[:1] * (len(OUTCOMES) - len(outcomes))


def of_postings(account: str, asked: PageAsked) -> tuple[str, tuple[object, ...]]:
    """→ (statement, its parameters but for the limit)"""
    place = (asked.since_ms if asked.oldest_first else asked.until_ms, "", "")
    if asked.after is not None:
        time, _, rest = asked.after.partition(".")
        kind, _, id = rest.partition(".")
        if not kind or not id:
            _no_place(asked.after)
        place = (_whole(time), id, kind)
    if asked.oldest_first:
        return "postings_up", (account, asked.until_ms, *place)
    return "postings_down", (account, asked.since_ms, *place)


def below(after: str | None) -> int:
    """The seq that a page of what was written last begins below."""
    return AMOUNT_MAX if after is None else _whole(after)


class Paged(Protocol):
    """What a page was asked with."""

    @property
    def after(self) -> str | None: ...

    @property
    def limit(self) -> int: ...


def page(
    rows: Sequence[Row], asked: Paged, read: Callable[[Row], T], place: Callable[[Row], str]
) -> Page[T]:
    """Rows read with a limit of one more than asked → the page."""
    shown = rows[: asked.limit]
    last = place(shown[-1]) if shown else asked.after
    return Page(tuple(map(read, shown)), last if len(rows) > len(shown) else None, last)


def receipt_place(row: Row) -> str:
    return f"{row[_CREATED]}.{row[_SEQ]}"


def written_place(row: Row) -> str:
    return str(row[_SEQ])


def posting_place(row: Row) -> str:
    id, _, _, kind, at_ms, _ = row
    return f"{at_ms}.{kind}.{id}"


def _whole(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 19 or int(text) > AMOUNT_MAX:
        _no_place(text)
    return int(text)


def _no_place(text: str) -> NoReturn:
    raise CallerError(
        f"{text!r} is no place in this list; give 'after' as the page before told it.",
        param="after",
    )
