"""Voucher codes: made here, shown once, kept only as their SHA-256, and what a used one is told.

A code is 100 random bits in Crockford's base 32 (no I, L, O, U), read as people write it: letters of
any case, hyphens and spaces or none, O for 0 and I or L for 1.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from tokenhouse.billing.values import Voucher
from tokenhouse.errors import CallerError

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MARK: Final = "TH"
LENGTH: Final = 20
_GROUP: Final = 5
_AS_READ: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_code() -> str:
    """A fresh code: ``TH-7K2QD-…``, four groups of five."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    groups = (letters[at : at + _GROUP] for at in range(0, LENGTH, _GROUP))
    return "-".join((MARK, *groups))


def code_digest(code: str) -> bytes | None:
    """The 32 bytes under which a code is kept; None for a text that can be no code."""
    letters = code.strip().upper().translate(_AS_READ)
    if len(letters) == LENGTH + len(MARK):
        letters = letters.removeprefix(MARK)
    if len(letters) != LENGTH or not set(LETTERS).issuperset(letters):
        return None
    return hashlib.sha256(letters.encode()).digest()


def not_a_voucher() -> CallerError:
    """Nothing is known by this code."""
    return CallerError(
        "There is no voucher with this code; check it letter by letter.",
        status=404,
        code="voucher_not_found",
        param="code",
    )


def refusal(voucher: Voucher, account: str, now_ms: int) -> CallerError | None:
    """Why ``account`` can't redeem it now; None when it can, or has already."""
    state = voucher.state(now_ms)
    if state == "open" or (state == "redeemed" and voucher.account == account):
        return None
    sentence = {
        "redeemed": "This voucher was redeemed already.",
        "revoked": "This voucher was revoked.",
        "expired": "This voucher has expired.",
    }[state]
    return CallerError(sentence, status=409, code=f"voucher_{state}", param="code")
