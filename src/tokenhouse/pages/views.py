"""From what is asked to a template and its words. Knows the catalogue's rows; runs in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from tokenhouse import money
from tokenhouse.billing import VISITORS, ModelFigures
from tokenhouse.catalogue import Catalogue, Model, example_cost
from tokenhouse.errors import CallerError
from tokenhouse.pages.api_reference import groups
from tokenhouse.pages.charts import live_figures
from tokenhouse.pages.facts import Facts, day, related, short_tokens, tokens
from tokenhouse.pages.listing import (
    CONTEXTS,
    PRICES,
    ROWS_LENGTH,
    SORTS,
    Search,
    find,
    search_of,
)
from tokenhouse.pages.paths import Asked
from tokenhouse.pages.playground import playground_models
from tokenhouse.pages.prices import blended, calculator_rates
from tokenhouse.pages.render import Renderer
from tokenhouse.pages.shown import Elsewhere, Shown, Words
from tokenhouse.pages.site import Site
from tokenhouse.pages.snippets import quick_start
from tokenhouse.pages.structured import structured
from tokenhouse.pages.tools import coding_tools

PROMPTS = (
    "Explain quantum computing in simple terms",
    "Write a Python function to sort a list",
    "Create a marketing email for a SaaS product",
    "Compare REST vs GraphQL APIs",
)
"""What a visitor may begin with."""


class Shelf:
    """The catalogue as pages see it at one moment: every model's facts, in the catalogue's order."""

    def __init__(self, catalogue: Catalogue, ready: frozenset[str], site: Site) -> None:
        self.catalogue = catalogue
        self.ready = ready
        self.site = site
        self.facts = tuple(
            Facts(model, model.id in ready, site, catalogue.default_plan)
            for model in catalogue.models
        )

    @cached_property
    def offered(self) -> tuple[Facts, ...]:
        """Those with a price, the ones that can answer now first."""
        priced = (each for each in self.facts if each.price is not None)
        return tuple(sorted(priced, key=lambda each: not each.answers))

    @cached_property
    def authors(self) -> tuple[str, ...]:
        return tuple(sorted({each.model.author for each in self.facts}, key=str.lower))

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The first halves of the ids: each has a page."""
        return tuple(sorted({each.model.id.partition("/")[0] for each in self.facts}))

    def of(self, model: Model) -> Facts:
        return next(each for each in self.facts if each.model.id == model.id)


class Views:
    """``openapi`` gives the API's description; ``guide`` texts lie in the package."""

    def __init__(
        self, site: Site, renderer: Renderer, *, openapi: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._site = site
        self._renderer = renderer
        self._openapi = openapi

    def show(
        self,
        asked: Asked,
        shelf: Shelf,
        *,
        query: bytes,
        figures: Mapping[str, ModelFigures],
        now: str,
    ) -> Shown | Elsewhere:
        """The page asked for; CallerError 404 where there is none."""
        match asked.page:
            case "home":
                shown = Shown(f"home.{asked.form}", {})
            case "models":
                shown = self._models(asked, shelf, query)
            case "category":
                return Elsewhere("/models")
            case "author":
                shown = self._author(asked, shelf, query)
            case "model" | "model_api" | "model_llms":
                found = self._model(asked, shelf, figures)
                if isinstance(found, Elsewhere):
                    return found
                shown = found
            case "pricing":
                shown = self._pricing(asked, shelf, query)
            case "playground":
                shown = Shown(f"playground.{asked.form}", _playground(shelf.offered))
            case "docs":
                shown = self._docs(asked, shelf)
            case "docs_api":
                shown = Shown(f"docs_api.{asked.form}", {"groups": groups(self._openapi())})
            case _:
                shown = Shown(f"{asked.page}.{asked.form}", {})
        return self._furnished(shown, asked, shelf, now)

    def error(self, status: int, message: str, shelf: Shelf) -> Shown:
        """The page for what is not there."""
        shown = Shown("error.html", {"message": message, "code": status}, status)
        return self._furnished(shown, Asked("error"), shelf, "")

    def _furnished(self, shown: Shown, asked: Asked, shelf: Shelf, now: str) -> Shown:
        words: Words = {
            "site": self._site,
            "shelf": shelf,
            "page": asked.page,
            "generated_at": now,
            "tokens": tokens,
            "short_tokens": short_tokens,
            "usd": money.usd,
            "usd_rate": money.usd_per_million,
            "day": day,
            "quote": quote,
            "path": _path(asked),
            **shown.words,
        }
        return replace(shown, words=words)

    def _models(self, asked: Asked, shelf: Shelf, query: bytes) -> Shown:
        search = search_of(query)
        return Shown(
            f"models.{asked.form}",
            {
                "search": search,
                "found": find(shelf.facts, search),
                "sorts": SORTS,
                "contexts": CONTEXTS,
                "prices": PRICES,
            },
        )

    def _pricing(self, asked: Asked, shelf: Shelf, query: bytes) -> Shown:
        page = Search(page=search_of(query).page)
        words: Words = {
            "plans": tuple(p for p in shelf.catalogue.plans.values() if p.name != VISITORS),
            "search": page,
            "found": find(shelf.offered, page, length=ROWS_LENGTH),
        }
        return Shown(f"pricing.{asked.form}", words)

    def _author(self, asked: Asked, shelf: Shelf, query: bytes) -> Shown:
        wanted = asked.author.lower()
        theirs = tuple(
            each for each in shelf.facts if each.model.id.partition("/")[0].lower() == wanted
        )
        if not theirs:
            raise CallerError("No model here is by that author.", status=404, code="unknown_path")
        author = theirs[0].model.id.partition("/")[0]
        page = Search(page=search_of(query).page)
        words: Words = {
            "found": find(theirs, page),
            "search": page,
            "author": author,
            "path": f"/models/{quote(author)}",
        }
        return Shown(f"author.{asked.form}", words)

    def _model(
        self, asked: Asked, shelf: Shelf, figures: Mapping[str, ModelFigures]
    ) -> Shown | Elsewhere:
        slug, form = asked.slug, asked.form
        suffix = {"model_api": "/api", "model_llms": "/llms.txt"}.get(asked.page, "")
        model = _named(shelf.catalogue, asked.author, slug)
        if model is None and asked.page == "model" and slug.endswith(".md"):
            slug, form = slug.removesuffix(".md"), "md"
            model = _named(shelf.catalogue, asked.author, slug)
        if model is None:
            raise CallerError("There is no such model here.", status=404, code="model_not_found")
        facts = shelf.of(model)
        ending = suffix + (".md" if form == "md" else "")
        if f"{asked.author}/{slug}" != model.id:
            return Elsewhere(facts.path + ending)
        words: Words = {
            "facts": facts,
            "model": model,
            "path": facts.path + suffix,
            "tabs": quick_start(model, self._site) if model.price is not None else (),
            "tools": coding_tools(model, self._site) if model.price is not None else (),
            "related": related(shelf.facts, model),
            "figures": live_figures(figures.get(model.id)),
            "blended": "" if model.price is None else blended(model.price),
            "rates": {} if model.price is None else calculator_rates(model.price),
            "prompts": PROMPTS,
            "playground_models": playground_models((facts,)),
            "structured": structured(facts),
            **_examples(model),
        }
        return Shown(f"{asked.page}.{form}", words)

    def _docs(self, asked: Asked, shelf: Shelf) -> Shown:
        text = self._renderer.page(
            "guide.md", {"site": self._site, "shelf": shelf, "usd": money.usd, "tokens": tokens}
        )
        if asked.form == "md":
            return Shown("docs.md", {"text": text})
        html, titles = self._renderer.guide(text)
        return Shown("docs.html", {"text": html, "titles": titles})


def _path(asked: Asked) -> str:
    paths = {"home": "/", "docs_api": "/docs/api", "site_llms": "/llms.txt"}
    return paths.get(asked.page, f"/{asked.page}")


def _named(catalogue: Catalogue, author: str, slug: str) -> Model | None:
    """By id, by alias, or as the product page's form has it: anything, then author-slug."""
    for name in (f"{author}/{slug}", slug):
        try:
            return catalogue.resolve(name)
        except CallerError:
            continue
    return None


EXAMPLE_IN, EXAMPLE_OUT, EXAMPLE_REQUESTS = 1000, 500, 1000


def _examples(model: Model) -> Words:
    """What the calculator shows before anybody types."""
    if model.price is None:
        return {"example_one": "", "example_all": ""}
    one = example_cost(model.price, input=EXAMPLE_IN, output=EXAMPLE_OUT)
    return {
        "example_one": f"${money.usd(one)}",
        "example_all": f"${money.usd(one * EXAMPLE_REQUESTS)}",
    }


def _playground(offered: tuple[Facts, ...]) -> Words:
    chosen = next((each for each in offered if each.answers), offered[0] if offered else None)
    return {
        "facts": chosen,
        "prompts": PROMPTS,
        "choices": offered,
        "playground_models": playground_models(offered),
    }
