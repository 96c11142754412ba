"""How people really type: openings, closings, no capitals, no question mark, slips."""

from __future__ import annotations

import random

from training.corpus.vocabulary import vocabulary

OPENINGS = [
    "hi, ",
    "hello, ",
    "hey, ",
    "hi! ",
    "hello! ",
    "hey! ",
    "hi there, ",
    "ok, ",
    "ok so ",
    "so, ",
    "so ",
    "well, ",
    "please, ",
    "please ",
    "quick question: ",
    "question: ",
    "sorry, ",
    "and ",
    "one more thing: ",
    "another question: ",
    "i'm new here. ",
    "i am new here, ",
    "i just installed this. ",
    "i have just started. ",
    "newbie here, ",
    "i'm a beginner. ",
    "excuse me, ",
    "um, ",
    "hmm, ",
    "also ",
    "also, ",
    "now ",
    "thanks. ",
    "thanks! ",
    "great, ",
    "cool, ",
    "nice. ",
    "got it. ",
    "first, ",
    "then ",
    "stupid question maybe, but ",
    "can you help? ",
    "i have a question. ",
    "good morning, ",
    "yes, ",
    "but ",
    "wait, ",
    "tell me, ",
    "just curious, ",
    "for my project, ",
    "dear guide, ",
    "basically ",
    "i read the page but ",
    "my boss asks: ",
    "my colleague asks, ",
    "i'm confused. ",
    "help! ",
]
CLOSINGS = [
    " please",
    ", please",
    " thanks",
    ", thanks",
    " thank you",
    " thx",
    " here",
    " in this house",
    ", i'm new to this",
    " exactly",
    " now",
    " for me",
    ", if i may ask",
    " please help",
    ", any idea",
    " on this server",
    ", i am lost",
    " actually",
    " then",
    " again",
    " right now",
    " with this",
    " on your service",
    " at all",
    ", can you tell me",
    ", do you know",
]
_VOWELS = "aeiou"


def typed(rng: random.Random, question: str, *, names: tuple[str, ...] = ()) -> str:
    """`question` as somebody might type it; words that stand in `names` are left as they are."""
    text = " ".join(question.split(" ")).replace("  ", " ").strip(" ")
    if rng.random() < 0.12:
        text = _loosened(rng, text, names)
    if rng.random() < 0.24:
        text = rng.choice(OPENINGS) + text
    if rng.random() < 0.12 and not text.endswith((".", "!", "?")):
        text = text.rstrip("?") + rng.choice(CLOSINGS)
    if rng.random() < 0.14:
        text = _slip(rng, text, names)
    if rng.random() < 0.05:
        text = _slip(rng, text, names)
    if rng.random() < 0.55:
        text = text[:1].upper() + text[1:]
        text = text.replace(" i ", " I ").replace(" i'm ", " I'm ").replace(" i'd ", " I'd ")
    if not text.endswith((".", "!", "?", "\n", "}", ")", '"')):
        text += rng.choice(["?", "?", "?", "?", "", "", "", "", ".", "??", " ?", "!"])
    if rng.random() < 0.01 and not names:
        text = text.upper()
    return text


def _loosened(rng: random.Random, text: str, names: tuple[str, ...]) -> str:
    """`text` with a word less, more, or another: what is asked must be told from the rest of it.

    A network that has seen only whole wordings takes an unknown word for another question.
    """
    words = text.split(" ")
    free = _free(words, names)
    if len(words) < 4 or not free:
        return text
    at, kind = rng.choice(free), rng.random()
    if kind < 0.4:
        del words[at]
    elif kind < 0.7:
        words.insert(at, rng.choice(vocabulary()))
    elif kind < 0.85 and len(words) > 5:
        words[at] = rng.choice(vocabulary())
    elif at + 1 in free:
        words[at : at + 2] = words[at + 1], words[at]
    return " ".join(words)


def _free(words: list[str], names: tuple[str, ...]) -> list[int]:
    """Which of `words` may be touched: those of lower-case letters that belong to no name."""
    held = {w for name in names for w in name.split(" ")}
    return [i for i, w in enumerate(words) if w.isalpha() and w.islower() and w not in held]


def _slip(rng: random.Random, text: str, names: tuple[str, ...]) -> str:
    words = text.split(" ")
    free = [i for i in _free(words, names) if len(words[i]) >= 4 and words[i].isascii()]
    if not free:
        return text
    at = rng.choice(free)
    words[at] = _mistyped(rng, words[at])
    return " ".join(words)


def _mistyped(rng: random.Random, word: str) -> str:
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    swap = rng.choice(_VOWELS if word[at] in _VOWELS else "abcdefghijklmnopqrstuvwxyz")
    return word[:at] + swap + word[at + 1 :]
