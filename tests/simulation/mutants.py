"""Ledgers that are broken on purpose: the simulation is worth something only if it catches each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from tokenhouse.catalogue import Price
from tokenhouse.chat import Usage
from tokenhouse.relay import Closed, Keep, Receipt, relay
from tokenhouse.store import SqliteStore, book
from tokenhouse.store.batch import Batch

_close = book.close


def _double_settle() -> None:
    def close(
        batch: Batch, receipt: Receipt, detail: bytes, tokens: int, keep: Keep | None = None
    ) -> Closed:
        closed = _close(batch, receipt, detail, tokens, keep)
        if closed.charged:
            account = batch.known(receipt.account)
            charged, id = -closed.charged, f"{receipt.id}-again"
            batch.post(account, charged, "settle", id=id, at_ms=batch.now_ms)
        return closed

    book.close = close


def _leaked_hold() -> None:
    def close(
        batch: Batch, receipt: Receipt, detail: bytes, tokens: int, keep: Keep | None = None
    ) -> Closed:
        if receipt.outcome == "cancelled" and not receipt.owed:
            return Closed(0)
        return _close(batch, receipt, detail, tokens, keep)

    book.close = close


def _missed_release() -> None:
    def close(
        batch: Batch, receipt: Receipt, detail: bytes, tokens: int, keep: Keep | None = None
    ) -> Closed:
        closed = _close(batch, receipt, detail, tokens, keep)
        account = batch.known(receipt.account)
        account.held += 1
        account.changed = True
        return closed

    book.close = close


def _float() -> None:
    def cost(usage: Usage, price: Price) -> int:
        dollars = (
            usage.input * (price.input / 1e12)
            + usage.cache_read * (price.cache_read_rate / 1e12)
            + usage.cache_write * (price.cache_write_rate / 1e12)
            + usage.output * (price.output / 1e12)
            + usage.reasoning * (price.reasoning_rate / 1e12)
            + price.request / 1e12
        )
        return round(dollars * 1e9)

    relay.cost = cost  # pyright: ignore[reportPrivateImportUsage]


def _wrong_order() -> None:
    """Says that it is settled, and settles a little later."""
    close = SqliteStore.close

    def early(
        self: SqliteStore, receipt: Receipt, *, tokens: int, keep: Keep | None = None
    ) -> asyncio.Future[Closed]:
        loop = asyncio.get_running_loop()
        said: asyncio.Future[Closed] = loop.create_future()
        said.set_result(Closed(receipt.owed))

        async def later() -> None:
            for _ in range(200):
                await asyncio.sleep(0)
            await close(self, receipt, tokens=tokens, keep=keep)

        _late.append(loop.create_task(later()))
        return said

    SqliteStore.close = early


_late: list[asyncio.Task[None]] = []

MUTANTS: Final[Mapping[str, Callable[[], None]]] = {
    "double settle": _double_settle,
    "leaked hold": _leaked_hold,
    "missed release": _missed_release,
    "float": _float,
    "wrong order": _wrong_order,
}
