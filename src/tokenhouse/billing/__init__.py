"""Money and usage outside a request: credit, vouchers, accounts, keys, receipts and sums to read.

Knows what may be asked about money between requests, by which name or id, and what an operator did.
Refuses to know how requests run, where rows live and how anything is rendered. The one door to ledger
and usage for the control plane, the pages and the command line.
"""

from tokenhouse.billing import export
from tokenhouse.billing.billing import Billing, NewVouchers
from tokenhouse.billing.desk import Desk
from tokenhouse.billing.figures import Hour, ModelFigures, RouteFigures
from tokenhouse.billing.operating import (
    AccountsAsked,
    AccountState,
    AuditAsked,
    Difference,
    EngineRow,
    FailuresAsked,
    Folding,
    LeaseRow,
    LiveRow,
    OpenHold,
    ProcessRow,
    Refusal,
    RouteRow,
    RunningHouse,
    SettingsRow,
    Verified,
)
from tokenhouse.billing.patrol import Patrol
from tokenhouse.billing.port import Acts, Lists, Office, Records
from tokenhouse.billing.prices import PriceBook, Prices, PriceVersion
from tokenhouse.billing.reading import PAGE_MAX, Reading, summed
from tokenhouse.billing.statement import CHARGES, Line, Statement, Sum, month_of, month_range
from tokenhouse.billing.upkeep import Keep, Upkeep
from tokenhouse.billing.values import (
    DAY_MS,
    FOREVER_MS,
    HOUR_MS,
    AttemptRow,
    AuditRow,
    By,
    Dimension,
    Funds,
    KeyUse,
    Once,
    Outcome,
    Pace,
    Page,
    PageAsked,
    ReceiptRow,
    Spending,
    UsageRow,
    Voucher,
)
from tokenhouse.billing.visitors import VISITORS, LentKey, Visitors
from tokenhouse.billing.voucher import not_a_voucher, refusal

__all__ = [
    "CHARGES",
    "DAY_MS",
    "FOREVER_MS",
    "HOUR_MS",
    "PAGE_MAX",
    "VISITORS",
    "AccountState",
    "AccountsAsked",
    "Acts",
    "AttemptRow",
    "AuditAsked",
    "AuditRow",
    "Billing",
    "By",
    "Desk",
    "Difference",
    "Dimension",
    "EngineRow",
    "FailuresAsked",
    "Folding",
    "Funds",
    "Hour",
    "Keep",
    "KeyUse",
    "LeaseRow",
    "LentKey",
    "Line",
    "Lists",
    "LiveRow",
    "ModelFigures",
    "NewVouchers",
    "Office",
    "Once",
    "OpenHold",
    "Outcome",
    "Pace",
    "Page",
    "PageAsked",
    "Patrol",
    "PriceBook",
    "PriceVersion",
    "Prices",
    "ProcessRow",
    "Reading",
    "ReceiptRow",
    "Records",
    "Refusal",
    "RouteFigures",
    "RouteRow",
    "RunningHouse",
    "SettingsRow",
    "Spending",
    "Statement",
    "Sum",
    "Upkeep",
    "UsageRow",
    "Verified",
    "Visitors",
    "Voucher",
    "export",
    "month_of",
    "month_range",
    "not_a_voucher",
    "refusal",
    "summed",
]
