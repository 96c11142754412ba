"""Ids of tool calls: any client's → Mistral's."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_CALL_ID: Final = re.compile(r"[a-zA-Z0-9]{9}\Z")
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class CallIds:
    """Any client's call ids → Mistral's nine alphanumerics, the same each turn, never two alike."""

    def __init__(self) -> None:
        self._by_client: dict[str, str] = {}
        self._taken: set[str] = set()

    def mistral(self, client: str) -> str:
        known = self._by_client.get(client)
        if known is not None:
            return known
        bare = client.removeprefix("call_").removeprefix("toolu_")
        made = bare if _CALL_ID.match(bare) else _digest(client)
        salt = 0
        while made in self._taken:
            salt += 1
            made = _digest(f"{client}#{salt}")
        self._taken.add(made)
        self._by_client[client] = made
        return made


def _digest(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    letters = ""
    for _ in range(9):
        number, index = divmod(number, 62)
        letters += _BASE62[index]
    return letters
