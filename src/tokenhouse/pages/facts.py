"""What a page says about a model, once, for every form of it. Read from its row; nothing is invented."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tokenhouse import money
from tokenhouse.catalogue import STARTER, Model, Plan, Price
from tokenhouse.pages.prices import PriceLine, price_lines
from tokenhouse.pages.site import Site

MODALITIES: Final = {
    "text": "Text",
    "image": "Images",
    "audio": "Audio",
    "file": "Files",
    "video": "Video",
}
CAPABILITIES: Final = {
    "streaming": "Streaming",
    "tools": "Tools",
    "json": "Structured output",
    "reasoning": "Reasoning",
    "logprobs": "Log probabilities",
}
_FEATURES: Final = {
    "streaming": "Streams its answer as it is written",
    "tools": "Calls functions that you describe, several at once",
    "json": "Answers in JSON, freely or to a JSON schema",
    "reasoning": "Thinks before it answers",
    "logprobs": "Tells the log probabilities of its tokens",
}
_LONG: Final = 32_000
DEFAULTS: Final = (
    ("temperature", "Temperature"),
    ("top_p", "Top p"),
    ("top_k", "Top k"),
    ("min_p", "Min p"),
    ("frequency_penalty", "Frequency penalty"),
    ("presence_penalty", "Presence penalty"),
    ("repetition_penalty", "Repetition penalty"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """A model as it is shown. ``answers``: this house can run it now."""

    model: Model
    answers: bool
    site: Site
    plan: Plan | None

    @property
    def path(self) -> str:
        return "/models/" + quote(self.model.id, safe="/:")

    @property
    def url(self) -> str:
        return self.site.url + self.path

    @property
    def price(self) -> Price | None:
        return self.model.price

    @property
    def free(self) -> bool:
        return self.model.price is not None and self.model.price.free

    @property
    def openness(self) -> str:
        return "Open weights" if self.model.open_weights else "Closed weights"

    @property
    def context(self) -> str:
        return tokens(self.model.context_length)

    @property
    def summary(self) -> str:
        """The first sentence of its description, or what it is in one line."""
        first, stop, _ = self.model.description.replace("\n", " ").partition(". ")
        if not first:
            return f"{self.model.name} by {self.model.author}."
        return first + stop.strip() if stop else first

    @property
    def prices(self) -> tuple[PriceLine, ...]:
        return () if self.model.price is None else price_lines(self.model.price)

    @property
    def price_text(self) -> str:
        """``$0.35 in, $0.56 out per 1M tokens``, ``free``, or that it is not offered."""
        price = self.model.price
        if price is None:
            return "not offered"
        if price.free:
            return "free"
        into, out = money.usd_per_million(price.input), money.usd_per_million(price.output)
        return f"${into} in, ${out} out per 1M tokens"

    @property
    def reads(self) -> str:
        return " and ".join(MODALITIES.get(word, word) for word in self.model.input_modalities)

    @property
    def abilities(self) -> tuple[str, ...]:
        return tuple(CAPABILITIES[word] for word in CAPABILITIES if word in self.model.capabilities)

    @property
    def features(self) -> tuple[str, ...]:
        """Only those it has."""
        return tuple(_features(self.model, self.site))

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(_uses(self.model))

    @property
    def specifications(self) -> tuple[tuple[str, str], ...]:
        return tuple(_specifications(self.model))

    @property
    def defaults(self) -> tuple[tuple[str, str], ...]:
        """What is applied where the client says nothing."""
        found = ((label, getattr(self.model.defaults, name)) for name, label in DEFAULTS)
        return tuple((label, f"{value:g}") for label, value in found if value is not None)

    @property
    def added(self) -> str:
        return "" if self.model.added is None else day(self.model.added)

    @property
    def endpoints(self) -> tuple[tuple[str, str, str], ...]:
        """(what, method, URL) of the paths by which it is reached, served ones only."""
        listed = (
            ("OpenAI chat completions", "POST", "/v1/chat/completions"),
            ("OpenAI responses", "POST", "/v1/responses"),
            ("Anthropic messages", "POST", "/v1/messages"),
            ("Count tokens", "POST", "/v1/messages/count_tokens"),
            ("Models", "GET", "/v1/models"),
        )
        return tuple(
            (what, method, self.site.url + path)
            for what, method, path in listed
            if self.site.serves(path)
        )

    @property
    def questions(self) -> tuple[tuple[str, str], ...]:
        return tuple(_questions(self))


def tokens(number: int) -> str:
    """``131072`` → ``131,072``."""
    return f"{number:,}"


def short_tokens(number: int) -> str:
    """``131072`` → ``131K``, ``1048576`` → ``1.05M``: for a crowded table."""
    if number < 10_000:
        return f"{number:,}"
    if number < 1_000_000:
        return f"{number // 1000}K"
    return f"{number / 1_000_000:.3g}M"


def day(date: datetime.date) -> str:
    """``February 20, 2026``."""
    return f"{date:%B} {date.day}, {date.year}"


def related(facts: Sequence[Facts], of: Model, *, most: int = 6) -> tuple[Facts, ...]:
    """Other models, the likest first: author, what they read, what they can, how long, what they cost."""
    others = [each for each in facts if each.model.id != of.id]

    def unlike(each: Facts) -> tuple[int, int, str]:
        model = each.model
        alike = 4 * (model.author == of.author)
        alike += len(set(model.input_modalities) & set(of.input_modalities))
        alike += len(model.capabilities & of.capabilities)
        alike += 2 * each.answers
        apart = 0
        if model.price is not None and of.price is not None:
            apart = abs(model.price.output - of.price.output)
        return -alike, apart, model.id

    return tuple(sorted(others, key=unlike)[:most])


def _features(model: Model, site: Site) -> Iterator[str]:
    yield "Holds a conversation of many turns, with a system message"
    for word, sentence in _FEATURES.items():
        if word in model.capabilities:
            yield sentence
    if "image" in model.input_modalities:
        yield "Reads images beside text"
    if site.has_messages:
        yield "Speaks OpenAI's and Anthropic's protocols"
    if site.has_count_tokens:
        yield "Counts a prompt's tokens before it is sent, for nothing"
    yield "Every answer carries what it cost, to the last digit"


def _uses(model: Model) -> Iterator[str]:
    if model.weights == STARTER:
        yield "Trying this house before any other model is in it"
        yield "Asking how keys, streaming, prices and receipts work here"
        yield "Tests of your own client that should cost next to nothing"
        return
    yield "Assistants and chat"
    yield "Writing, rewriting and translating"
    if "tools" in model.capabilities:
        yield "Agents that call your functions"
    if "json" in model.capabilities:
        yield "Extracting data into your schema"
    if "image" in model.input_modalities:
        yield "Questions about screenshots, charts and scanned pages"
    if model.context_length >= _LONG:
        yield "Summaries of long documents"
    if "reasoning" in model.capabilities:
        yield "Problems that take several steps"


def _specifications(model: Model) -> Iterator[tuple[str, str]]:
    yield "Model ID", model.id
    yield "Author", model.author
    yield "Task", "Text generation"
    yield "Reads", ", ".join(model.input_modalities)
    yield "Writes", "text"
    yield "Context", f"{tokens(model.context_length)} tokens"
    yield "Longest answer", f"{tokens(model.max_output_tokens)} tokens"
    if model.image_tokens and "image" in model.input_modalities:
        yield "Tokens of an image", f"at most {tokens(model.image_tokens)}"
    if model.tokenizer:
        yield "Tokenizer", model.tokenizer
    yield "Weights", "open" if model.open_weights else "closed"
    if model.license:
        yield "License", model.license
    if model.aliases:
        yield "Also called", ", ".join(model.aliases)
    if model.added is not None:
        yield "Added", day(model.added)


def _questions(facts: Facts) -> Iterator[tuple[str, str]]:
    model, site = facts.model, facts.site
    yield f"What is {model.name}?", model.description or facts.summary
    paths = " or ".join(
        word for word, served in (("OpenAI", True), ("Anthropic", site.has_messages)) if served
    )
    yield (
        f"How do I use the {model.name} API?",
        f"Take any {paths} SDK, set its base URL to this house and its key to yours, and ask for "
        f'the model "{model.id}". The quick start above shows it in four languages.',
    )
    yield f"How much does {model.name} cost?", _cost(facts)
    other = model.id.replace("/", "-")
    yield (
        f"What is the {model.name} model ID?",
        f'"{model.id}". Its hyphenated form "{other}" is understood too.',
    )
    yield f"Does {model.name} have a free tier?", _free_tier(facts)
    weights = "Its weights are open" if model.open_weights else "Its weights are not public"
    under = f", under {model.license}" if model.license else ""
    yield f"Is {model.name} open?", f"{weights}{under}."


def _cost(facts: Facts) -> str:
    if facts.price is None:
        return "This house has no price for it, so it is not offered here."
    if facts.free:
        return "Nothing: it is free in this house."
    lines = ", ".join(f"{line.what.lower()} ${line.usd} {line.unit}" for line in facts.prices)
    return f"{lines}. You pay for what was used; there is no minimum."


def _free_tier(facts: Facts) -> str:
    if facts.free:
        return "It is free altogether."
    plan = facts.plan
    if plan is None or not plan.monthly_grant:
        return "Not in this house: requests are paid from credit."
    return (
        f'Yes: an account on the plan "{plan.name}" is granted ${money.usd(plan.monthly_grant)} '
        "each month, to be spent on any model here."
    )
