"""How often one may try: per address that asks, and per e-mail address that is asked about.

Counted whether anybody has that e-mail address or not, so that a refusal tells nothing either.
"""

from __future__ import annotations

from typing import Final

from tokenhouse.access.failures import Failures
from tokenhouse.clock import Clock

WRONG_PER_EMAIL: Final = 10
WRONG_WINDOW_S: Final = 15 * 60.0
MAILS_PER_EMAIL: Final = 5
MAILS_PER_ADDRESS: Final = 30
MAILS_WINDOW_S: Final = 3600.0


class Bounds:
    """Wrong passwords, codes and tokens; and mails asked for."""

    def __init__(self, clock: Clock, *, failed_per_minute: int) -> None:
        self._clock = clock
        self._addresses = Failures(failed_per_minute)
        self._emails = Failures(WRONG_PER_EMAIL, window_s=WRONG_WINDOW_S)
        self._mails_of = Failures(MAILS_PER_ADDRESS, window_s=MAILS_WINDOW_S)
        self._mails_to = Failures(MAILS_PER_EMAIL, window_s=MAILS_WINDOW_S)

    def check(self, address: str, email: str = "") -> None:
        """AccountError 429 ``too_many_attempts`` where either has failed too often."""
        now = self._clock.monotonic()
        message = "Too many wrong tries. Wait a while, or choose a new password by mail."
        self._addresses.check(address, now, message=message, code="too_many_attempts")
        if email:
            self._emails.check(email, now, message=message, code="too_many_attempts")

    def failed(self, address: str, email: str = "") -> None:
        """It was wrong."""
        now = self._clock.monotonic()
        self._addresses.add(address, now)
        if email:
            self._emails.add(email, now)

    def mail(self, sender: str, email: str) -> None:
        """A mail is asked for by ``sender`` (an address, a person). AccountError 429
        ``too_many_mails`` where either had too many."""
        now = self._clock.monotonic()
        message = "Too many mails were asked for. Look into your spam folder, and wait an hour."
        self._mails_of.check(sender, now, message=message, code="too_many_mails")
        self._mails_to.check(email, now, message=message, code="too_many_mails")
        self._mails_of.add(sender, now)
        self._mails_to.add(email, now)
