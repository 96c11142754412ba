"""Usage and price → amount; request and offer → ceiling. Pure; integers only.

Everyone who names a sum for a request (estimate, hold, bill, page, receipt) calls this module.
A ceiling is never below the cost of a usage within its bounds; the tests hold it.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from tokenhouse.catalogue.values import Model, Offer, Price
from tokenhouse.chat import Request, Usage
from tokenhouse.money import AMOUNT_MAX, amount_from_picodollars


class Ceiling(NamedTuple):
    """The most that a request can cost: ``amount`` in nanodollars, and the tokens behind it.
    ``answer_tokens_max`` is for all choices together."""

    amount: int
    prompt_tokens_max: int
    answer_tokens_max: int

    @property
    def tokens(self) -> int:
        """What counts against a limit of tokens per minute."""
        return self.prompt_tokens_max + self.answer_tokens_max


def cost(usage: Usage, price: Price) -> int:
    """Nanodollars for ``usage`` (buckets >= 0; see :func:`clamp`), rounded up once."""
    amount = amount_from_picodollars(
        usage.input * price.input
        + usage.cache_read * price.cache_read_rate
        + usage.cache_write * price.cache_write_rate
        + usage.output * price.output
        + usage.reasoning * price.reasoning_rate
        + usage.images * price.image
        + price.request
    )
    return amount if amount < AMOUNT_MAX else AMOUNT_MAX


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
    return _ceiling(prompt, answer_tokens_max(request, offer.model), request, offer)


def counted_ceiling(
    prompt_tokens: int, request: Request, offer: Offer, *, max_tokens: int | None = None
) -> Ceiling:
    """The second step's bound: the prompt counted exactly, ``max_tokens`` per choice possibly lowered
    (None: as the request asks)."""
    each = answer_tokens_max(request, offer.model)
    return _ceiling(
        prompt_tokens, each if max_tokens is None else min(each, max_tokens), request, offer
    )


def affordable_max_tokens(free: int, *, prompt_tokens: int, request: Request, offer: Offer) -> int:
    """The largest max_tokens per choice, up to what is asked, whose counted ceiling fits ``free``
    nanodollars; 0 where not even the prompt does."""
    price = offer.price
    asked = answer_tokens_max(request, offer.model)
    left = free * 1000 - _fixed(min(prompt_tokens, offer.model.context_length), request, price)
    if left < 0:
        return 0
    per_token = request.n * price.answer_rate
    return asked if per_token == 0 else min(asked, left // per_token)


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
    read = _within(usage.cache_read, context)
    write = _within(usage.cache_write, context - read)
    fresh = _within(usage.input, context - read - write)
    answer = n * context
    output = _within(usage.output, answer)
    reasoning = _within(usage.reasoning, answer - output)
    images = _within(usage.images, context)
    clamped = (fresh, read, write, output, reasoning, images)
    if clamped == (
        usage.input,
        usage.cache_read,
        usage.cache_write,
        usage.output,
        usage.reasoning,
        usage.images,
    ):
        return usage
    return structs.replace(
        usage,
        input=fresh,
        cache_read=read,
        cache_write=write,
        output=output,
        reasoning=reasoning,
        images=images,
    )


def _ceiling(prompt: int, each: int, request: Request, offer: Offer) -> Ceiling:
    context = offer.model.context_length
    if prompt > context:
        prompt = context
    answer = request.n * each
    picodollars = _fixed(prompt, request, offer.price) + answer * offer.price.answer_rate
    amount = amount_from_picodollars(picodollars)
    return Ceiling(amount if amount < AMOUNT_MAX else AMOUNT_MAX, prompt, answer)


def _fixed(prompt: int, request: Request, price: Price) -> int:
    """Picodollars that are owed however short the answer is."""
    return prompt * price.prompt_rate + request.sizes.images * price.image + price.request


def _within(number: int, most: int) -> int:
    return 0 if number < 0 else min(number, most)
