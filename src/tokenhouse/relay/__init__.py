"""One request's story: offer, ceiling, admit, try, stream, meter, settle. The only meeting room.

Knows the order in which things happen to a request and that whatever happens to it, its hold ends
exactly once. Refuses to know sockets, HTTP bodies, SQL and which provider it is talking to.
"""

from tokenhouse.relay.answer import Answer
from tokenhouse.relay.fit import Counted
from tokenhouse.relay.idempotency import Keep, Kept, KeyAsked, KeyState, Recording
from tokenhouse.relay.live import (
    Live,
    LiveRequest,
    LiveState,
    account_not_open,
    stopped_by_operator,
)
from tokenhouse.relay.meter import Meter, TokenCounter
from tokenhouse.relay.plan import Months, Plan
from tokenhouse.relay.port import Admission, Admitted, Book, Closed, Refused, Remaining
from tokenhouse.relay.receipt import Attempted, Outcome, Receipt
from tokenhouse.relay.refusal import RefusedError, not_allowed
from tokenhouse.relay.relay import Relay
from tokenhouse.relay.totals import BUCKETS, ModelTotals, RelayTotals, Times

__all__ = [
    "BUCKETS",
    "Admission",
    "Admitted",
    "Answer",
    "Attempted",
    "Book",
    "Closed",
    "Counted",
    "Keep",
    "Kept",
    "KeyAsked",
    "KeyState",
    "Live",
    "LiveRequest",
    "LiveState",
    "Meter",
    "ModelTotals",
    "Months",
    "Outcome",
    "Plan",
    "Receipt",
    "Recording",
    "Refused",
    "RefusedError",
    "Relay",
    "RelayTotals",
    "Remaining",
    "Times",
    "TokenCounter",
    "account_not_open",
    "not_allowed",
    "stopped_by_operator",
]
