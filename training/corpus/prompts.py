"""System prompts: extra lines of an operator, and prompts that are not a house's at all."""

from __future__ import annotations

import random
from dataclasses import replace

from training.corpus.grammar import say
from training.corpus.house import House, invented
from training.corpus.noise import typed

_FOREIGN = [
    "You are a helpful assistant.", "You are a helpful AI assistant.", "You are a helpful assistant. Be concise.",
    "You are a helpful AI assistant specialized in providing accurate and detailed responses.",
    "You are a [friendly|polite|careful|concise|creative|honest|patient] [assistant|teacher|coach|expert|helper|guide|chatbot].",
    "You are a [pirate|cowboy|poet|robot|wizard|knight]. [Answer in character.|Talk like one.|]",
    "You are [an|a senior] [engineer|programmer|lawyer|writer|translator|analyst|editor]. [Answer briefly.|Be exact.|]",
    "[Answer|Reply] in [one sentence|English|a few words|plain text].", "Be brief.", "Be concise.", "You answer questions.",
    "You are a customer support agent of a [shop|bank|airline|school].", "Today is [Monday|Tuesday|Friday]. Be kind.", "Assistant.",
    "You are $odd. Help the user with $odd.", "Help the user.",
]


def foreign_prompt(rng: random.Random) -> str:
    return say(rng, rng.choice(_FOREIGN)).strip()


def with_extras(rng: random.Random, house: House) -> House:
    """`house`, now and then with lines that its operator has added to the prompt."""
    if rng.random() > 0.2:
        return house
    lines: dict[str, str] = {}
    if rng.random() < 0.5:
        lines["support"] = f"Support: https://{invented(rng)}.{rng.choice(('example', 'com', 'org'))}/help"
    if rng.random() < 0.5:
        lines["default"] = f"Default model: {rng.choice(house.models).id}"
    if rng.random() < 0.5:
        grant, rate, same = f"{rng.randint(0, 9)}.{rng.choice(('00', '50'))}", rng.choice((5, 10, 20, 30, 60, 100, 120, 300)), rng.randint(1, 20)
        lines["free"] = f"Plan free: ${grant} a month, {rate} requests per minute, {same} at once"
    return replace(house, extras=lines)


_EXTRA_ASKS = {
    "support": ["$how contact support", "where do i get [help|support]", "who can help me", "is there a support [page|address]", "support"],
    "default": ["what is the default model", "which model answers [if i name none|by default]", "default model", "what if i name no model"],
    "free": ["what does the free plan [include|give|have]", "is there a free plan", "free tier", "what are the [rate|] limits", "how many requests per minute", "how many requests at once"],
}


def ask_extra(rng: random.Random, house: House) -> tuple[str, str]:
    """A question that an operator's line answers; the answer quotes the line."""
    kind = rng.choice(list(house.extras))
    ask = typed(rng, say(rng, rng.choice(_EXTRA_ASKS[kind])))
    value = house.extras[kind].partition(": ")[2]
    words = {"support": "Support is at {}.", "default": "The default model is {}.", "free": "The plan free gives {}."}
    return ask, words[kind].format(value)
