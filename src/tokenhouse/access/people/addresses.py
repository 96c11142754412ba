"""E-mail addresses, as far as a house takes them."""

from __future__ import annotations

import re
from typing import Final

from tokenhouse.errors import CallerError

LENGTH_MOST: Final = 254

_ADDRESS: Final = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*",
    re.ASCII,
)
"""RFC 5321's dot-string and host name: no quotes, no comments, nothing that could end a header."""


def checked_email(text: str) -> str:
    """The address in lower case; CallerError 400 for what is none."""
    address = text.strip().lower()
    if len(address) > LENGTH_MOST or _ADDRESS.fullmatch(address) is None:
        raise CallerError(
            "This is no e-mail address like ada@example.com.", code="invalid_email", param="email"
        )
    return address
