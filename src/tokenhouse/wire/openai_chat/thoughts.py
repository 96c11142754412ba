"""Thoughts that a client has to send back as they were: OpenRouter's ``reasoning_details``.

``reasoning_content`` shows what a model thinks while it thinks. A thought that its endpoint has signed
or sealed stands here as well, whole and once, when its signature is known: without it the endpoint
would not take the thought back.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import ReasoningDelta, ReasoningPart, RedactedPart, RedactedThought

_FORMAT: Final = "anthropic-claude-v1"


class Detail(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One entry of ``reasoning_details``. A client may write kinds that nobody here knows."""

    type: str | None = None
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    format: str | None = None
    index: int | None = None


_DETAILS: Final = msgspec.json.Decoder(list[Detail] | None)


class Thoughts:
    """One choice's thoughts, as its events tell them."""

    __slots__ = ("_count", "_text")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._count = 0

    def take(self, event: ReasoningDelta | RedactedThought) -> Detail | None:
        """The entry that ``event`` completes, or None."""
        if isinstance(event, RedactedThought):
            return self._numbered(Detail(type="reasoning.encrypted", data=event.data))
        self._text.append(event.text)
        if not event.signature:
            return None
        text = "".join(self._text)
        self._text.clear()
        return self._numbered(Detail(type="reasoning.text", text=text, signature=event.signature))

    def _numbered(self, detail: Detail) -> Detail:
        detail.format = _FORMAT
        detail.index = self._count
        self._count += 1
        return detail


def parts_of(raw: bytes) -> list[ReasoningPart | RedactedPart]:
    """What a client sends back, as raw JSON → parts, in order. Entries without text or data, and a
    field in another form, give nothing.
    """
    parts: list[ReasoningPart | RedactedPart] = []
    if not raw:
        return parts
    try:
        details = _DETAILS.decode(raw) or []
    except (ValueError, RecursionError):
        return parts
    for detail in details:
        if detail.data:
            parts.append(RedactedPart(detail.data))
        elif detail.text or detail.signature:
            parts.append(ReasoningPart(detail.text or "", detail.signature or None))
    return parts
