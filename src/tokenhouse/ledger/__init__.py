"""Money: accounts, holds, postings, and the verbs that move them.

Knows *hold, settle, release, expire* (inside a request) and *credit, grant, reverse* (outside one),
double entry, and what must always be true. Refuses to know what was bought: it never hears of models,
tokens or HTTP, and could bill parcels. Where rows live is the store's business.
"""

from tokenhouse.ledger.port import Ledger
from tokenhouse.ledger.values import (
    Account,
    Balance,
    Conflict,
    Credited,
    Grant,
    GrantDue,
    Held,
    HoldAsked,
    HoldState,
    LedgerError,
    NotEnough,
    Posting,
    Released,
    Settled,
    Verification,
)

__all__ = [
    "Account",
    "Balance",
    "Conflict",
    "Credited",
    "Grant",
    "GrantDue",
    "Held",
    "HoldAsked",
    "HoldState",
    "Ledger",
    "LedgerError",
    "NotEnough",
    "Posting",
    "Released",
    "Settled",
    "Verification",
]
