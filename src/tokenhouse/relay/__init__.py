"""One request's story: offer, ceiling, admit, try, stream, meter, settle. The only meeting room.

Knows the order in which things happen to a request and that whatever happens to it, its hold ends
exactly once. Refuses to know sockets, HTTP bodies, SQL and which provider it is talking to.
"""

from tokenhouse.relay.port import Admission, Admitted, Book, Closed, Refused, Remaining
from tokenhouse.relay.receipt import Attempted, Outcome, Receipt

__all__ = [
    "Admission",
    "Admitted",
    "Attempted",
    "Book",
    "Closed",
    "Outcome",
    "Receipt",
    "Refused",
    "Remaining",
]
