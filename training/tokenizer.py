"""The starter's tokenizer: Tekken cut to its first ranks, and prompts in Mistral's v7 format.

`mistral-common` bundles Tekken's vocabulary. Kept up to a rank, it is still a byte-pair encoding
that can spell every text, since the first 256 ranks are the bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mistral_common
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from training.corpus.conversation import Conversation, Message

VOCABULARY = 8192
RESERVED = 1000

BOS, EOS = 1, 2
INST, END_INST = 3, 4
TOOLS, END_TOOLS = 5, 6
RESULTS, END_RESULTS = 7, 8
CALLS = 9
PAD = 11
SYSTEM, END_SYSTEM = 17, 18
CONTENT = 19


def write_tekken(target: Path, vocabulary: int = VOCABULARY) -> None:
    """Write a v7 Tekken file of `vocabulary` ids, control tokens included, minified."""
    source = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    tekken: dict[str, Any] = json.loads(source.read_text("utf-8"))
    ranks = vocabulary - RESERVED
    tekken["vocab"] = tekken["vocab"][:ranks]
    tekken["config"].update(
        num_vocab_tokens=ranks,
        default_vocab_size=vocabulary,
        default_num_special_tokens=RESERVED,
        version="v7",
    )
    tekken["special_tokens"] = [
        {
            "rank": row["rank"],
            "token_str": str(getattr(row["token_str"], "value", row["token_str"])),
            "is_control": True,
        }
        for row in Tekkenizer.DEPRECATED_SPECIAL_TOKENS
    ]
    tekken["image"] = {"image_patch_size": 14, "max_image_size": 1540, "spatial_merge_size": 2}
    text = json.dumps(tekken, separators=(",", ":"), ensure_ascii=False)
    target.write_text(text + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one conversation; `taught[i]` says whether id i is the assistant's to learn."""

    ids: list[int]
    taught: list[bool]


class Codec:
    """Conversations to token ids, exactly as mistral-common's v7 instruct tokenizer lays them."""

    def __init__(self, tekken: Path) -> None:
        self._tekken = Tekkenizer.from_file(tekken)

    @property
    def tekken(self) -> Tekkenizer:
        return self._tekken

    def text(self, text: str) -> list[int]:
        """Token ids of plain text; control tokens spelt in it stay plain text."""
        return self._tekken.encode(text, bos=False, eos=False)

    def decode(self, ids: list[int]) -> str:
        return self._tekken.decode([i for i in ids if i >= RESERVED])

    def encode(self, conversation: Conversation) -> Encoded:
        """Ids from `<s>` to the last `</s>`; tools stand before the last user message."""
        ids = [BOS]
        taught = [False]
        last_user = max(i for i, m in enumerate(conversation.messages) if m.role == "user")
        for index, message in enumerate(conversation.messages):
            part = self._message(message)
            if index == last_user and conversation.tools:
                block = json.dumps(list(conversation.tools), ensure_ascii=False)
                part = [TOOLS, *self.text(block), END_TOOLS, *part]
            ids += part
            taught += [message.taught] * len(part)
        return Encoded(ids, taught)

    def prompt(self, conversation: Conversation) -> list[int]:
        """Ids up to where the assistant is to speak."""
        return self.encode(conversation).ids

    def _message(self, message: Message) -> list[int]:
        if message.role == "system":
            return [SYSTEM, *self.text(message.text), END_SYSTEM]
        if message.role == "user":
            return [INST, *self.text(message.text), END_INST]
        if message.role == "tool":
            result = self.text(message.text)
            return [RESULTS, *self.text(message.call_id), CONTENT, *result, END_RESULTS]
        ids = self.text(message.text) if message.text else []
        if message.calls:
            rows = [call.row() for call in message.calls]
            ids += [CALLS, *self.text(json.dumps(rows, ensure_ascii=False))]
        return [*ids, EOS]
