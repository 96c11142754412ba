"""The cookie of a session, as it stands in a header (RFC 6265bis)."""

from __future__ import annotations

from typing import Final

SESSION_COOKIE: Final = "tokenhouse_session"
SESSION_COOKIE_S: Final = 30 * 86_400


def cookie(name: str, value: str, *, max_age: int, path: str = "/", secure: bool) -> bytes:
    """A ``Set-Cookie`` value: for no script, not sent with another site's forms. ``max_age`` 0 takes it
    away; ``secure``: the house is reached by TLS."""
    ending = "; Secure" if secure else ""
    text = f"{name}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Lax{ending}"
    return text.encode("ascii")
