"""One-time codes: what a terminal prints, so that a browser gets a key without it standing in a URL.

A code is worth its key once and for a quarter of an hour, in this process alone: nothing is stored.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from tokenhouse.access.failures import Failures
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError

LIFETIME_S: Final = 900.0
_LETTERS: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_LENGTH: Final = 16
"""Of 30 letters: 78 bits, far beyond guessing within the lifetime."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a code stands for: a key's secret, and the person (an id) who is signed in with it."""

    key: str = field(repr=False)
    person: str | None = None


class SignInCodes:
    """Codes that are out, each with what it stands for."""

    def __init__(self, clock: Clock, *, failed_per_minute: int = 30) -> None:
        self._clock = clock
        self._failures = Failures(failed_per_minute)
        self._codes: dict[bytes, tuple[float, Offered]] = {}

    def offer(self, secret: str, person: str | None = None) -> str:
        """A code for the key ``secret`` and a person: four groups of four letters and digits."""
        letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        self._codes[_digest(letters)] = (
            self._clock.monotonic() + LIFETIME_S,
            Offered(secret, person),
        )
        return "-".join(letters[at : at + 4] for at in range(0, _LENGTH, 4))

    def redeem(self, code: str, address: str) -> Offered:
        """What is behind ``code``, once. Case and hyphens don't matter.

        AccountError: 401 ``invalid_sign_in_code`` for one that is wrong, used or too old, 429
        ``too_many_failed_codes`` when ``address`` has tried too many.
        """
        now = self._clock.monotonic()
        self._failures.check(
            address,
            now,
            message="Too many wrong sign-in codes from this address in the last minute; wait.",
            code="too_many_failed_codes",
        )
        found = self._codes.pop(_digest(code), None)
        if found is None or found[0] <= now:
            self._failures.add(address, now)
            raise AccountError(
                "This sign-in code is wrong, used or older than 15 minutes. Paste the key itself.",
                code="invalid_sign_in_code",
            )
        return found[1]


def _digest(code: str) -> bytes:
    """Looked up by its hash, so that the time a look-up takes tells nothing of a code."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode("utf-8", "surrogatepass")).digest()
