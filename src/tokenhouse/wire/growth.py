"""How much longer than in a request's body a model's template may write what it holds, in bytes.

A prompt's bound counts a token per byte of text and two per byte of tools and calls, which covers the
blanks that templates put between values. What it does not cover is here: a number may be written out
(``1e15`` as ``1000000000000000.0``), and names stand around each tool and call. The property tests hold
the engine's templates to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

TOOL_BYTES: Final = 96
"""Around a tool that names nothing but itself."""

CALL_BYTES: Final = 48
"""Around a call: the names of its fields, and an id and a name of the template's own."""

REMINDER_BYTES: Final = 48
"""Around a system message that stands where the template takes none."""

_NUMBER_BYTES: Final = 18
_EXPONENT: Final = re.compile(rb"[0-9][eE]")
_JSON: Final = re.compile(r"\s*[\[{0-9-]")


def of_json(raw: bytes | msgspec.Raw | str) -> int:
    """Of a JSON text that is written anew: its numbers. What else it gains is counted twice elsewhere."""
    data = raw.encode() if isinstance(raw, str) else bytes(raw)
    return _NUMBER_BYTES * len(_EXPONENT.findall(data))


def of_result(texts: Sequence[str]) -> int:
    """Of a tool's result, in parts, which may be JSON that some templates write anew, blanks included."""
    if not texts or _JSON.match(texts[0]) is None:
        return 0
    return sum(text.count(",") + text.count(":") + of_json(text) for text in texts)
