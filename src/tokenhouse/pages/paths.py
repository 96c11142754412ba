"""Which page a path asks for. Pure; redirects are found by :mod:`views`, which knows the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["html", "md", "txt", "xml"]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A kind of page, for the list of routes: ``path`` with its variables in braces."""

    path: str
    about: str


PAGES: tuple[PageRoute, ...] = (
    PageRoute("/", "What this house offers."),
    PageRoute("/models", "The catalogue, with search, filters and sort (`?q=`, `?author=`, …)."),
    PageRoute("/models/{author}", "The models of one author."),
    PageRoute("/models/{author}/{slug}", "One model: price, quick start, figures, playground."),
    PageRoute("/models/{author}/{slug}/api", "How to call it."),
    PageRoute("/models/{author}/{slug}/llms.txt", "The same in short, for agents."),
    PageRoute("/playground", "Talk to a model in the browser."),
    PageRoute("/pricing", "Plans, grants and every price."),
    PageRoute("/docs", "The user guide."),
    PageRoute("/docs/api", "The API, path by path."),
    PageRoute(
        "/sign-in", "Sign in; `/sign-up`, `/sign-out`, `/verify`, `/reset`, `/invitation` beside."
    ),
    PageRoute("/profile", "Who one is: accounts, password, sessions."),
    PageRoute("/dashboard", "The account at a glance: money, limits, last errors, first steps."),
    PageRoute("/dashboard/api-keys", "Keys: make, list; `/{id}`: change, rotate, revoke."),
    PageRoute(
        "/dashboard/usage",
        "Charts, filters, the log of requests (`.csv`, `.ndjson`: all of it); `/{id}`: a receipt.",
    ),
    PageRoute(
        "/dashboard/wallet",
        "Balance, grants, vouchers, the book (`.csv`, `.ndjson`); `/statements/{month}`: to print.",
    ),
    PageRoute("/dashboard/members", "Who belongs to the account, as what; invite, change, remove."),
    PageRoute(
        "/admin",
        "For operators: accounts, live requests, errors, health, settings, ledger, people, audit log.",
    ),
    PageRoute("/llms.txt", "What is here, for agents."),
    PageRoute("/sitemap.xml", "Every page."),
    PageRoute("/robots.txt", "Where the sitemap is."),
    PageRoute("/static/{version}/{file}", "Style, scripts and pictures of the pages."),
)
"""Those that are for everybody, but for the last four, also as Markdown: with ``.md`` at the end, or asked
for by ``Accept``."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``page`` is the name of a view; ``author``, ``slug`` and ``file`` as they stand in the path."""

    page: str
    form: Form = "html"
    author: str = ""
    slug: str = ""
    file: str = ""


_TEXTS = {
    "/llms.txt": Asked("site_llms", "txt"),
    "/sitemap.xml": Asked("sitemap", "xml"),
    "/robots.txt": Asked("robots", "txt"),
    "/favicon.ico": Asked("static", file="icon.svg"),
}
_PLAIN = {
    "/": "home",
    "/index": "home",
    "/models": "models",
    "/pricing": "pricing",
    "/playground": "playground",
    "/docs": "docs",
    "/docs/api": "docs_api",
}


def asked(path: str) -> Asked | None:
    """What ``path`` (decoded, no closing slash) asks for; None when no page has that form."""
    if path in _TEXTS:
        return _TEXTS[path]
    bare, is_markdown = _without_md(path)
    form: Form = "md" if is_markdown else "html"
    if bare in _PLAIN and (is_markdown or path != "/index"):
        return Asked(_PLAIN[bare], form)
    parts = path.split("/")[1:]
    if parts[0] == "static" and len(parts) >= 3:
        return Asked("static", slug=parts[1], file="/".join(parts[2:]))
    if parts[0] != "models" or "" in parts[1:]:
        return None
    return _of_models(parts[1:])


def _of_models(parts: list[str]) -> Asked | None:
    match parts:
        case ["category", _]:
            return Asked("category")
        case [author]:
            author, is_markdown = _without_md(author)
            return Asked("author", "md" if is_markdown else "html", author)
        case [author, slug]:
            # whether ".md" is the form or the end of an id, only the catalogue knows
            return Asked("model", "html", author, slug)
        case [author, slug, "api"]:
            return Asked("model_api", "html", author, slug)
        case [author, slug, "api.md"]:
            return Asked("model_api", "md", author, slug)
        case [author, slug, "llms.txt"]:
            return Asked("model_llms", "txt", author, slug)
        case _:
            return None


def _without_md(text: str) -> tuple[str, bool]:
    return text.removesuffix(".md"), text.endswith(".md")
