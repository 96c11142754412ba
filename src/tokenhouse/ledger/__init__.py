"""Money: accounts, holds, postings, and the verbs that move them.

Knows *hold, settle, release, expire* (inside a request) and *credit, grant, reverse* (outside one),
double entry, and what must always be true. Refuses to know what was bought: it never hears of models,
tokens or HTTP, and could bill parcels. Where rows live is the store's business.
"""

from tokenhouse.ledger import rules
from tokenhouse.ledger.memory import MemoryLedger
from tokenhouse.ledger.port import HOUSE, Ledger
from tokenhouse.ledger.values import (
    Account,
    AccountState,
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
    PostingKind,
    Released,
    Settled,
    Unknown,
    Verification,
)

__all__ = [
    "HOUSE",
    "Account",
    "AccountState",
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
    "MemoryLedger",
    "NotEnough",
    "Posting",
    "PostingKind",
    "Released",
    "Settled",
    "Unknown",
    "Verification",
    "rules",
]
