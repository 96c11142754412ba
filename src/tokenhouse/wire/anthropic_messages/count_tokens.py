"""What a provider's own ``/v1/messages/count_tokens`` says."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec


class _Count(msgspec.Struct):
    input_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**40)]


_COUNT: Final = msgspec.json.Decoder(_Count)


def read_count(body: bytes) -> int | None:
    """The number in a provider's answer; None when there is none that could be a count."""
    try:
        return _COUNT.decode(body).input_tokens
    except (ValueError, RecursionError):
        return None
