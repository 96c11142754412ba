"""``POST /api/v1/sign-in``: the one-time code that ``serve`` printed becomes its key, and the browser that
brings it is signed in as the house's first operator. Ours."""

from __future__ import annotations

import msgspec

from tokenhouse import ids
from tokenhouse.access import SESSION_COOKIE, SESSION_COOKIE_S, People, SignInCodes, cookie
from tokenhouse.api.http import ClientGone, Receive, Respond, Scope, Send, read_body, retry_headers
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.wire import error_body

BODY_MAX = 4096


class _Asked(msgspec.Struct):
    code: str


class SignIn:
    """The route. Its answers are kept by nobody (``cache-control: no-store``)."""

    def __init__(
        self, codes: SignInCodes, people: People, *, clock: Clock, secure_site: bool
    ) -> None:
        """``secure_site``: the house's public address is one of TLS."""
        self._codes = codes
        self._people = people
        self._clock = clock
        self._secure_site = secure_site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        headers = [(b"x-request-id", request_id.encode()), (b"cache-control", b"no-store")]
        respond = Respond(send, headers)
        client = scope.get("client")
        try:
            asked = _asked(await read_body(scope, receive, BODY_MAX))
            offered = self._codes.redeem(asked.code, client[0] if client else "")
            session = None
            if offered.person is not None:
                session, _ = await self._people.sign_in_person(offered.person)
        except ClientGone:
            return
        except TokenhouseError as error:
            refusal = error_body(error, request_id)
            waits = retry_headers(error, self._clock.now_ms())
            await respond.json(error.status, refusal, waits)
            return
        cookies = [] if session is None else [(b"set-cookie", self._cookie(session, scope))]
        await respond.json(200, msgspec.json.encode({"data": {"key": offered.key}}), cookies)

    def _cookie(self, secret: str, scope: Scope) -> bytes:
        secure = self._secure_site or scope.get("scheme") == "https"
        return cookie(SESSION_COOKIE, secret, max_age=SESSION_COOKIE_S, secure=secure)


def _asked(body: bytes) -> _Asked:
    try:
        return msgspec.json.decode(body, type=_Asked)
    except msgspec.MsgspecError as error:
        raise CallerError(f'send {{"code": "XXXX-…"}}: {error}', param="code") from None
