"""How well does the starter call tools? `python -m training.evaluate_tools [--gguf FILE] [--count N]`.

Draws questions with tools from the corpus's own generator under seeds that training never used: the
names, numbers and texts are new, the wordings and the tools are those it was trained on. Each is asked
at the playground's settings, once where the model may call a tool and once where it must, held to the
same grammars as in the house. Prints what failed and a table; always exits 0.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from tokenhouse.engine import AnswerForm, CallForm, Grammars
from tokenhouse.starter import tokenizer_path, weights_path
from training.corpus.conversation import Conversation, told
from training.corpus.tools import draw_tools
from training.engine import Engine
from training.evaluate import questions
from training.tokenizer import Codec

FIRST_SEED = 7_000_000


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m training.evaluate_tools", description=__doc__)
    p.add_argument("--gguf", type=Path, default=weights_path())
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--threads", type=int, default=1)
    args = p.parse_args()
    codec, grammars = Codec(tokenizer_path()), Grammars()
    tallies: dict[str, Counter[str]] = {"may call": Counter(), "must call": Counter()}
    silent: Counter[str] = Counter()
    with Engine(args.gguf, threads=args.threads) as engine:
        for index, asked in enumerate(drawn(args.count)):
            last = asked.messages[-1]
            ids = codec.prompt(Conversation(asked.messages[:-1], asked.tools))
            wanted = [(call.name, call.arguments) for call in last.calls]
            for name, tally in tallies.items():
                must = name == "must call"
                if must and not wanted:
                    continue
                grammar = grammars.compile(form(asked, must_call=must)).grammar
                answer = engine.answer(ids, seed=index, grammar=grammar, limit=300)
                made = calls(answer.text) if answer.called else []
                if wanted:
                    judge(tally, wanted, made)
                    if made != wanted:
                        print(f"[{name}] {asked.messages[-2].text}\n    {answer.text!r}")
                else:
                    silent.update({"asked": 1, "right": not made})
    for name, tally in tallies.items():
        total = tally["asked"]
        print(
            f"{name:10} asked {total}, right tool {tally['tool'] / total:.1%}, "
            f"right tool and arguments {tally['whole'] / total:.1%}"
        )
    print(
        f"needs none asked {silent['asked']}, called none {silent['right'] / silent['asked']:.1%}"
    )


def drawn(count: int) -> list[Conversation]:
    """Conversations that end in a call, or in an answer where no tool is needed."""
    plain = [(question.ask, "") for question in questions("newcomer")]
    houses = [question.house for question in questions("newcomer")]
    found: list[Conversation] = []
    seed = FIRST_SEED
    while len(found) < count:
        rng = random.Random(seed)
        seed += 1
        before = (told(rng.choice(houses).prompt()),)
        made = draw_tools(rng, lambda rng=rng: rng.choice(plain), before)
        if made.messages[-2].role == "user":  # others answer a result
            found.append(made)
    return found


def form(asked: Conversation, *, must_call: bool) -> AnswerForm:
    functions: list[dict[str, Any]] = [row["function"] for row in asked.tools]
    forms = (CallForm(each["name"], json.dumps(each["parameters"]).encode()) for each in functions)
    return AnswerForm(None, tuple(forms), must_call=must_call)


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The calls at the end of an answer; none in one that was cut."""
    try:
        listed: list[dict[str, Any]] = json.loads(text[text.index("[{") :])
    except ValueError:
        return []
    return [(call["name"], call["arguments"]) for call in listed]


def judge(
    tally: Counter[str],
    wanted: list[tuple[str, dict[str, Any]]],
    made: list[tuple[str, dict[str, Any]]],
) -> None:
    names = [name for name, _ in made]
    tally.update(
        {"asked": 1, "tool": names == [name for name, _ in wanted], "whole": made == wanted}
    )


if __name__ == "__main__":
    main()
