"""What happens to receipts in the background: folded into rollups, and pruned when they are old.

Every step is a small operation of its own that rides between the requests' own, so that no commit
waits for it. A step that was cut off by a crash is simply the next one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from tokenhouse.billing.port import Records
from tokenhouse.billing.values import DAY_MS
from tokenhouse.clock import Clock
from tokenhouse.errors import TokenhouseError

FOLD_EVERY_S: Final = 5.0
PRUNE_EVERY_S: Final = 60.0
FOLDED_AT_ONCE: Final = 256
PRUNED_AT_ONCE: Final = 128

_log = logging.getLogger("tokenhouse.billing")


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days receipts and hourly rollups stay; 0 is for ever."""

    receipts_days: int = 90
    hours_days: int = 400


class Upkeep:
    """Folds and prunes. ``run`` goes on until it is cancelled; ``turn`` does what is due now."""

    def __init__(self, records: Records, clock: Clock, keep: Keep) -> None:
        self._records = records
        self._clock = clock
        self._keep = keep
        self._next_prune = 0.0
        self.folded_ms: int | None = None
        """When receipts were last folded."""
        self.error: str | None = None
        """Why they are not, now."""

    async def run(self) -> None:
        """A turn every few seconds; what the store can't do now is tried again with the next."""
        while True:
            try:
                await self.turn()
                self.error = None
            except TokenhouseError as error:
                self.error = str(error)
                _log.warning("receipts are folded and pruned later: %s", error)
            await asyncio.sleep(FOLD_EVERY_S)

    async def turn(self) -> None:
        """Fold all there is to fold; once a minute prune all that is old enough."""
        while await self._records.fold(limit=FOLDED_AT_ONCE) == FOLDED_AT_ONCE:
            pass
        self.folded_ms = self._clock.now_ms()
        now = self._clock.monotonic()
        if now < self._next_prune:
            return
        self._next_prune = now + PRUNE_EVERY_S
        await self.prune()

    async def prune(self) -> None:
        """Delete receipts, and hours, that are older than they are kept."""
        now_ms = self._clock.now_ms()
        if self._keep.receipts_days:
            before = now_ms - self._keep.receipts_days * DAY_MS
            while await self._records.prune_receipts(before, limit=PRUNED_AT_ONCE):
                pass
        if self._keep.hours_days:
            before = now_ms - self._keep.hours_days * DAY_MS
            while await self._records.prune_hours(before, limit=PRUNED_AT_ONCE):
                pass
