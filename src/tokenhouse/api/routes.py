"""Every route of the house: what it is called, where it stands, what it answers. One list for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tokenhouse.api.http import Handler

Name = Literal[
    "chat",
    "completions",
    "messages",
    "count_tokens",
    "models",
    "model",
    "generation",
    "activity",
    "postings",
    "generations",
    "redeem",
    "sign_in",
    "visit",
    "credits",
    "key",
    "health",
    "ready",
    "metrics",
    "openapi",
    "control_openapi",
]

PREFIXES = ("/v1/", "/api/v7/llm/v1/", "/api/v7/llm/", "/api/v1/")
"""Below each of these stands every route whose path is relative."""


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """``path``: absolute, or relative to each of ``PREFIXES``; one that ends in ``/`` takes whatever
    follows."""

    name: Name
    method: str
    path: str
    about: str

    @property
    def paths(self) -> tuple[str, ...]:
        """All spellings, the usual one first."""
        if self.path.startswith("/"):
            return (self.path,)
        return tuple(prefix + self.path for prefix in PREFIXES)


ROUTES: tuple[ApiRoute, ...] = (
    ApiRoute(
        "chat", "POST", "chat/completions", "OpenAI's chat completions, streamed and not; paid."
    ),
    ApiRoute("completions", "POST", "completions", "The older text completions; paid."),
    ApiRoute("messages", "POST", "messages", "Anthropic's messages, streamed and not; paid."),
    ApiRoute(
        "count_tokens",
        "POST",
        "messages/count_tokens",
        "The tokens of a messages request; free, within a limit of its own.",
    ),
    ApiRoute("models", "GET", "models", "The models that can answer, with their prices."),
    ApiRoute("model", "GET", "models/", "One model, by id (its slash as / or %2F) or alias."),
    ApiRoute(
        "generation",
        "GET",
        "/api/v1/generation",
        "The receipt of a request, by its id or its answer's (`?id=`).",
    ),
    ApiRoute(
        "generations",
        "GET",
        "/api/v1/generations",
        "Receipts of the account, page by page (`?limit=&after=&since=&until=&order=`); all of them "
        "with `?format=csv` or `ndjson`.",
    ),
    ApiRoute(
        "activity",
        "GET",
        "/api/v1/activity",
        "Usage by UTC day and model of the last 30 days (`?date=`, or `?since=&until=`).",
    ),
    ApiRoute("key", "GET", "/api/v1/key", "The key that asks: what it has spent, its limits."),
    ApiRoute(
        "credits", "GET", "/api/v1/credits", "All credit, all usage (USD), balance (nanodollars)."
    ),
    ApiRoute(
        "redeem",
        "POST",
        "/api/v1/credits/redeem",
        'A voucher becomes credit (`{"code": "TH-…"}`), once.',
    ),
    ApiRoute(
        "sign_in",
        "POST",
        "/api/v1/sign-in",
        'The one-time code that `serve` printed becomes its key (`{"code": "XXXX-…"}`), once, and signs the '
        "browser in as the first operator.",
    ),
    ApiRoute(
        "visit",
        "POST",
        "/api/v1/visit",
        "A key for the rest of the day, for a visitor who has none (`site.visitor_cap`).",
    ),
    ApiRoute(
        "postings",
        "GET",
        "/api/v1/postings",
        "The account's lines of the ledger, in pages and forms like `generations`.",
    ),
    ApiRoute("health", "GET", "/health", "200 while the process answers."),
    ApiRoute("ready", "GET", "/ready", "200 when requests can be served and paid, else 503."),
    ApiRoute("metrics", "GET", "/metrics", "Counters and gauges for Prometheus."),
    ApiRoute("openapi", "GET", "/openapi.json", "This API's description (OpenAPI 3.1)."),
    ApiRoute(
        "control_openapi",
        "GET",
        "/api/agents/v1/openapi.json",
        "The same, where the platform's command line looks for it.",
    ),
)


def by_path(
    handlers: Mapping[Name, Handler],
) -> tuple[dict[tuple[str, str], Handler], dict[tuple[str, str], Handler]]:
    """→ (exact, prefixes): (method, path) → the handler of each route's name."""
    exact: dict[tuple[str, str], Handler] = {}
    prefixes: dict[tuple[str, str], Handler] = {}
    for route in ROUTES:
        for path in route.paths:
            table = prefixes if path.endswith("/") else exact
            table[route.method, path] = handlers[route.name]
    return exact, prefixes
