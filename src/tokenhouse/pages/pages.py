"""The pages as an ASGI application: finds, renders once, answers from memory until something changes."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from tokenhouse.access import People
from tokenhouse.billing import Billing, ModelFigures
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.pages.answer import (
    HTML,
    MARKDOWN,
    TEXT,
    XML,
    Answer,
    Receive,
    Scope,
    Send,
    Stream,
    redirect,
    send_answer,
    send_stream,
    wants_markdown,
)
from tokenhouse.pages.entrance import ENTRANCE
from tokenhouse.pages.paths import Asked, Form, asked
from tokenhouse.pages.private import PrivatePages
from tokenhouse.pages.profile import PROFILE
from tokenhouse.pages.redact import redacted, without_keys
from tokenhouse.pages.shown import Elsewhere
from tokenhouse.pages.site import Site
from tokenhouse.pages.static import Static

if TYPE_CHECKING:  # they import the template engine: not before the first page
    from tokenhouse.pages.render import Renderer
    from tokenhouse.pages.views import Shelf, Views

log = logging.getLogger("tokenhouse.pages")

KEPT_MAX: Final = 96
"""Rendered pages in memory; the least lately asked for go first."""
FIGURES_S: Final = 15.0
"""How old live figures may be."""
DAY_MS: Final = 86_400_000

_TYPES: Final[Mapping[Form, str]] = {"html": HTML, "md": MARKDOWN, "txt": TEXT, "xml": XML}
_WITH_QUERY: Final = ("models", "author", "pricing")
_WITH_FIGURES: Final = ("model", "model_llms")
_MOMENT: Final = "0001-01-01T00:00:00.000000Z"
"""Stands in a page for the moment it was made, so that its validator covers what it says only."""


class Pages:
    """``catalogue`` and ``ready`` (can this model answer now?) are asked at each request, ``openapi``
    when the API's page is shown. A page is rendered in a worker thread: inference goes on meanwhile.
    """

    def __init__(
        self,
        site: Site,
        *,
        catalogue: Callable[[], Catalogue],
        ready: Callable[[str], bool],
        billing: Billing,
        openapi: Callable[[], Mapping[str, Any]],
        clock: Clock,
    ) -> None:
        self._site = site
        self._catalogue = catalogue
        self._ready = ready
        self._billing = billing
        self._openapi = openapi
        self._clock = clock
        self._open: _Open | None = None
        self._shelf: Shelf | None = None
        self._shelf_number = 0
        self._kept: OrderedDict[tuple[object, ...], Answer] = OrderedDict()
        self._figures: Mapping[str, ModelFigures] = {}
        self._figures_number = 0
        self._figures_due = float("-inf")
        self._private: PrivatePages | None = None

    def with_people(self, people: People) -> PrivatePages:
        """Serve pages that need a session too: what is added to them comes before all others."""
        private = PrivatePages(self._site, people, lambda: self._opened().renderer)
        private.add(ENTRANCE)
        private.add(PROFILE)
        self._private = private
        return private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        private = self._private
        if private is not None and private.serves(scope["path"]):
            answer = await private.answer(scope, receive)
            if isinstance(answer, Stream):
                await send_stream(answer, scope, receive, send)
            else:
                await send_answer(answer, scope, send)
            return
        clean = without_keys(scope["query_string"])
        if clean is not None:
            scope["query_string"] = clean
        await send_answer(await self._answer(scope, had_key=clean is not None), scope, send)

    async def _answer(self, scope: Scope, *, had_key: bool) -> Answer:
        path: str = scope["path"]
        try:
            if scope["method"] not in ("GET", "HEAD"):
                return await self._error(405, "Pages are only read: GET or HEAD.")
            bare = path.rstrip("/")
            wanted = asked(bare or "/")
            if wanted is None:
                return await self._error(404, "There is no such page.")
            if had_key or path not in ("/", bare):
                return _tidied(scope, bare or "/")
            if wanted.page == "static":
                return await self._file(wanted)
            return await self._page(wanted, scope)
        except CallerError as error:
            return await self._error(error.status, str(error))
        except TokenhouseError as error:
            log.warning("%s was not shown: %s", redacted(path), redacted(str(error)))
            return await self._error(error.status, "This page can't be shown now. Try again soon.")

    async def _page(self, wanted: Asked, scope: Scope) -> Answer:
        if wanted.form == "html" and wants_markdown(scope):
            wanted = Asked(wanted.page, "md", wanted.author, wanted.slug)
        query: bytes = scope["query_string"] if wanted.page in _WITH_QUERY else b""
        figures = await self._live() if wanted.page in _WITH_FIGURES else {}
        shelf = self._now()
        # what the answer depends on: equal things give equal bytes, so the rendered page is kept
        of_figures = self._figures_number if wanted.page in _WITH_FIGURES else 0
        key = (wanted, query, self._shelf_number, of_figures)
        kept = self._kept.get(key)
        if kept is None:
            kept = await asyncio.to_thread(self._rendered, wanted, shelf, query, figures)
            self._keep(key, kept)
        else:
            self._kept.move_to_end(key)
        return kept

    def _keep(self, key: tuple[object, ...], answer: Answer) -> None:
        self._kept[key] = answer
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    def _rendered(
        self, wanted: Asked, shelf: Shelf, query: bytes, figures: Mapping[str, ModelFigures]
    ) -> Answer:
        from tokenhouse.pages.render import when

        opened = self._opened()
        shown = opened.views.show(wanted, shelf, query=query, figures=figures, now=_MOMENT)
        if isinstance(shown, Elsewhere):
            return redirect(shown.path)
        text = opened.renderer.page(shown.template, shown.words)
        form: Form = "html" if shown.template.endswith(".html") else wanted.form
        if shown.template.endswith(".md"):
            form = "md"
        dated = text.replace(_MOMENT, when(self._clock.now_ms()))
        return Answer(dated.encode(), _TYPES[form], shown.status, stable=text.encode())

    async def _error(self, status: int, message: str) -> Answer:
        shelf = self._now()
        key = ("error", status, message, self._shelf_number)
        kept = self._kept.get(key)
        if kept is None:
            kept = await asyncio.to_thread(self._rendered_error, status, message, shelf)
            self._keep(key, kept)
        return kept

    def _rendered_error(self, status: int, message: str, shelf: Shelf) -> Answer:
        opened = self._opened()
        shown = opened.views.error(status, message, shelf)
        return Answer(opened.renderer.page(shown.template, shown.words).encode(), HTML, status)

    async def _file(self, wanted: Asked) -> Answer:
        opened = self._open or await asyncio.to_thread(self._opened)
        found = opened.static.answer(wanted.slug, wanted.file)
        return await self._error(404, "There is no such file.") if found is None else found

    def _now(self) -> Shelf:
        """The shelf of this moment; a new one when the catalogue, or what can answer, has changed."""
        from tokenhouse.pages.views import Shelf

        catalogue = self._catalogue()
        ready = frozenset(model.id for model in catalogue.models if self._ready(model.id))
        shelf = self._shelf
        if shelf is None or shelf.catalogue is not catalogue or shelf.ready != ready:
            shelf = self._shelf = Shelf(catalogue, ready, self._site)
            self._shelf_number += 1
            self._kept.clear()
        return shelf

    async def _live(self) -> Mapping[str, ModelFigures]:
        now = self._clock.monotonic()
        if now >= self._figures_due:
            self._figures_due = now + FIGURES_S
            since = self._clock.now_ms() - DAY_MS
            try:
                found = await self._billing.figures(since_ms=since)
            except TokenhouseError as error:
                log.warning("live figures can't be read; the last ones stay: %s", error)
                return self._figures
            if found != self._figures:
                self._figures = found
                self._figures_number += 1
        return self._figures

    def _opened(self) -> _Open:
        """Templates, highlighter and static files, opened with the first page."""
        if self._open is None:
            from tokenhouse.pages.render import Renderer
            from tokenhouse.pages.views import Views

            static = Static()
            renderer = Renderer(static)
            views = Views(self._site, renderer, openapi=self._openapi)
            self._open = _Open(static, renderer, views)
        return self._open


class _Open(NamedTuple):
    static: Static
    renderer: Renderer
    views: Views


def _tidied(scope: Scope, path: str) -> Answer:
    """The same page without the key in its address, or without the closing slash."""
    query = quote(scope["query_string"], safe="=&%+;,/:?@!$'()*~-._")
    return redirect(quote(path, safe="/:") + (f"?{query}" if query else ""), 302)
