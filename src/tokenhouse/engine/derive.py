"""A tekken.json out of weights that came without one: many GGUFs do, and they hold all of it but
the pattern that cuts words, which is the same for every Tekken."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Final

from .errors import WeightsError
from .gguf import read_header, read_vocabulary

_CONTROL: Final = 3  # llama.cpp's type of a token that text never becomes
_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LEAD: Final = r"[^\r\n\p{L}\p{N}]?"
PATTERN: Final = (
    rf"{_LEAD}{_UPPER}*{_LOWER}+|{_LEAD}{_UPPER}+{_LOWER}*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Tekken cuts text before merging (the same in each of Mistral's tekken.json)."""


def derive_tekken(weights: Path, into: Path, version: str | None = None) -> Path:
    """Write the weights' own vocabulary as a tekken.json to `into` (blocking); → `into`. `version`:
    the instruct format that they were trained on, None: as their control tokens and template say.

    Raises WeightsError when the weights' tokenizer is no Tekken.
    """
    header = read_header(weights)
    if header.tokenizer_model != "gpt2" or header.tokenizer_pre != "tekken":
        raise WeightsError(
            f"the tokenizer of {weights} is {header.tokenizer_pre or header.tokenizer_model}, "
            "and this engine speaks Tekken",
            'say tokenizer = "engine" in its row: then its own chat template is used',
        )
    tokens, types = read_vocabulary(weights)
    n_special = 0
    while n_special < len(types) and types[n_special] == _CONTROL:
        n_special += 1
    part = into.with_name(into.name + ".part")
    made_for = version or _version(tokens[:n_special], header.chat_template or "")
    part.write_text(json.dumps(_description(weights, tokens, n_special, made_for)))
    os.replace(part, into)
    return into


def _description(
    weights: Path, tokens: list[str], n_special: int, version: str
) -> dict[str, object]:
    bytes_of = {letter: byte for byte, letter in byte_letters().items()}
    try:
        words = [bytes(bytes_of[letter] for letter in word) for word in tokens[n_special:]]
    except KeyError as error:
        raise WeightsError(
            f"{weights} holds a token with the letter {error} that stands for no byte",
            "give the tekken.json of the model's own repository",
        ) from None
    specials = tokens[:n_special]
    return {
        "config": {
            "pattern": PATTERN,
            "num_vocab_tokens": len(words),
            "default_vocab_size": len(tokens),
            "default_num_special_tokens": n_special,
            "version": version,
        },
        "vocab": [
            {"rank": i, "token_bytes": base64.b64encode(word).decode(), "token_str": None}
            for i, word in enumerate(words)
        ],
        "special_tokens": [
            {"rank": i, "token_str": name, "is_control": True} for i, name in enumerate(specials)
        ],
    }


def _version(specials: list[str], template: str) -> str:
    """The instruct format that the control tokens are made for; v13 has those of v11, and writes no
    ids of calls."""
    if "[ARGS]" in specials:
        return "v13" if "[ARGS]" in template and "[CALL_ID]" not in template else "v11"
    return "v7" if "[SYSTEM_PROMPT]" in specials else "v3"


def byte_letters() -> dict[int, str]:
    """The letter that stands for each byte in a GGUF of this kind: printable ones for themselves
    (as in GPT-2)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in letters)
    letters.update({byte: chr(256 + i) for i, byte in enumerate(others)})
    return letters
