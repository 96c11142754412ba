"""Idempotency keys, as the relay and its book speak of them.

A key is taken in the operation that makes the hold of the request which carries it, and finished in the
one that ends that hold, so that money and answer are never told apart::

    how the request ended                state of its key, for a day
    finished, the answer is kept         kept       asked again: the same answer, nothing charged
    finished, longer than is kept        too_large  asked again: refused
    not finished, something was charged  cut        asked again: refused (kept: a told failure)
    not finished, nothing was charged    free       asked again: begins anew
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

Keep = Callable[[int], bytes | None]
"""Called in the operation that ends the hold, maybe more than once and in another thread, with what is
charged → the answer as its client gets it; None: it is not whole, or longer than is kept."""

KeyState = Literal["running", "kept", "too_large", "cut"]


class KeyAsked(msgspec.Struct, frozen=True, gc=False):
    """A request's Idempotency-Key. ``digest``: SHA-256 of what is asked; the same key with another
    digest is another request."""

    name: str
    digest: bytes


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What became of the request that took a key. ``answer`` stands when ``state`` is kept."""

    request: str
    digest: bytes
    state: KeyState
    answer: bytes | None = None


class Recording(Protocol):
    """Who keeps an answer while it goes out, for those who ask again with the same key."""

    @property
    def asked(self) -> KeyAsked: ...

    def seal(self) -> Keep:
        """The answer ends now: what is to be kept of it."""
        ...
