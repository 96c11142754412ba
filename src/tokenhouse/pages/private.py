"""Pages of people: what needs a session or a form. Never kept, never shown to anybody else.

Every POST passes the check of its ``csrf`` before its page hears of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tokenhouse import money
from tokenhouse.access import People
from tokenhouse.errors import AccountError, TokenhouseError
from tokenhouse.pages.answer import HTML, NEVER, TEXT, Answer, Receive, Scope, Stream
from tokenhouse.pages.redact import redacted
from tokenhouse.pages.session import COOKIE, HOME, ClientLeft, GoTo, Request
from tokenhouse.pages.shown import Shown, Words
from tokenhouse.pages.site import Site

if TYPE_CHECKING:  # it imports the template engine: not before the first page
    from tokenhouse.pages.render import Renderer

log = logging.getLogger("tokenhouse.pages")

Page = Callable[[Request], Awaitable[Shown | Answer | Stream]]
Routes = Mapping[tuple[str, str], Page]
"""(method, path) → page; a segment in braces stands for any (``/dashboard/api-keys/{key}``)."""

_METHODS: Final = ("GET", "POST")


class PrivatePages:
    """Finds the page, checks its form, renders it in a worker thread."""

    def __init__(self, site: Site, people: People, renderer: Callable[[], Renderer]) -> None:
        self._site = site
        self._people = people
        self._renderer = renderer
        self._exact: dict[str, dict[str, Page]] = {}
        self._patterns: list[tuple[tuple[str, ...], dict[str, Page]]] = []

    def add(self, routes: Routes) -> None:
        """Serve these pages too. ValueError for one that is served already."""
        for (method, path), page in routes.items():
            pages = self._exact.get(path)
            if pages is None:
                pages = self._exact[path] = {}
                if "{" in path:
                    self._patterns.append((tuple(path.split("/")), pages))
            if method not in _METHODS or method in pages:
                raise ValueError(f"{method} {path} is served already, or by no method of pages")
            pages[method] = page

    @property
    def routes(self) -> tuple[tuple[str, str], ...]:
        """Every (method, path) that is served."""
        return tuple((method, path) for path, pages in self._exact.items() for method in pages)

    def serves(self, path: str) -> bool:
        """Is this path one of ours, however it is asked for?"""
        return self._find(_bare(path)) is not None

    async def answer(self, scope: Scope, receive: Receive) -> Answer | Stream:
        """The page, a file, an error page, or a redirect."""
        request = Request(
            scope, receive, self._people, secure_site=self._site.url.startswith("https:")
        )
        try:
            answer = await self._answer(request)
        except GoTo as other:
            answer = see_other(other.location)
        except ClientLeft:
            answer = Answer(b"", TEXT, 400, cache=NEVER)
        except TokenhouseError as error:
            if error.status >= 500:
                log.warning("%s failed: %s", redacted(request.path), redacted(str(error)))
            answer = await self._failed(request, error)
        return answer if isinstance(answer, Stream) else _with_cookies(answer, request)

    async def _answer(self, request: Request) -> Answer | Stream:
        path = _bare(request.path)
        found = self._find(path)
        assert found is not None
        pages, request.params = found
        method = "GET" if request.method == "HEAD" else request.method
        page = pages.get(method)
        if page is None:
            allow = ", ".join(sorted({*pages, *({"HEAD"} if "GET" in pages else ())}))
            shown = _error(405, "This page is not asked for in that way.")
            answer = await self._message(request, shown)
            return Answer(
                answer.body, HTML, 405, cache=NEVER, headers=((b"allow", allow.encode()),)
            )
        if path != request.path:
            return see_other(path)
        if method == "POST":
            await self._checked(request, path)
        made = await page(request)
        return await self.rendered(request, made) if isinstance(made, Shown) else made

    async def _checked(self, request: Request, path: str) -> None:
        """Whose session has ended in the middle of a form is asked to sign in, not called a forger."""
        try:
            await request.form()
        except AccountError:
            if COOKIE not in request.cookies or await request.visitor() is not None:
                raise
            while path and not self._shows(path):
                path = path.rpartition("/")[0]
            raise GoTo(f"/sign-in?ended=yes&next={quote(path or HOME, safe='/')}") from None

    def _shows(self, path: str) -> bool:
        found = self._find(path)
        return found is not None and "GET" in found[0]

    async def rendered(self, request: Request, shown: Shown) -> Answer:
        """A page with what every page of people says: who is signed in, and what forms carry."""
        words = {
            "site": self._site,
            "page": "private",
            "path": request.path,
            "signed": await request.visitor(),
            "csrf": await request.csrf(),
            "usd": money.usd,
            **shown.words,
        }
        body = await asyncio.to_thread(self._text, shown.template, words)
        headers = _waits(shown.retry_after_s)
        return Answer(body, HTML, shown.status, cache=NEVER, headers=headers)

    def _text(self, template: str, words: Mapping[str, object]) -> bytes:
        return self._renderer().page(template, words).encode()

    async def _failed(self, request: Request, error: TokenhouseError) -> Answer:
        unknown = error.status >= 500 and error.retry_after_s is None
        message = "This can't be done now. Try again soon." if unknown else sentence(error)
        shown = _error(error.status, message, error.retry_after_s)
        return await self._message(request, shown)

    async def _message(self, request: Request, shown: Shown) -> Answer:
        try:
            return await self.rendered(request, shown)
        except TokenhouseError:  # who it is can't be read either
            message = str(shown.words["message"])
            return Answer(message.encode(), TEXT, shown.status, cache=NEVER)

    def _find(self, path: str) -> tuple[dict[str, Page], Mapping[str, str]] | None:
        pages = self._exact.get(path)
        if pages is not None and "{" not in path:
            return pages, {}
        parts = path.split("/")
        for pattern, pages in self._patterns:
            if len(pattern) == len(parts) and all(map(_fits, pattern, parts)):
                named = zip(pattern, parts, strict=True)
                return pages, {name[1:-1]: text for name, text in named if name.startswith("{")}
        return None


def failed(template: str, words: Words, error: TokenhouseError | None) -> Shown:
    """A form again, with ``problem``: what was wrong with it, "" for nothing."""
    if error is None:
        return Shown(template, {**words, "problem": ""})
    told = {**words, "problem": sentence(error)}
    return Shown(template, told, error.status, error.retry_after_s)


def sentence(error: TokenhouseError) -> str:
    """What an error says, as a page says it: with a capital letter."""
    text = str(error)
    return text[:1].upper() + text[1:]


def see_other(location: str) -> Answer:
    """After a form: go there and ask with GET (303). ``location`` is a path of ours."""
    return Answer(b"", TEXT, 303, cache=NEVER, location=location)


def _error(status: int, message: str, retry_after_s: float | None = None) -> Shown:
    return Shown("error.html", {"code": status, "message": message}, status, retry_after_s)


def _waits(retry_after_s: float | None) -> tuple[tuple[bytes, bytes], ...]:
    if retry_after_s is None:
        return ()
    return ((b"retry-after", b"%d" % max(1, round(retry_after_s + 0.499))),)


def _fits(wanted: str, part: str) -> bool:
    return part != "" if wanted.startswith("{") else part == wanted


def _bare(path: str) -> str:
    return path.rstrip("/") or "/"


def _with_cookies(answer: Answer, request: Request) -> Answer:
    if not request.set_cookies:
        return answer
    cookies = tuple((b"set-cookie", cookie) for cookie in request.set_cookies)
    return Answer(
        answer.body,
        answer.content_type,
        answer.status,
        cache=NEVER,
        location=answer.location,
        headers=(*answer.headers, *cookies),
    )
