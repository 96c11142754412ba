"""Money and usage outside a request: credit, reversals, accounts, keys, receipts and sums to read.

The one door to ledger and usage for the control plane, the pages and the command line. Refuses to know
how requests run, where rows live and how anything is rendered.
"""

from tokenhouse.billing.port import AttemptRow, ReceiptRow, Records, UsageRow

__all__ = ["AttemptRow", "ReceiptRow", "Records", "UsageRow"]
