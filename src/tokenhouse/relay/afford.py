"""The second step of a ceiling: when the first does not fit, the prompt is counted, and max_tokens is
lowered to what can be afforded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import structs

from tokenhouse.catalogue import affordable_max_tokens, answer_tokens_max, counted_ceiling
from tokenhouse.chat import Request, estimate_tokens
from tokenhouse.relay.plan import Plan
from tokenhouse.relay.port import Refused
from tokenhouse.relay.prompt import beyond_text, messages_text, prompt_text, schema_text

LOWERED_FLOOR: Final = 256
"""max_tokens is never lowered below this for want of credit, unless less was asked."""

MESSAGE_FRAME: Final = 8
"""Tokens that a model's template puts around one message at most, where only its text is counted."""

_SHORT: Final = 16_384
"""Characters that are counted on the spot; what is longer is counted beside the event loop."""


async def fitted(plan: Plan, refused: Refused, counted: int | None) -> Plan:
    """The plan with the tightest ceiling there is; ``plan`` itself where nothing became tighter.

    ``counted``: the prompt as its provider counts it, None where that can't. Then the model's own
    tokenizer bounds it, where this house has it. max_tokens is lowered to what ``refused.free``
    affords, but never below min(asked, 256) nor a thinking budget: then it stays as it was asked.
    CallerError when the conversation can't be built.
    """
    request, offer = plan.request, plan.offer
    exact = counted is not None
    prompt = await _bound(plan) if counted is None else counted
    asked = each = answer_tokens_max(request, offer.model)
    affordable = affordable_max_tokens(
        refused.free, prompt_tokens=prompt, request=request, offer=offer, exact=exact
    )
    if affordable < asked and affordable >= _least(request, asked):
        each = affordable
    bound = counted_ceiling(prompt, request, offer, max_tokens=each, exact=exact)
    if refused.reason == "tokens" and not exact and plan.count is None:
        guess = await _guess(plan)
        bound = bound._replace(tokens=min(bound.tokens, guess + request.n * each))
    if bound.amount >= plan.ceiling.amount and bound.tokens >= plan.ceiling.tokens:
        return plan
    lowered = each < asked
    return structs.replace(
        plan,
        ceiling=bound,
        prompt_counted=exact,
        max_tokens=each if lowered else plan.max_tokens,
        lowered=lowered,
    )


async def estimated(plan: Plan) -> Plan:
    """The plan with the tokens per minute reserved by an estimate of its prompt: a limit is no money,
    and is corrected when the request ends. What is held of the balance stays as it was."""
    bound = plan.ceiling
    tokens = min(bound.tokens, await _guess(plan) + bound.answer_tokens_max)
    return structs.replace(plan, ceiling=bound._replace(tokens=tokens))


def affordable(plan: Plan, free: int) -> int:
    """The most max_tokens per choice that ``free`` nanodollars reach for."""
    return affordable_max_tokens(
        free,
        prompt_tokens=plan.ceiling.prompt_tokens_max,
        request=plan.request,
        offer=plan.offer,
        exact=plan.prompt_counted,
    )


def _least(request: Request, asked: int) -> int:
    """A model must be left room to answer once it has thought."""
    return min(asked, max(LOWERED_FLOOR, request.thinking_tokens + 1))


async def _guess(plan: Plan) -> int:
    """The prompt's tokens as estimated, each image at the model's most."""
    text = (plan.system_prompt or "") + prompt_text(plan.request.conversation())
    images = plan.request.sizes.images * plan.offer.model.image_tokens
    return await off_loop(estimate_tokens, text) + images


async def _bound(plan: Plan) -> int:
    """The prompt's tokens at most, by the model's own tokenizer where that says less than sizes do."""
    bound = plan.ceiling.prompt_tokens_max
    conversation = plan.request.conversation()
    if plan.count is None or beyond_text(conversation):
        return bound
    offer, sizes = plan.offer, plan.request.sizes
    words = await off_loop(plan.count, messages_text(conversation))
    schemas = await off_loop(plan.count, schema_text(conversation))
    pieces = sum(len(message.parts) + 1 for message in conversation.messages)
    frame = offer.frame_tokens if plan.request.has_system else offer.system_tokens
    pictures = sizes.images * offer.model.image_tokens
    told = words + 2 * schemas + MESSAGE_FRAME * (pieces + len(conversation.tools))
    return min(bound, told + frame + pictures)


async def off_loop(count: Callable[[str], int], text: str) -> int:
    """``count(text)``; of a long text beside the event loop, which must not wait for it."""
    if len(text) <= _SHORT:
        return count(text)
    return await asyncio.to_thread(count, text)
