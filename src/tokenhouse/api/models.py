"""``GET /v1/models`` and ``/v1/models/{id}``: the rows of the catalogue, in OpenAI's list."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from tokenhouse import ids
from tokenhouse.api.http import Receive, Respond, Scope, Send
from tokenhouse.catalogue import Catalogue, Row
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError
from tokenhouse.wire import error_body


class Models:
    """No key is needed: what is offered, at which price, is public. ``ready`` hides what can't run."""

    def __init__(
        self, catalogue: Callable[[], Catalogue], ready: Callable[[str], bool], *, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._ready = ready
        self._clock = clock

    async def listing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``{"object": "list", "data": [row, …]}`` of the models that have a price and can answer."""
        del scope, receive
        rows = [row for row in self._catalogue().rows if row.pricing and self._ready(row.id)]
        body = msgspec.json.encode({"object": "list", "data": rows})
        await self._respond(send).json(200, body)

    async def one(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One row by id (its slash as ``/`` or ``%2F``), hyphenated id or alias; 404 otherwise."""
        del receive
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        name = unquote(raw.decode("latin-1").partition("/models/")[2])
        respond = self._respond(send)
        try:
            row = self._row(name)
        except CallerError as error:
            await respond.json(error.status, error_body(error))
            return
        await respond.json(200, msgspec.json.encode(row))

    def _row(self, name: str) -> Row:
        catalogue = self._catalogue()
        model = catalogue.resolve(name)
        return next(row for row in catalogue.rows if row.id == model.id)

    def _respond(self, send: Send) -> Respond:
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        return Respond(send, [(b"x-request-id", request_id.encode())])
