"""``POST /v1/messages/count_tokens``: how long a prompt is. Free: nothing is held and nothing charged.

Exact where what would serve the request can count (models of this house's engine, providers with a
counter of their own), else by the model's tokenizer, else estimated: then ``"estimated": true``
stands beside the number.
"""

from __future__ import annotations

from functools import partial

import msgspec

from tokenhouse.access import Access
from tokenhouse.api.buckets import Buckets
from tokenhouse.api.fronts import MessagesFront
from tokenhouse.api.http import Receive, Respond, Scope
from tokenhouse.api.inference import Inference, Limits
from tokenhouse.api.totals import Totals
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError
from tokenhouse.relay import Relay


class CountTokens(Inference):
    """Identified like every request, but limited by a bucket of its own: clients ask in bursts (Claude
    Code's ``/context`` some 26 at once), and that must not eat the requests of the account's plan."""

    def __init__(
        self,
        relay: Relay,
        access: Access,
        *,
        clock: Clock,
        limits: Limits,
        per_minute: int,
        totals: Totals,
    ) -> None:
        """``per_minute``: counts that one account may ask for, as many of them at once."""
        self._messages = MessagesFront()
        super().__init__(self._messages, relay, access, limits=limits, totals=totals)
        self._buckets = Buckets(per_minute, clock)

    async def _answer(
        self, scope: Scope, receive: Receive, respond: Respond, request_id: str
    ) -> None:
        caller, body = await self._identify(scope, receive)
        wait_s = self._buckets.take(caller.account)
        if wait_s is not None:
            raise AccountError(
                f"Rate limit reached: this account may count tokens {self._buckets.per_minute} "
                f"times per minute. Try again in {max(1, round(wait_s))} s.",
                status=429,
                code="rate_limit_exceeded",
                retry_after_s=wait_s,
            )
        request = self._messages.parse_count(
            body, scope["headers"], default_model=partial(self._relay.default_model, caller)
        )
        counted = await self._relay.count(caller, request, request_id)
        answer: dict[str, int | bool] = {"input_tokens": counted.tokens}
        if counted.source == "estimated":
            answer["estimated"] = True
        await respond.json(200, msgspec.json.encode(answer))
