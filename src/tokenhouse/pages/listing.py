"""The catalogue page's search, filters and sort. Pure: a query string in, models out; no JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from tokenhouse.money import MoneyError, rate_from_usd_per_million
from tokenhouse.pages.facts import CAPABILITIES, MODALITIES, Facts

PAGE_LENGTH: Final = 40
ROWS_LENGTH: Final = 120
"""Of a page that has a line for each."""

SORTS: Final = {
    "": "As listed",
    "name": "Name",
    "newest": "Newest first",
    "cheapest": "Cheapest first",
    "dearest": "Dearest first",
    "longest": "Longest context first",
}
CONTEXTS: Final = (
    ("", "Any"),
    ("8000", "8K tokens or more"),
    ("32000", "32K tokens or more"),
    ("128000", "128K tokens or more"),
    ("1000000", "1M tokens or more"),
)
PRICES: Final = (
    ("", "Any"),
    ("0.1", "$0.10 or less"),
    ("0.5", "$0.50 or less"),
    ("1", "$1 or less"),
    ("5", "$5 or less"),
)
"""By the price of output per 1M tokens: the dearer side of nearly every model."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked of the catalogue. A value that makes no sense is as if it were not there."""

    q: str = ""
    author: str = ""
    reads: str = ""
    capability: tuple[str, ...] = ()
    context: int = 0
    price_max: int | None = None
    price: str = ""
    open_weights: bool = False
    free: bool = False
    sort: str = ""
    page: int = 1
    feature: str = field(default="", compare=False)

    @property
    def narrowed(self) -> bool:
        """Is anything left out by it?"""
        return bool(
            self.q
            or self.author
            or self.reads
            or self.capability
            or self.context
            or self.price_max is not None
            or self.open_weights
            or self.free
        )

    def query(self, *, page: int = 1) -> str:
        """The same search as a query string, with ``?``; nothing for the whole catalogue."""
        fields = [
            ("q", self.q),
            ("author", self.author),
            ("reads", self.reads),
            *(("capability", word) for word in self.capability),
            ("context", str(self.context) if self.context else ""),
            ("price", self.price),
            ("open", "1" if self.open_weights else ""),
            ("free", "1" if self.free else ""),
            ("sort", self.sort),
            ("page", str(page) if page > 1 else ""),
        ]
        given = [(name, value) for name, value in fields if value]
        return "?" + urlencode(given) if given else ""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found; ``total`` of all pages."""

    facts: tuple[Facts, ...]
    total: int
    page: int
    pages: int


def search_of(query: bytes) -> Search:
    """Read a query string."""
    fields: dict[str, list[str]] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=False):
        fields.setdefault(name, []).append(value.strip()[:200])
    one: Mapping[str, str] = {name: values[-1] for name, values in fields.items()}
    price, rate = _price(one.get("price", ""))
    sort = one.get("sort", "")
    reads = one.get("reads", "")
    return Search(
        q=one.get("q", ""),
        author=one.get("author", ""),
        reads=reads if reads in MODALITIES else "",
        capability=tuple(w for w in CAPABILITIES if w in fields.get("capability", ())),
        context=_whole(one.get("context", "")),
        price_max=rate,
        price=price,
        open_weights=one.get("open", "") in ("1", "true", "on"),
        free=one.get("free", "") in ("1", "true", "on"),
        sort=sort if sort in SORTS else "",
        page=max(1, _whole(one.get("page", ""))),
        feature=one.get("feature", ""),
    )


def find(facts: Sequence[Facts], search: Search, *, length: int = PAGE_LENGTH) -> Found:
    """The models that fit, sorted, one page of at most ``length``."""
    words = search.q.lower().split()
    fitting = [each for each in facts if _fits(each, search, words)]
    order = _ORDERS.get(search.sort)
    if order is not None:
        fitting.sort(key=order)
    pages = max(1, -(-len(fitting) // length))
    page = min(search.page, pages)
    start = (page - 1) * length
    return Found(tuple(fitting[start : start + length]), len(fitting), page, pages)


def _fits(facts: Facts, search: Search, words: Sequence[str]) -> bool:
    model = facts.model
    if words:
        names = (model.id, model.name, model.author, *model.aliases, model.description)
        text = "\n".join(names).lower()
        if not all(word in text for word in words):
            return False
    if search.price_max is not None and (
        model.price is None or model.price.output > search.price_max
    ):
        return False
    return (
        search.author.lower() in ("", model.author.lower(), model.id.partition("/")[0].lower())
        and (not search.reads or search.reads in model.input_modalities)
        and model.capabilities.issuperset(search.capability)
        and model.context_length >= search.context
        and (model.open_weights or not search.open_weights)
        and (facts.free or not search.free)
    )


def _price(text: str) -> tuple[str, int | None]:
    try:
        return (text, rate_from_usd_per_million(text)) if text else ("", None)
    except MoneyError:
        return "", None


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _by_name(facts: Facts) -> tuple[str, str]:
    return facts.model.name.lower(), facts.model.id


def _by_newest(facts: Facts) -> tuple[int, str]:
    added = facts.model.added
    return (0 if added is None else -added.toordinal()), facts.model.id


def _by_cheapest(facts: Facts) -> tuple[bool, int, str]:
    price = facts.model.price
    return price is None, 0 if price is None else price.input + price.output, facts.model.id


def _by_dearest(facts: Facts) -> tuple[bool, int, str]:
    missing, rate, id = _by_cheapest(facts)
    return missing, -rate, id


def _by_longest(facts: Facts) -> tuple[int, str]:
    return -facts.model.context_length, facts.model.id


_ORDERS: Final[Mapping[str, Callable[[Facts], tuple[Any, ...]]]] = {
    "name": _by_name,
    "newest": _by_newest,
    "cheapest": _by_cheapest,
    "dearest": _by_dearest,
    "longest": _by_longest,
}
