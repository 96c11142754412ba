"""``POST /api/v1/visit``: a key for the playground's visitors who have none, where the house lends them.
Ours. Pages of other sites get no answer from it."""

from __future__ import annotations

import msgspec

from tokenhouse import ids, money
from tokenhouse.api.http import Receive, Respond, Scope, Send, header, retry_headers
from tokenhouse.billing import Visitors
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.wire import error_body

_HERE = (None, b"same-origin", b"none")


class Visit:
    """The route. Its answers are kept by nobody (``cache-control: no-store``)."""

    def __init__(self, visitors: Visitors, *, clock: Clock) -> None:
        self._visitors = visitors
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive  # there is nothing to say
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        headers = [(b"x-request-id", request_id.encode()), (b"cache-control", b"no-store")]
        respond = Respond(send, headers)
        client = scope.get("client")
        try:
            if not _of_this_house(scope):
                raise CallerError(
                    "A page of another site may not ask for a visitor's key.",
                    status=403,
                    code="other_site",
                )
            lent = await self._visitors.lend(client[0] if client else "")
        except TokenhouseError as error:
            refusal = error_body(error, request_id)
            waits = retry_headers(error, self._clock.now_ms())
            await respond.json(error.status, refusal, waits)
            return
        data = {"key": lent.secret, "expires_at": lent.ends_ms // 1000, "cap": money.usd(lent.cap)}
        await respond.json(200, msgspec.json.encode({"data": data}))


def _of_this_house(scope: Scope) -> bool:
    """Browsers say which site's page asks; one that is too old for that says at least its origin."""
    headers = scope["headers"]
    origin, host = header(headers, b"origin"), header(headers, b"host")
    here = origin is None or origin.partition(b"://")[2] == host
    return here and header(headers, b"sec-fetch-site") in _HERE
