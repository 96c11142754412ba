"""What every page says about the house itself."""

from __future__ import annotations

from dataclasses import dataclass

from tokenhouse.money import usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``url`` without a closing slash. ``served``: the paths that the API answers; a page names an
    endpoint, and a client of it, only when it is among them. ``visitor_cap``: nanodollars that a visitor
    without a key may spend a day."""

    name: str
    url: str
    support_url: str = ""
    sign_up: str = "closed"
    visitor_cap: int = 0
    served: frozenset[str] = frozenset()
    version: str = ""

    def serves(self, path: str) -> bool:
        return path in self.served

    @property
    def visitor_dollars(self) -> str:
        return usd(self.visitor_cap)

    @property
    def base_url(self) -> str:
        """What an OpenAI SDK takes as its base URL."""
        return f"{self.url}/v1"

    @property
    def has_messages(self) -> bool:
        return self.serves("/v1/messages")

    @property
    def has_count_tokens(self) -> bool:
        return self.serves("/v1/messages/count_tokens")

    @property
    def has_responses(self) -> bool:
        return self.serves("/v1/responses")
