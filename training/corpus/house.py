"""Houses that never were: names, URLs, models and prices drawn at random, and their prompts.

What an operator can change stands in the prompt and is quoted from there. So that nothing of it
can be learnt by heart, every sample has a house of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from training.corpus.vocabulary import pieces, words

TEMPLATE = Path(__file__).parents[2] / "src" / "tokenhouse" / "starter" / "system_prompt.txt"

STARTER = "tokenhouse/starter"
SMALL = "mistralai/mistral-small-3.1-24b-instruct"

_FIRST = (
    "north south east west blue red green grey silver golden quiet bright open little grand old new "
    "deep high wild calm swift clear iron copper stone river ocean forest cloud harbour garden maple "
    "cedar willow falcon otter badger heron comet lunar solar polar amber coral ivory velvet misty "
    "rapid lucky honest brave gentle salty sunny winter summer autumn spring royal urban rural "
    "hidden tiny giant free clever royal humble bold crisp plain"
).split()
_SECOND = (
    "house harbour lab labs works cloud models gate bridge tower mill forge garden field hill lake "
    "port station studio desk market library school team group company cooperative institute "
    "university clinic shop office hub base point dock yard barn cabin island valley relay engine "
    "tokens toll mint ledger parlour corner workshop inference systems research data software"
).split()
_SYLLABLES = (
    "ba be bi bo bu ka ke ki ko ku da de di do du fa fe fi fo ga go ha he hi ho ja jo la le li lo lu "
    "ma me mi mo mu na ne ni no nu pa pe pi po qua ra re ri ro ru sa se si so su ta te ti to tu va ve "
    "vi vo xa ya yo za ze zo an en in on or ar el al is us"
).split()
_AUTHORS = (
    "mistralai meta-llama qwen google deepseek openai microsoft nvidia cohere anthropic ibm ai21 "
    "databricks tiiuae allenai nousresearch minimax moonshotai x-ai z-ai baidu amazon liquid"
).split()
_FAMILIES = (
    "mistral-small mistral-large mistral-nemo ministral codestral devstral mixtral llama qwen gemma "
    "deepseek phi nemotron command granite jamba falcon olmo hermes kimi grok glm ernie nova gpt "
    "claude yi solar starcoder smol pixtral magistral"
).split()
_TAILS = "instruct chat base mini pro coder vision preview lite turbo it thinking large small fast".split()
_SIZES = (1, 2, 3, 4, 7, 8, 9, 12, 14, 24, 27, 32, 70, 72, 120, 235, 405)
_SUBDOMAINS = "api llm llms ai models gpu www chat tokens box gw inference serve my".split()
_ENDS = [
    "com",
    "io",
    "dev",
    "ai",
    "org",
    "net",
    "example",
    "internal",
    "local",
    "lan",
    "co",
    "de",
    "fr",
    "eu",
    "edu",
]


@dataclass(frozen=True, slots=True)
class Offered:
    """A model of a house. `prompt` and `output` are dollars per million tokens, None when free."""

    id: str
    prompt: str | None
    output: str | None

    @property
    def line(self) -> str:
        if self.prompt is None:
            return f'"{self.id}" is free'
        return f'"{self.id}" costs ${self.prompt} in, ${self.output} out per 1M tokens'

    @property
    def free(self) -> bool:
        return self.prompt is None

    @property
    def slug(self) -> str:
        return self.id.split("/", 1)[1]


@dataclass(frozen=True, slots=True)
class House:
    """What the system prompt of one sample says."""

    site: str
    url: str
    models: tuple[Offered, ...]
    extras: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def lines(self) -> str:
        """A line a model, as the prompt lists them."""
        return "\n".join(f"- {m.line}" for m in self.models)

    def prompt(self) -> str:
        text = template().format(site=self.site, url=self.url, models=self.lines)
        return "\n".join([text, *self.extras.values()])


@cache
def template() -> str:
    return TEMPLATE.read_text("utf-8").rstrip("\n")


def draw_house(rng: random.Random) -> House:
    count = rng.choice((1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6))
    return House(_site(rng), _url(rng), _models(rng, count))


def invented(rng: random.Random, low: int = 2, high: int = 4) -> str:
    """A name that nobody has: of syllables, or of whatever pieces the tokenizer knows."""
    kind = rng.random()
    if kind < 0.5:
        name = "".join(rng.choice(pieces()) for _ in range(rng.choice((1, 2, 2, 3))))
        return name if len(name) > 3 else name + rng.choice(_SYLLABLES)
    if kind < 0.8:
        return rng.choice(words()) + rng.choice(("", rng.choice(pieces()), rng.choice(words())))
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(low, high)))


def _site(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return "Tokenhouse"
    if kind < 0.55:
        return invented(rng).capitalize() + rng.choice(
            ["", " AI", " Labs", " Lab", " GmbH", " Inc", ".ai", ".dev", " API", " Models", ""]
        )
    if kind < 0.65:
        return f"{invented(rng).capitalize()}'s {rng.choice(_SECOND)}"
    first, second = rng.choice(_FIRST), rng.choice(_SECOND)
    if kind < 0.72:
        return (first + second).capitalize()
    name = f"{first} {second}"
    return name.title() if rng.random() < 0.8 else "The " + name


def _url(rng: random.Random) -> str:
    kind = rng.random()
    port = rng.choice(
        (
            8080,
            8000,
            80,
            443,
            3000,
            rng.randint(1024, 9999),
            rng.randint(1024, 9999),
            rng.randint(10000, 65535),
        )
    )
    if kind < 0.06:
        return "http://127.0.0.1:8080"
    if kind < 0.12:
        return f"http://127.0.0.1:{port}"
    if kind < 0.2:
        return f"http://localhost:{port}"
    if kind < 0.35:
        a, b, c = rng.choice((10, 192, 172)), rng.randint(0, 255), rng.randint(1, 254)
        return f"http://{a}.{rng.choice((0, 168, 16, b))}.{b}.{c}:{port}"
    host = (
        invented(rng)
        if rng.random() < 0.6
        else rng.choice(_FIRST) + rng.choice(["-", "", "."]) + rng.choice(_SECOND)
    )
    if rng.random() < 0.5:
        host = rng.choice([*_SUBDOMAINS, rng.choice(words())]) + rng.choice([".", ".", "-"]) + host
    host += "." + rng.choice(_ENDS)
    tail = f":{port}" if rng.random() < 0.25 else ""
    path = rng.choice(["/llm", "/ai", "/th"]) if rng.random() < 0.04 else ""
    return f"{rng.choice(['https', 'https', 'https', 'http'])}://{host}{tail}{path}"


def _models(rng: random.Random, count: int) -> tuple[Offered, ...]:
    ids: list[str] = []
    families: set[str] = set()
    if rng.random() < 0.75:
        ids.append(STARTER)
    if rng.random() < 0.3:
        ids.append(SMALL)
        families.add("mistral-small")
    while len(ids) < count:
        others = [i for i in ids if i not in (STARTER, SMALL)]
        kin = others and rng.random() < 0.35
        made = _sibling(rng, rng.choice(others)) if kin else _model_id(rng, families)
        if made not in ids:
            ids.append(made)
    rng.shuffle(ids)
    ids = ids[:count]
    alike = _price(rng)
    return tuple(Offered(i, *(alike if rng.random() < 0.12 else _price(rng))) for i in ids)


def _model_id(rng: random.Random, families: set[str]) -> str:
    family = rng.choice(_FAMILIES) if rng.random() < 0.5 else invented(rng)
    while family in families:
        family = invented(rng)
    families.add(family)
    author = rng.choice(_AUTHORS) if rng.random() < 0.5 else invented(rng)
    if rng.random() < 0.1:
        author += "-" + rng.choice(_SECOND)
    parts = [family]
    if rng.random() < 0.6:
        parts.append(
            rng.choice([str(rng.randint(1, 9)), f"{rng.randint(1, 5)}.{rng.randint(0, 9)}"])
        )
    if rng.random() < 0.6:
        parts.append(f"{rng.choice((*_SIZES, rng.randint(1, 99)))}b")
    if rng.random() < 0.6 or len(parts) == 1:
        parts.append(rng.choice(_TAILS))
    return f"{author}/{'-'.join(parts)}"


def _sibling(rng: random.Random, model_id: str) -> str:
    """Another size or kind of the same family; or of another family of the same author."""
    author, slug = model_id.split("/", 1)
    family = slug.split("-")[0] if rng.random() < 0.8 else invented(rng)
    parts = [family, f"{rng.choice((*_SIZES, rng.randint(1, 99)))}b"]
    if rng.random() < 0.6:
        parts.append(rng.choice(_TAILS))
    return f"{author}/{'-'.join(parts)}"


def _price(rng: random.Random) -> tuple[str | None, str | None]:
    if rng.random() < 0.13:
        return None, None
    if rng.random() < 0.15:
        return "0.35", "0.56"
    return _dollars(rng), _dollars(rng)


def _dollars(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.6:
        return f"{rng.random() * rng.choice((1, 1, 3)):.2f}".replace("0.00", "0.05")
    if kind < 0.75:
        return f"{rng.random() * 20:.2f}"
    if kind < 0.85:
        return f"0.{rng.randint(1, 999):03d}"
    if kind < 0.95:
        return f"{rng.randint(1, 30)}.00" if rng.random() < 0.5 else str(rng.randint(1, 75))
    return f"{rng.randint(1, 99) / 10:.1f}"
