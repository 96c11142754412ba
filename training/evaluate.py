"""How good is the starter? `python -m training.evaluate [--gguf FILE] [--set dev|earlier] [--hide]`.

Asks the held-out questions of `questions/` at the playground's settings (temperature 0.7, top_p
0.9, at most 1,000 tokens) with fixed seeds, under the default system prompt of a house, through
llama.cpp. Prints what failed and a table; always exits 0: it measures, it does not judge.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenhouse.starter import tokenizer_path, weights_path
from training.corpus.conversation import Conversation, asked, told
from training.corpus.house import House, Offered
from training.engine import Answer, Engine
from training.tokenizer import Codec

QUESTIONS = Path(__file__).parent / "questions"
SEEDS = (1, 2, 3)
# Each set's questions for newcomers, in whose file the houses stand, and what it cannot know.
SETS = {
    "heldout": ("newcomer", "unknown"),
    "dev": ("dev", "dev_unknown"),
    "earlier": ("earlier", "earlier_unknown"),
}
DECLINES = re.compile(
    r"do(es)? not know|don't know|cannot|can't|beyond me|too small a model|not able to|no knowledge"
    r"|do not understand|did not understand",
    re.IGNORECASE,
)
# A model's id where an answer gives one: in code, between backticks or quotes, behind `pull`.
NAMED = re.compile(
    r"""["']?model["']?\s*(?:=>|=|:)\s*["']([^"']+)["']|`([\w.-]+/[\w.-]+)`|pull ([\w. -]+/[\w.-]+)`"""
    r"""|"(?!application/|image/)([\w. -]+/[\w.-]+)\""""
)


@dataclass(frozen=True, slots=True)
class Question:
    """`want` must all be found in a right answer and `avoid` not; `declines` asks for a refusal. An
    answer that gives a model's id which its house does not have is never right."""

    ask: str
    house: House
    want: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    declines: bool = False

    def right(self, text: str) -> bool:
        if self.declines:
            return bool(DECLINES.search(text))
        if any("".join(groups) not in self._ids() for groups in NAMED.findall(text)):
            return False
        found = [re.search(p, text, re.IGNORECASE) for p in self.want]
        return all(found) and not any(re.search(p, text, re.IGNORECASE) for p in self.avoid)

    def _ids(self) -> set[str]:
        return {model.id for model in self.house.models}


@dataclass(slots=True)
class Tally:
    """Counts over the answers to one set."""

    right: int = 0
    ended: int = 0
    repeated: int = 0
    answers: int = 0
    tokens: list[int] = field(default_factory=list[int])

    def add(self, right: bool, answer: Answer) -> None:
        self.answers += 1
        self.right += right
        self.ended += answer.ended and answer.tokens <= 300
        self.repeated += repeats(answer.text)
        self.tokens.append(answer.tokens)


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    p.add_argument("--gguf", type=Path, default=weights_path())
    p.add_argument("--set", choices=tuple(SETS), default="heldout", dest="kind")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seeds", type=int, default=len(SEEDS))
    p.add_argument("--all", action="store_true", help="print every answer")
    p.add_argument("--hide", action="store_true", help="print no question: the set stays unseen")
    args = p.parse_args()
    codec = Codec(tokenizer_path())
    show = "none" if args.hide else "all" if args.all else "wrong"
    with Engine(args.gguf, threads=args.threads) as engine:
        tallies = {
            name: _ask(engine, codec, name, SEEDS[: args.seeds], show) for name in SETS[args.kind]
        }
    _print(tallies)


def _ask(engine: Engine, codec: Codec, name: str, seeds: tuple[int, ...], show: str) -> Tally:
    tally = Tally()
    for index, question in enumerate(questions(name)):
        prompt = (told(question.house.prompt()), asked(question.ask))
        ids = codec.prompt(Conversation(prompt))
        for seed in seeds:
            answer = engine.answer(ids, seed=1000 * seed + index)
            right = question.right(answer.text)
            tally.add(right, answer)
            if show == "all" or (show == "wrong" and not right):
                print(f"[{'right' if right else 'WRONG'}] {question.ask}\n    {answer.text!r}")
    return tally


def _print(tallies: dict[str, Tally]) -> None:
    print(f"\n{'set':12} {'right':>16} {'ends <= 300':>16} {'repeats':>9} {'tokens, mean':>13}")
    for name, t in tallies.items():
        print(
            f"{name:12} {t.right:4}/{t.answers} {t.right / t.answers:7.1%}"
            f" {t.ended:5}/{t.answers} {t.ended / t.answers:7.1%} {t.repeated:6}"
            f" {sum(t.tokens) / t.answers:13.1f}"
        )


def questions(name: str) -> Iterator[Question]:
    """The questions of `questions/NAME.toml`; each in a house, in turn where none is named."""
    houses = _houses(next(pair[0] for pair in SETS.values() if name in pair))
    data: dict[str, Any] = tomllib.loads((QUESTIONS / f"{name}.toml").read_text("utf-8"))
    for index, ask in enumerate(data.get("ask", ())):
        yield Question(ask, houses[index % len(houses)], declines=True)
    for index, row in enumerate(data.get("question", ())):
        house = houses[row.get("house", index % len(houses))]
        yield Question(
            row["ask"],
            house,
            _filled(row.get("want", ()), house),
            _filled(row.get("avoid", ()), house),
        )


def _houses(name: str) -> list[House]:
    data: dict[str, Any] = tomllib.loads((QUESTIONS / f"{name}.toml").read_text("utf-8"))
    return [
        House(
            row["site"],
            row["url"],
            tuple(Offered(i, a or None, b or None) for i, a, b in row["models"]),
        )
        for row in data["house"]
    ]


def _filled(patterns: list[str] | tuple[str, ...], house: House) -> tuple[str, ...]:
    facts = {"{url}": house.url, "{site}": house.site}
    facts |= {f"{{m{i}}}": m.id for i, m in enumerate(house.models)}
    out: list[str] = []
    for pattern in patterns:
        for slot, fact in facts.items():
            pattern = pattern.replace(slot, re.escape(fact))
        out.append(pattern)
    return tuple(out)


def repeats(text: str) -> bool:
    """Whether a sentence or line of three words or more stands twice in `text`."""
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    pieces = [s.strip().lower() for s in re.split(r"(?<=[.!?])\s+|\n", outside)]
    long = [s for s in pieces if len(s.split()) >= 3]
    return len(long) != len(set(long))


if __name__ == "__main__":
    main()
