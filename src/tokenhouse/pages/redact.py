"""A key has no business in a page's address: one that arrives there is taken out before anything
else, a log or an error above all, can see it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode

SECRET_FIELDS: Final = frozenset(("key", "api_key", "apikey", "token", "access_token", "secret"))
REDACTED: Final = "[key]"

_LIKE_A_KEY = re.compile(r"(?:sk-|th[psc]_)[A-Za-z0-9_-]{8,}", re.ASCII)


def without_keys(query: bytes) -> bytes | None:
    """The query without fields that are, or look like, keys; None when there was none of them."""
    fields = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    kept = [
        (name, value)
        for name, value in fields
        if name.lower() not in SECRET_FIELDS and not _LIKE_A_KEY.search(value + name)
    ]
    if len(kept) == len(fields):
        return None
    return urlencode(kept).encode("ascii")


def redacted(text: str) -> str:
    """``text`` with everything replaced that looks like a key, an access token or a code."""
    return _LIKE_A_KEY.sub(REDACTED, text)
