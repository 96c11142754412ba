"""Usage and price → amount; request and offer → ceiling. Pure; integers only.

Everyone who names a sum for a request (estimate, hold, bill, page, receipt) calls this module.
A ceiling is never below the cost of a usage within its bounds; the tests hold it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import structs

from tokenhouse.catalogue.values import Model, Offer, Price, Rates
from tokenhouse.chat import Request, Usage
from tokenhouse.money import AMOUNT_MAX, amount_from_picodollars


@dataclass(frozen=True, slots=True)
class Item:
    """One bucket of a bill: ``count`` tokens (images, requests) at ``rate`` picodollars each."""

    bucket: str
    count: int
    rate: int

    @property
    def picodollars(self) -> int:
        return self.count * self.rate


class Ceiling(NamedTuple):
    """The most that a request can cost: ``amount`` in nanodollars, and the tokens behind it.

    ``answer_tokens_max`` is for all choices together. ``tokens`` is what counts against a limit of
    tokens per minute: no more than prompt and answers can be together, as they share the context.
    """

    amount: int
    prompt_tokens_max: int
    answer_tokens_max: int
    tokens: int


def cost(usage: Usage, price: Price) -> int:
    """Nanodollars for ``usage`` (buckets >= 0; see :func:`clamp`), rounded up once, at the rates of
    the tier that its prompt falls in."""
    rates: Rates = price.rates_at(usage.prompt_tokens) if price.tiers else price
    amount = amount_from_picodollars(
        usage.input * rates.input
        + usage.cache_read * rates.cache_read_rate
        + usage.cache_write * rates.cache_write_rate
        + usage.output * rates.output
        + usage.reasoning * rates.reasoning_rate
        + usage.images * price.image
        + price.request
    )
    return amount if amount < AMOUNT_MAX else AMOUNT_MAX


def items(usage: Mapping[str, int], price: Price) -> tuple[Item, ...]:
    """What :func:`cost` sums before it rounds, bucket by bucket; ``usage`` by bucket's name."""
    prompt = usage["input"] + usage["cache_read"] + usage["cache_write"]
    rates = price.rates_at(prompt)
    rate = {
        "input": rates.input,
        "cache_read": rates.cache_read_rate,
        "cache_write": rates.cache_write_rate,
        "output": rates.output,
        "reasoning": rates.reasoning_rate,
        "images": price.image,
    }
    counted = tuple(Item(bucket, usage[bucket], each) for bucket, each in rate.items())
    return (*counted, Item("request", 1, price.request))


def example_cost(price: Price, *, input: int, output: int) -> int:
    """Nanodollars for a request of so many tokens, for pages that show what one would cost."""
    return cost(Usage(input=input, output=output), price)


def ceiling(request: Request, offer: Offer) -> Ceiling:
    """The cheap bound, from sizes alone: a token is at least a byte of text, and a schema may be
    written twice as long as it came; images at the model's maximum."""
    sizes = request.sizes
    prompt = (
        sizes.text_bytes
        + 2 * sizes.schema_bytes
        + sizes.images * offer.model.image_tokens
        + (offer.frame_tokens if request.has_system else offer.system_tokens)
    )
    return _at_most(prompt, answer_tokens_max(request, offer.model), request, offer)


def counted_ceiling(
    prompt_tokens: int,
    request: Request,
    offer: Offer,
    *,
    max_tokens: int | None = None,
    exact: bool = True,
) -> Ceiling:
    """The second step's bound: the prompt counted, ``max_tokens`` per choice possibly lowered (None:
    as the request asks). Not ``exact``: the prompt is ``prompt_tokens`` at most."""
    each = answer_tokens_max(request, offer.model)
    if max_tokens is not None and max_tokens < each:
        each = max_tokens
    return (_exactly if exact else _at_most)(prompt_tokens, each, request, offer)


def affordable_max_tokens(
    free: int, *, prompt_tokens: int, request: Request, offer: Offer, exact: bool = True
) -> int:
    """The largest max_tokens per choice, up to what is asked, whose counted ceiling fits ``free``
    nanodollars; 0 where not even the prompt does."""

    def amount(each: int) -> int:
        return counted_ceiling(prompt_tokens, request, offer, max_tokens=each, exact=exact).amount

    asked = answer_tokens_max(request, offer.model)
    return max(0, bisect_right(range(asked + 1), free, key=amount) - 1)


def answer_tokens_max(request: Request, model: Model) -> int:
    """Tokens of one choice at most: asked, the model's maximum and its context, the least of them."""
    asked = request.max_tokens
    most = model.max_output_tokens
    if most > model.context_length:
        most = model.context_length
    return most if asked is None or asked > most else asked


def clamp(usage: Usage, model: Model, *, n: int = 1) -> Usage:
    """Numbers from the wire, kept within what the model can hold before they are multiplied: the
    prompt within the context, the answer within ``n`` times the context, no bucket below zero."""
    context = model.context_length
    answer = n * context
    fresh, read, write = usage.input, usage.cache_read, usage.cache_write
    output, reasoning, images = usage.output, usage.reasoning, usage.images
    if (
        min(fresh, read, write, output, reasoning, images) >= 0
        and fresh + read + write <= context
        and output + reasoning <= answer
        and images <= context
    ):
        return usage
    read = _within(read, context)
    write = _within(write, context - read)
    output = _within(output, answer)
    return structs.replace(
        usage,
        input=_within(fresh, context - read - write),
        cache_read=read,
        cache_write=write,
        output=output,
        reasoning=_within(reasoning, answer - output),
        images=_within(images, context),
    )


def _at_most(prompt: int, each: int, request: Request, offer: Offer) -> Ceiling:
    """For a prompt of at most ``prompt`` tokens: what a shorter one leaves of the context is left to
    the answer, so the dearest split of the context counts."""
    context, n, price = offer.model.context_length, request.n, offer.price
    if prompt > context:
        prompt = context
    answer = n * each
    if prompt + each <= context and not price.tiers:
        picodollars = prompt * price.prompt_rate + answer * price.answer_rate
        tokens = prompt + answer
    else:
        picodollars = 0
        for low, high, rates in price.spans(prompt):
            for tokens in (high, min(max(context - each, low), high)):
                answered = n * min(each, context - tokens)
                dear = tokens * rates.prompt_rate + answered * rates.answer_rate
                picodollars = max(picodollars, dear)
        tokens = min(prompt, context - each) + answer
    return Ceiling(_amount(picodollars, request, price), prompt, answer, tokens)


def _exactly(prompt: int, each: int, request: Request, offer: Offer) -> Ceiling:
    """For a prompt of ``prompt`` tokens: the answer has what is left of the context."""
    context, price = offer.model.context_length, offer.price
    if prompt > context:
        prompt = context
    answer = request.n * min(each, context - prompt)
    rates = price.rates_at(prompt)
    picodollars = prompt * rates.prompt_rate + answer * rates.answer_rate
    return Ceiling(_amount(picodollars, request, price), prompt, answer, prompt + answer)


def _amount(picodollars: int, request: Request, price: Price) -> int:
    """With what is owed however many tokens there are."""
    fees = request.sizes.images * price.image + price.request
    amount = amount_from_picodollars(picodollars + fees)
    return amount if amount < AMOUNT_MAX else AMOUNT_MAX


def _within(number: int, most: int) -> int:
    return 0 if number < 0 else min(number, most)
