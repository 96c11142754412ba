"""Prices as they came into force: what a receipt's ``price_version`` stands for.

The catalogue says what a model costs now; here is what it cost then. A version is written when the
catalogue changes a rate (at the start, and when the settings are read again), queued before the first
hold that can name it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tokenhouse.catalogue import Catalogue, Price
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """``price`` came into force for ``model`` at ``from_ms`` (unix milliseconds)."""

    model: str
    price: Price
    from_ms: int

    @property
    def version(self) -> str:
        return self.price.version


class PriceBook(Protocol):
    """Where prices are kept. Like every verb, ``put_prices`` is queued when it is called."""

    def put_prices(
        self, offered: Sequence[tuple[str, Price]], at_ms: int
    ) -> asyncio.Future[tuple[PriceVersion, ...]]:
        """Write the price of each (model, price) that differs from the model's last; → those."""
        ...

    def price_version(self, version: str) -> Awaitable[PriceVersion | None]:
        """The first that came into force under that version; models of one price share it."""
        ...

    def price_versions(self, model: str | None) -> Awaitable[tuple[PriceVersion, ...]]:
        """A model's prices, or all, by model, in the order in which they came into force."""
        ...


class Prices:
    """What an operator, a page or a receipt may ask about prices past and present."""

    def __init__(self, book: PriceBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def record(self, catalogue: Catalogue) -> asyncio.Future[tuple[PriceVersion, ...]]:
        """Write what ``catalogue`` changed; queued by the time this returns. → what was new."""
        offered = [(m.id, m.price) for m in catalogue.models if m.price is not None]
        return self._book.put_prices(offered, self._clock.now_ms())

    async def version(self, version: str) -> PriceVersion:
        """What a receipt's version says; CallerError 404 when there is no such version."""
        found = await self._book.price_version(version)
        if found is None:
            raise CallerError(
                f"there is no price version {version!r}",
                status=404,
                code="price_not_found",
                param="version",
            )
        return found

    async def history(self, model: str | None = None) -> tuple[PriceVersion, ...]:
        """Every price that ``model`` (an id), or any model, ever had; oldest first."""
        return await self._book.price_versions(model)
