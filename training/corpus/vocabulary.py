"""Words and pieces of words that the starter's tokenizer has a token for.

A network copies only what it has met: names made of these pieces let it meet every token that a
name may be cut into.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path

_TEKKEN = Path(__file__).parents[2] / "src" / "tokenhouse" / "starter" / "tekken.json"


@cache
def vocabulary() -> tuple[str, ...]:
    """Lower-case English-looking words that are one token, with the space before them."""
    return tuple(word for word in words() if len(word) >= 4)


@cache
def words() -> tuple[str, ...]:
    """Lower-case words and beginnings of words, two letters or more, that are one token behind a space."""
    return tuple(t[1:].decode() for t in _tokens() if re.fullmatch(rb" [a-z]{2,}", t))


@cache
def capitals() -> tuple[str, ...]:
    """The same with a capital."""
    return tuple(t[1:].decode() for t in _tokens() if re.fullmatch(rb" [A-Z][a-z]+", t))


@cache
def pieces() -> tuple[str, ...]:
    """Lower-case letters, two to six, that are one token, at the beginning of a word or inside."""
    found = {t.strip().decode() for t in _tokens() if re.fullmatch(rb" ?[a-z]{2,6}", t)}
    return tuple(sorted(found))


@cache
def _tokens() -> tuple[bytes, ...]:
    rows = json.loads(_TEKKEN.read_text("utf-8"))["vocab"]
    return tuple(base64.b64decode(row["token_bytes"]) for row in rows)
