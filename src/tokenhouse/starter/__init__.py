"""The starter's door: where its weights, tokenizer, default system prompt and card lie.

The room knows paths and one text; it refuses to know engines, prompts' grammar and money. The files
are made by `training/` and shipped in the wheel.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "CONTEXT_LENGTH",
    "MODEL_ID",
    "card_path",
    "system_prompt_template",
    "tokenizer_path",
    "weights_path",
]

MODEL_ID = "tokenhouse/starter"
# Tokens that prompt and answer may have together; stands in the weights' metadata too.
CONTEXT_LENGTH = 4096

_HERE = Path(__file__).parent


def weights_path() -> Path:
    """The GGUF file: architecture `llama`, quantised to Q8_0, about 7 MB."""
    return _HERE / "starter.gguf"


def tokenizer_path() -> Path:
    """The tokenizer: a v7 Tekken file of 8,192 ids, for `mistral-common`."""
    return _HERE / "tekken.json"


def card_path() -> Path:
    """The model card: Markdown with size, data, training, measured figures and limits."""
    return _HERE / "card.md"


def system_prompt_template() -> str:
    """The default system prompt, with the placeholders `{site}`, `{url}` and `{models}`.

    `{models}` takes one line a model, joined by a newline: `- "author/slug" costs $0.35 in, $0.56
    out per 1M tokens`, or `- "author/slug" is free`. `str.format` fills it; nothing else stands in braces.
    """
    return (_HERE / "system_prompt.txt").read_text("utf-8").removesuffix("\n")
