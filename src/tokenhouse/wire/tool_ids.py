"""Ids of tool calls and names of tools, as each upstream and each client wants them. Pure.

OpenAI writes ``call_…``, Anthropic ``toolu_…``, Mistral nine letters and digits and takes nothing else.
What follows the prefix is the id's *stem*: it stays the same on every side, so an id that went out
comes back as the upstream wrote it, turn after turn, and caches of prompts hold. A stem that one side
could not take becomes a digest of the id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

IdStyle = Literal["openai", "anthropic", "mistral"]

OPENAI_NAME_MOST: Final = 64
ANTHROPIC_NAME_MOST: Final = 128
"""Characters of a tool's name; both allow letters, digits, underscores and dashes."""

_PREFIXES: Final = ("toolu_", "call_", "chatcmpl-tool-")
_ALPHANUMERIC: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_NAME: Final = _ALPHANUMERIC | frozenset("_-")
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MISTRAL_LENGTH: Final = 9
_DIGEST_LENGTH: Final = 24
_STEM_MOST: Final = {"openai": 35, "anthropic": 58}
"""OpenAI refuses ids of more than 40 characters, Anthropic of more than 64."""
_MISTRALS: Final = (
    "mistral", "mixtral", "ministral", "magistral", "codestral", "devstral", "pixtral", "voxtral",
)  # fmt: skip


def style_of(model: str) -> IdStyle:
    """The style that a model behind an OpenAI-shaped API takes: by its name, for nothing else tells."""
    lower = model.lower()
    return "mistral" if any(family in lower for family in _MISTRALS) else "openai"


class ToolIds:
    """The ids of one request or answer, in ``style``. The same id is always mapped alike, and no two
    come out alike; what an id becomes depends on it and on those mapped before it alone."""

    __slots__ = ("_known", "_style", "_taken")

    def __init__(self, style: IdStyle) -> None:
        self._style: IdStyle = style
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def map(self, given: str) -> str:
        """``given`` as this side writes it."""
        known = self._known.get(given)
        if known is not None:
            return known
        made = _styled(given, self._style)
        salt = 0
        while made in self._taken:
            salt += 1
            made = _digested(f"{given}#{salt}", self._style)
        self._known[given] = made
        self._taken.add(made)
        return made


def safe_name(name: str, most: int) -> str:
    """``name`` itself where at most ``most`` characters of the allowed ones make it up; else a name
    made from it, the same each time, that ends in a digest of it."""
    if 0 < len(name) <= most and _NAME.issuperset(name):
        return name
    plain = "".join(character if character in _NAME else "_" for character in name)
    return f"{plain[: most - 9]}_{_digest(name, 8)}"


def names_back(names: Iterable[str], most: int) -> dict[str, str]:
    """Names that ``safe_name`` made → the client's own; empty where none had to be made."""
    return {made: name for name in names if (made := safe_name(name, most)) != name}


def _styled(given: str, style: IdStyle) -> str:
    stem = given
    for prefix in _PREFIXES:
        if given.startswith(prefix):
            stem = given[len(prefix) :]
            break
    if style == "mistral":
        if len(stem) == _MISTRAL_LENGTH and _ALPHANUMERIC.issuperset(stem):
            return stem
        return _digest(given, _MISTRAL_LENGTH)
    if not 0 < len(stem) <= _STEM_MOST[style] or not _NAME.issuperset(stem):
        return _digested(given, style)
    if style == "openai" and len(stem) == _MISTRAL_LENGTH and _ALPHANUMERIC.issuperset(stem):
        return stem  # from a Mistral behind an OpenAI-shaped API: it takes nothing else back
    return ("toolu_" if style == "anthropic" else "call_") + stem


def _digested(text: str, style: IdStyle) -> str:
    if style == "mistral":
        return _digest(text, _MISTRAL_LENGTH)
    return ("toolu_" if style == "anthropic" else "call_") + _digest(text, _DIGEST_LENGTH)


def _digest(text: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    letters = ""
    for _ in range(length):
        number, index = divmod(number, 62)
        letters += _BASE62[index]
    return letters
