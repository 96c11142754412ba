"""Where rows live: SQL files, migrations, one writer with group commit.

Knows SQLite, transactions, durability and files, and implements the ports of others: the ledger's, the
relay's book, access's keys, billing's records. Refuses to know prices, dialects, providers and HTTP;
what a charge is and how a hold may end is the ledger's to say.
"""

from tokenhouse.store.lock import served_by
from tokenhouse.store.schema import Durability
from tokenhouse.store.sqlite import SqliteStore
from tokenhouse.store.writer import WriterPulse

__all__ = ["Durability", "SqliteStore", "WriterPulse", "served_by"]
