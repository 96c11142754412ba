"""The relay: plans a request, admits it, and hands out the answer that owns its hold."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping

from msgspec import structs

from tokenhouse.access import Caller, Limits
from tokenhouse.catalogue import (
    Catalogue,
    Model,
    Offer,
    Route,
    answer_tokens_max,
    ceiling,
    clamp,
    cost,
)
from tokenhouse.chat import Request, Usage, estimate_tokens
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError, CallerError, HouseError, TokenhouseError, UpstreamError
from tokenhouse.providers import Call, Provider
from tokenhouse.relay.afford import affordable, estimated, fitted, off_loop
from tokenhouse.relay.answer import Answer
from tokenhouse.relay.fit import Counted, check_context, check_max_tokens, may_exceed
from tokenhouse.relay.idempotency import Keep, Kept, Recording
from tokenhouse.relay.live import Live
from tokenhouse.relay.meter import TokenCounter
from tokenhouse.relay.plan import Months, Plan, answer_id
from tokenhouse.relay.port import Admission, Admitted, Book, Closed, Reason, Refused
from tokenhouse.relay.prompt import prompt_text
from tokenhouse.relay.receipt import Receipt
from tokenhouse.relay.refusal import not_allowed, refusal_error
from tokenhouse.relay.totals import RelayTotals
from tokenhouse.relay.waiting import Waiting
from tokenhouse.routing import Health, choose

log = logging.getLogger("tokenhouse.relay")

SPENDING: frozenset[Reason] = frozenset({"credit", "day_cap", "month_cap"})
"""Refusals that a lower max_tokens may mend."""

LARGE_SHARE = 8
"""A prompt whose bound takes more than this share of the tokens per minute is reserved as estimated: a
bound from bytes alone would keep others out for what it never uses."""


class Relay:
    """One per process. ``catalogue`` may be replaced at any time: a request keeps what it began with.

    ``counters`` count text by the name of a model's tokenizer, where this house has it.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
        book: Book,
        *,
        clock: Clock,
        health: Health,
        counters: Mapping[str, TokenCounter] | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.providers = dict(providers)
        self.book = book
        self.clock = clock
        self.health = health
        self.totals = RelayTotals()
        self.waiting = Waiting()
        self.live = Live()
        self._counters = counters or {}
        self._months = Months()
        self._random = random.Random()
        self._draw: Callable[[], float] = self._random.random

    def answer(
        self,
        caller: Caller,
        request: Request,
        request_id: str,
        recording: Recording | None = None,
    ) -> Answer:
        """The answer to ``request``, to be entered; raises what is wrong with it before any money.

        CallerError 404 for an unknown model, HouseError 503 for one that can't run or has no price.
        ``recording``: of a request that carries an Idempotency-Key, which it takes with its hold.
        """
        plan = self._plan(caller, request, request_id)
        if recording is not None:
            plan = structs.replace(plan, idempotency=recording.asked)
        return Answer(self, plan, recording)

    async def kept(self, caller: Caller, name: str) -> Kept | None:
        """What became of the request of this account that took the Idempotency-Key ``name``."""
        return await self.book.kept(caller.account, name)

    async def count(self, caller: Caller, request: Request, request_id: str) -> Counted:
        """The prompt of ``request`` in tokens: as the provider that would serve it counts, else by the
        model's tokenizer, else estimated with each image at the model's most. Nothing is held.

        Raises what :meth:`answer` raises for a request that could not be served.
        """
        plan = self._plan(caller, request, request_id)
        for route in plan.routes:
            exact = await self._count_at(route, plan, strict=True)
            if exact is not None:
                return Counted(exact, "counted")
        text = (plan.system_prompt or "") + prompt_text(request.conversation())
        tokens = await off_loop(estimate_tokens if plan.count is None else plan.count, text)
        images = request.sizes.images
        guessed = plan.count is None or images > 0
        total = tokens + images * plan.offer.model.image_tokens
        return Counted(total, "estimated" if guessed else "counted")

    def default_model(self, caller: Caller | None = None) -> str:
        """The model of requests that name none; of a key that may not ask it, the first that it may.
        When none can answer now it is the first that is offered, so that the refusal says what it
        waits for; "" without any."""
        try:
            default = self.catalogue.default_model(self.can_answer).id
        except HouseError:
            offered = (model.id for model in self.catalogue.models if model.price is not None)
            default = next(offered, "")
        if caller is not None and caller.models and default not in caller.models:
            return caller.models[0]
        return default

    def can_answer(self, model: Model) -> bool:
        """Is there a route on which this model could answer now?"""
        return any(self._ready(route) for route in model.routes)

    async def admit(self, plan: Plan) -> tuple[Plan, Admitted]:
        """Limits and hold in one operation; when it does not fit, once more with the prompt counted.
        Over the account's concurrency it waits where the plan has a queue.

        Returns the plan as admitted (max_tokens may be lowered). Raises AccountError, nothing held.
        """
        if plan.request.sizes.schema_bytes:
            plan = await self._examined(plan)
        if may_exceed(plan.ceiling.prompt_tokens_max, plan.request, plan.offer.model):
            await self._check_context(plan)
        limit = plan.limits.tokens_per_minute
        if limit is not None and plan.ceiling.prompt_tokens_max * LARGE_SHARE > limit:
            plan = await estimated(plan)
        if plan.limits.queue_depth:
            plan, result = await self.waiting.admit(plan, self._ask)
        else:
            plan, result = await self._ask(plan)
        if isinstance(result, Refused):
            self.totals.refused += 1
            raise self._refusal(plan, result)
        self.totals.admitted += 1
        return plan, result

    def close(
        self, receipt: Receipt, *, tokens: int, keep: Keep | None = None
    ) -> Awaitable[Closed]:
        """``Book.close``; whoever waits for its place asks behind it."""
        closed = self.book.close(receipt, tokens=tokens, keep=keep)
        self.waiting.ended(receipt.account)
        return closed

    def refuse_waiting(self) -> None:
        """The house shuts down: whoever waits to be admitted is refused (503), now and from now on."""
        self.waiting.close()

    def cost(self, plan: Plan, usage: Usage) -> int:
        """Nanodollars for ``usage`` under the price that the plan was made with."""
        offer = plan.offer
        return cost(clamp(usage, offer.model, n=plan.request.n), offer.price)

    def call(self, plan: Plan, upstream_model: str) -> Call:
        """The request as it goes to one route."""
        request, offer = plan.request, plan.offer
        return Call(
            request=request,
            request_id=plan.id,
            answer_id=plan.answer_id,
            created_s=plan.at_ms // 1000,
            public_model=offer.model.id,
            upstream_model=upstream_model,
            context_length=offer.model.context_length,
            max_tokens=plan.max_tokens,
            max_output_tokens=offer.model.max_output_tokens,
            defaults=offer.model.defaults,
            system_prompt=plan.system_prompt,
            share=hash(plan.caller.account),  # salted by the process: it says nobody's name
        )

    def started(self, route: Route) -> None:
        self.health.started(route.key)

    def succeeded(self, route: Route) -> None:
        self.health.succeeded(route.key)

    def failed(self, route: Route, error: TokenhouseError) -> None:
        """Only the provider's own failures count against its route."""
        if isinstance(error, UpstreamError) and error.retryable:
            self.totals.retried += 1
            failed = self.totals.failed_attempts
            failed[route.provider] = failed.get(route.provider, 0) + 1
            self.health.failed(route.key)

    def _plan(self, caller: Caller, request: Request, request_id: str) -> Plan:
        offer = self.catalogue.offer(request.model)
        if not caller.may_ask(offer.model.id):
            raise not_allowed(offer.model.id, caller.models or ())
        check_max_tokens(request, offer.model)
        routes = self._routes(request, offer)
        account_plan = self.catalogue.plan(caller.plan)
        free = account_plan.free_requests_per_day
        now_ms = self.clock.now_ms()
        most = answer_tokens_max(request, offer.model)
        asked = request.max_tokens
        tokenizer = offer.model.tokenizer
        return Plan(
            id=request_id,
            answer_id=answer_id(request_id, request.dialect),
            caller=caller,
            request=request,
            offer=offer,
            ceiling=ceiling(request, offer),
            routes=routes,
            at_ms=now_ms,
            max_tokens=most if asked is not None and asked > most else asked,
            system_prompt=None if request.has_system else offer.system_prompt,
            limits=Limits(
                requests_per_minute=account_plan.requests_per_minute,
                tokens_per_minute=account_plan.tokens_per_minute,
                concurrent_requests=account_plan.concurrent_requests,
                queue_depth=account_plan.queue_depth,
                queue_wait_s=account_plan.queue_wait_s,
            ),
            grant=self._months.grant_due(account_plan, now_ms),
            free_per_day=None if free is None or not offer.model.free_variant else free,
            count=None if tokenizer is None else self._counters.get(tokenizer),
        )

    def _routes(self, request: Request, offer: Offer) -> tuple[Route, ...]:
        """The routes to try, in order; those that refuse this request are left out."""
        model = offer.model
        ready = tuple(route for route in model.routes if self._ready(route))
        if not ready:
            raise HouseError(
                f"The model {model.id} can't answer here now: {self._why_not(model)}.",
                status=503,
                code="model_not_ready",
                param="model",
                retry_after_s=30,
            )
        refusal: CallerError | None = None
        taken: list[Route] = []
        for attempt in choose(ready, self.health.snapshot(), draw=self._draw()):
            route = attempt.route
            try:
                self.providers[route.provider].check(request, route.model)
            except CallerError as error:
                refusal = refusal or error
            else:
                taken.append(route)
        if not taken and refusal is not None:
            raise refusal
        return tuple(taken)

    async def _examined(self, plan: Plan) -> Plan:
        """The plan with the routes whose provider can hold the answer to its schemas."""
        refusal: CallerError | None = None
        taken: list[Route] = []
        for route in plan.routes:
            try:
                await self.providers[route.provider].examine(self.call(plan, route.model))
            except CallerError as error:
                refusal = refusal or error
            else:
                taken.append(route)
        if not taken and refusal is not None:
            raise refusal
        return plan if refusal is None else structs.replace(plan, routes=tuple(taken))

    def _ready(self, route: Route) -> bool:
        provider = self.providers.get(route.provider)
        return provider is not None and provider.ready(route.model)

    def _why_not(self, model: Model) -> str:
        for route in model.routes:
            provider = self.providers.get(route.provider)
            why = None if provider is None else provider.why_not(route.model)
            if why is not None:
                return why.rstrip(".")
        return "none of its routes has a provider in this house"

    async def _count_at(self, route: Route, plan: Plan, *, strict: bool = False) -> int | None:
        """The prompt as ``route``'s provider counts it; None when it can't, or fails now. ``strict``: a
        refusal that is the caller's to mend is raised."""
        try:
            return await self.providers[route.provider].count(self.call(plan, route.model))
        except UpstreamError as error:
            if strict and not error.retryable:
                raise
            log.info("%s can't count for %s: %s", route.provider, plan.offer.model.id, error)
            return None

    async def _check_context(self, plan: Plan) -> None:
        """ContextExceeded where this house itself can count; others say it themselves."""
        route = plan.routes[0]
        if self.providers[route.provider].counts_here:
            prompt = await self._count_at(route, plan)
            if prompt is not None:
                check_context(prompt, plan.request, plan.offer.model)

    def _admission(self, plan: Plan) -> Admission:
        return Admission(
            id=plan.id,
            account=plan.caller.account,
            key=plan.caller.key,
            amount=plan.ceiling.amount,
            tokens=plan.ceiling.tokens,
            at_ms=plan.at_ms,
            limits=plan.limits,
            model=plan.offer.model.id,
            price_version=plan.offer.price.version,
            dialect=plan.request.dialect,
            streamed=plan.request.stream,
            grant=plan.grant,
            free_per_day=plan.free_per_day,
            idempotency=plan.idempotency,
        )

    async def _ask(self, plan: Plan) -> tuple[Plan, Admitted | Refused]:
        result = await self.book.admit(self._admission(plan))
        if isinstance(result, Refused) and (result.reason == "tokens" or result.reason in SPENDING):
            fitting = await self._fitted(plan, result)
            if fitting is not plan:
                plan = fitting
                result = await self.book.admit(self._admission(plan))
        return plan, result

    async def _fitted(self, plan: Plan, refused: Refused) -> Plan:
        counted = await self._count_at(plan.routes[0], plan)
        return await fitted(plan, refused, counted)

    def _refusal(self, plan: Plan, refused: Refused) -> AccountError:
        return refusal_error(
            refused,
            asked_tokens=answer_tokens_max(plan.request, plan.offer.model),
            affordable_tokens=affordable(plan, refused.free) if refused.reason in SPENDING else 0,
            reserved_tokens=plan.ceiling.tokens,
        )
