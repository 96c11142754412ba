"""``GET /v1/models`` and ``/v1/models/{id}``: the rows of the catalogue, in the shape the client speaks.

A request that names an ``anthropic-version`` gets Anthropic's list, in pages; every other one OpenAI's
list with OpenRouter's fields. No key is needed: what is offered, at which price, is public. With a key
that may not ask every model, only those that it may are there.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from tokenhouse import ids
from tokenhouse.access import Access, Caller, header_key
from tokenhouse.api.envelopes import envelope, id_headers, speaks_anthropic
from tokenhouse.api.http import Receive, Respond, Scope, Send, query, retry_headers
from tokenhouse.catalogue import Catalogue, Model, Row
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.relay import not_allowed

PAGE_DEFAULT: Final = 20
PAGE_MOST: Final = 1000
_FOUND_BY_CLAUDE_CODE: Final = ("claude", "anthropic")
_VARY: Final = (b"vary", b"anthropic-version")
"""The two shapes are of one address."""


class Models:
    """``ready`` tells of a model's id whether it could answer now: what can't run is not listed."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        ready: Callable[[str], bool],
        access: Access,
        *,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._ready = ready
        self._access = access
        self._clock = clock

    async def listing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The models that have a price and can answer: ``{"object": "list", "data": [row, …]}``, or
        ``{"data": [info, …], "has_more", "first_id", "last_id"}`` with ``limit`` (1–1000, 20 when it
        is not said), ``after_id`` and ``before_id``."""
        del receive
        request_id, respond = self._respond(send)
        try:
            caller = self._caller(scope)
            if not speaks_anthropic(scope):
                offered = {model.id for model in self._offered(caller)}
                rows = [row for row in self._catalogue().rows if row.id in offered]
                await respond.json(200, msgspec.json.encode({"object": "list", "data": rows}))
                return
            infos = [info for model in self._offered(caller) for info in anthropic_infos(model)]
            page = anthropic_page(infos, query(scope))
        except TokenhouseError as error:
            await self._refuse(scope, request_id, respond, error)
            return
        await respond.json(200, msgspec.json.encode(page))

    async def one(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One row by id (its slash as ``/`` or ``%2F``), hyphenated id or alias; 404 otherwise."""
        del receive
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        name = unquote(raw.decode("latin-1").partition("/models/")[2])
        request_id, respond = self._respond(send)
        catalogue = self._catalogue()
        try:
            model = catalogue.resolve(name)
            caller = self._caller(scope)
            if caller is not None and not caller.may_ask(model.id):
                raise not_allowed(model.id, caller.models or ())
        except TokenhouseError as error:
            await self._refuse(scope, request_id, respond, error)
            return
        shown: Row | dict[str, Any]
        if speaks_anthropic(scope):
            infos = {info["id"].lower(): info for info in anthropic_infos(model)}
            shown = infos.get(name.lower()) or infos[model.id.lower()]
        else:
            shown = next(row for row in catalogue.rows if row.id == model.id)
        await respond.json(200, msgspec.json.encode(shown))

    def _offered(self, caller: Caller | None) -> Iterator[Model]:
        for model in self._catalogue().models:
            if model.price is not None and self._ready(model.id):
                if caller is None or caller.may_ask(model.id):
                    yield model

    def _caller(self, scope: Scope) -> Caller | None:
        """Whose key came with the request; None without one. A wrong key is refused (AccountError)."""
        headers = scope["headers"]
        query_key = query(scope).get("key")
        if header_key(headers) is None and query_key is None:
            return None
        client = scope.get("client")
        address = client[0] if client else ""
        return self._access.identify(headers, query_key=query_key, address=address)

    async def _refuse(
        self, scope: Scope, request_id: str, respond: Respond, error: TokenhouseError
    ) -> None:
        headers = retry_headers(error, self._clock.now_ms())
        await respond.json(error.status, envelope(scope, error, request_id), headers)

    def _respond(self, send: Send) -> tuple[str, Respond]:
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        return request_id, Respond(send, [*id_headers(request_id), _VARY])


def anthropic_infos(model: Model) -> Iterator[dict[str, Any]]:
    """A model in Anthropic's shape, and once more for every alias that Claude Code's discovery would
    find: it offers only names that begin with ``claude`` or ``anthropic``."""
    yield _info(model, model.id, model.name)
    for alias in model.aliases:
        if alias.lower().startswith(_FOUND_BY_CLAUDE_CODE):
            yield _info(model, alias, f"{model.name} ({alias})")


def anthropic_page(infos: list[dict[str, Any]], asked: dict[str, str]) -> dict[str, Any]:
    """The page of ``infos`` that the query asks for. CallerError 400 names a wrong field."""
    limit = asked.get("limit", str(PAGE_DEFAULT))
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= PAGE_MOST:
        raise CallerError(f"limit: must be a whole number from 1 to {PAGE_MOST}", param="limit")
    names = [info["id"] for info in infos]
    start, end = 0, len(infos)
    if "after_id" in asked:
        start = _place(names, asked["after_id"], "after_id") + 1
    if "before_id" in asked:
        end = _place(names, asked["before_id"], "before_id")
    if "before_id" in asked and "after_id" not in asked:
        page = infos[max(start, end - int(limit)) : end]
        more = end - int(limit) > start
    else:
        page = infos[start:end][: int(limit)]
        more = end - start > int(limit)
    return {
        "data": page,
        "has_more": more,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _place(names: list[str], name: str, param: str) -> int:
    if name not in names:
        raise CallerError(f"{param}: there is no model {name[:100]!r} in this list", param=param)
    return names.index(name)


def _info(model: Model, name: str, display_name: str) -> dict[str, Any]:
    added = model.added or datetime.date(1970, 1, 1)
    return {
        "type": "model",
        "id": name,
        "display_name": display_name,
        "created_at": f"{added.isoformat()}T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "capabilities": None,
        "max_input_tokens": model.context_length,
        "max_tokens": min(model.max_output_tokens, model.context_length),
    }
