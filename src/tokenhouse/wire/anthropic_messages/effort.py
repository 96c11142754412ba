"""How hard to think, in Anthropic's words: an effort becomes a budget or an adaptive measure.

Source: the API's pages on thinking and effort. Up to version 2023-06-01 a budget is understood by every
model that thinks; from 2026-10-21 on models measure themselves by the effort.
"""

from __future__ import annotations

from typing import Final

from tokenhouse.chat import CallPart, Conversation, ReasoningPart, RedactedPart, Thinking
from tokenhouse.wire.anthropic_messages.options import BUDGET_LEAST, EFFORTS
from tokenhouse.wire.anthropic_messages.turns import Json
from tokenhouse.wire.anthropic_messages.versions import takes_sampling

BUDGETS: Final = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Thinking tokens of an effort; ``Conversation.effort`` reads them back."""


def thinking_of(
    conversation: Conversation, max_tokens: int, version: str
) -> tuple[Json | None, str | None]:
    """→ ``thinking`` and ``output_config.effort``, None where nothing is to be sent.

    A budget is kept below ``max_tokens``. No thinking where the API refuses it: beside a forced call,
    with too few tokens, and by budget in the middle of calls that were made without a thought.
    """
    thinking = conversation.thinking
    effort = conversation.reasoning_effort
    if thinking is None and effort is not None:
        thinking, effort = _asked(effort, version)
    if effort not in EFFORTS:
        effort = None
    if thinking is None:
        return None, effort
    if thinking.mode == "off":
        return {"type": "disabled"}, effort
    if conversation.tools and conversation.tool_choice.mode in ("required", "named"):
        return None, effort
    out: Json = {"type": "adaptive"}
    if thinking.mode == "on":
        budget = BUDGETS["medium"] if thinking.budget is None else thinking.budget
        budget = min(budget, max_tokens - 1)
        if budget < BUDGET_LEAST or _calls_without_thought(conversation):
            return None, effort
        out = {"type": "enabled", "budget_tokens": budget}
    if thinking.display is not None:
        out["display"] = thinking.display
    return out, effort


def _asked(effort: str, version: str) -> tuple[Thinking | None, str | None]:
    if effort == "none":
        return Thinking("off"), None
    if effort not in BUDGETS:
        return None, None
    if takes_sampling(version):
        return Thinking("on", BUDGETS[effort]), None
    return Thinking("adaptive"), "low" if effort == "minimal" else effort


def _calls_without_thought(conversation: Conversation) -> bool:
    """Is the answer to go on behind results whose calls no signed thought began?"""
    for message in reversed(conversation.messages):
        if message.role == "user":
            return False
        if message.role == "assistant":
            first = next(iter(message.parts), None)
            signed = isinstance(first, RedactedPart) or (
                isinstance(first, ReasoningPart) and bool(first.signature)
            )
            return not signed and any(isinstance(part, CallPart) for part in message.parts)
    return False
