"""Does what is asked fit the model? Where a dialect's clients want to be told, it is said before any
money moves; the clients of other dialects get what fits (§6 of the design: clamped, or refused)."""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenhouse.catalogue import Model, answer_tokens_max
from tokenhouse.chat import Request, Source
from tokenhouse.errors import CallerError, ContextExceeded

STRICT: Final = frozenset({"anthropic_messages"})
"""Dialects whose clients are refused what does not fit, in the words that they parse."""


class Counted(NamedTuple):
    """A prompt's tokens, and how that is known."""

    tokens: int
    source: Source


def check_max_tokens(request: Request, model: Model) -> None:
    """CallerError 400 when a strict client asks for more than the model ever writes."""
    asked = request.max_tokens
    if asked is None or request.dialect not in STRICT:
        return
    most = min(model.max_output_tokens, model.context_length)
    if asked > most:
        raise CallerError(
            f"max_tokens: {asked} > {most}, which is the maximum allowed number of output tokens "
            f"for {model.id}",
            param="max_tokens",
        )


def may_exceed(prompt_tokens_max: int, request: Request, model: Model) -> bool:
    """Could prompt and answer of a strict client's request be longer than the context?"""
    if request.dialect not in STRICT:
        return False
    return prompt_tokens_max + answer_tokens_max(request, model) > model.context_length


def check_context(prompt_tokens: int, request: Request, model: Model) -> None:
    """ContextExceeded when the prompt, or prompt and max_tokens, are longer than the context."""
    context = model.context_length
    asked = answer_tokens_max(request, model)
    if prompt_tokens > context:
        raise ContextExceeded(prompt=prompt_tokens, max_tokens=None, context=context)
    if prompt_tokens + asked > context:
        raise ContextExceeded(prompt=prompt_tokens, max_tokens=asked, context=context)
