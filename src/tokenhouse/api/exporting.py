"""A long list as a stream of CSV or NDJSON: page after page, one in memory at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tokenhouse.api.http import ON_LEAVE, Respond, Scope
from tokenhouse.billing import Page, export
from tokenhouse.errors import CallerError

T = TypeVar("T")


def form_of(query: Mapping[str, str]) -> export.Form | None:
    """``?format=csv`` or ``ndjson``; None for json, the default: one page. CallerError 400."""
    match query.get("format", "json"):
        case "json":
            return None
        case "csv":
            return "csv"
        case "ndjson":
            return "ndjson"
        case other:
            raise CallerError(
                f"'format' must be json, csv or ndjson, not {other!r}.", param="format"
            )


@dataclass(frozen=True, slots=True)
class Exporting(Generic[T]):
    """``names`` and ``fields`` say a row; ``name`` is the file's."""

    form: export.Form
    names: Sequence[str]
    fields: Callable[[T], Mapping[str, Any]]
    name: str

    async def send(
        self, scope: Scope, respond: Respond, pages: AsyncGenerator[Page[T], None]
    ) -> None:
        """Send every page, until the client leaves. What is wrong with the question is raised before
        anything is sent."""
        on_leave, left = scope.get(ON_LEAVE), asyncio.Event()
        if on_leave is not None:
            on_leave(left.set)
        try:
            async with aclosing(export.texts(self.form, self.names, self.fields, pages)) as texts:
                await self._send(respond, texts, left)
        finally:
            if on_leave is not None:
                on_leave(None)

    async def _send(
        self, respond: Respond, texts: AsyncGenerator[str, None], left: asyncio.Event
    ) -> None:
        begun = False
        async for text in texts:
            if left.is_set():
                return
            if not begun:
                begun = True
                await respond.send(self._start(respond))
            body = text.encode()
            await respond.send({"type": "http.response.body", "body": body, "more_body": True})
        await respond.send({"type": "http.response.body", "body": b""})

    def _start(self, respond: Respond) -> dict[str, Any]:
        disposition = f'attachment; filename="{self.name}.{self.form}"'.encode()
        headers = [
            (b"content-type", export.TYPES[self.form].encode()),
            (b"content-disposition", disposition),
            *respond.headers,
        ]
        return {"type": "http.response.start", "status": 200, "headers": headers}
