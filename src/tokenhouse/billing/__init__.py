"""Money and usage outside a request: credit, reversals, accounts, keys, receipts and sums to read.

Knows what may be asked about money between requests, and by which name or id. Refuses to know how
requests run, where rows live and how anything is rendered. The one door to ledger and usage for the
control plane, the pages and the command line.
"""

from tokenhouse.billing.billing import Billing
from tokenhouse.billing.figures import Hour, ModelFigures
from tokenhouse.billing.port import AttemptRow, ReceiptRow, Records, UsageRow

__all__ = ["AttemptRow", "Billing", "Hour", "ModelFigures", "ReceiptRow", "Records", "UsageRow"]
