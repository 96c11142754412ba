"""Tiny random Mistral models and a cut Tekken vocabulary, made in well under a second.

For any test that needs a real engine: `write_tekken(path)`, `write_gguf(path, tekken)`. The text
they write is noise, the machinery that writes it is all real.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import gguf
import numpy as np

CONTROL = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]",
    "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
)  # fmt: skip
SPECIAL = 1000
ARGS, CALL_ID = 32, 33


def control(version: str) -> list[str]:
    """The control tokens of a version, by id."""
    if version not in ("v11", "v13"):
        return list(CONTROL)
    fillers = [f"<SPECIAL_{i}>" for i in range(len(CONTROL), ARGS)]
    return [*CONTROL, *fillers, "[ARGS]", "[CALL_ID]"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's size. The default has 1.6 M parameters with 8,192 tokens, tied."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 256
    context: int = 32_768


@lru_cache(maxsize=8)
def tekken(vocabulary: int = 8192, version: str = "v7") -> dict[str, Any]:
    """A tekken.json as a value: Mistral's vocabulary, cut short."""
    source = resources.files("mistral_common") / "data" / "tekken_240911.json"
    whole = _bundled(str(source))
    entries = whole["vocab"][: vocabulary - SPECIAL]
    return {
        "config": {
            **whole["config"],
            "num_vocab_tokens": len(entries),
            "default_vocab_size": vocabulary,
            "default_num_special_tokens": SPECIAL,
            "version": version,
        },
        "vocab": entries,
        "special_tokens": [
            {"rank": i, "token_str": name, "is_control": True}
            for i, name in enumerate(control(version))
        ],
        "image": {"image_patch_size": 14, "max_image_size": 1540, "spatial_merge_size": 2},
    }


@lru_cache(maxsize=1)
def _bundled(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_bytes())


def write_tekken(path: Path, vocabulary: int = 8192, version: str = "v7") -> Path:
    """The name must hold "tekken" and end in .json for mistral-common to take it."""
    path.write_text(json.dumps(tekken(vocabulary, version)))
    return path


CHATML = """{%- for message in messages -%}
{%- if message.role == 'tool' -%}{{- raise_exception('no tools') -}}{%- endif -%}
{{- '<|im_start|>' + message.role + '\n' + (message.content | trim) + '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n<think>\n' -}}{%- endif -%}"""
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
"""The control tokens of a model that speaks ChatML; the last two are a user's to define."""


def write_gguf(
    path: Path,
    vocabulary: int = 8192,
    shape: Shape | None = None,
    *,
    seed: int = 0,
    template: str | None = None,
    version: str = "v7",
) -> Path:
    """Random weights in F16, with Tekken's control tokens of a version. With a chat template they are of
    another family: the control tokens are `MARKS`, and stand last."""
    size = Shape() if shape is None else shape
    writer = gguf.GGUFWriter(str(path), "llama")
    _write_facts(writer, size)
    if template is None:
        _write_vocabulary(writer, tekken(vocabulary), control(version))
    else:
        _write_other_vocabulary(writer, tekken(vocabulary + SPECIAL - len(MARKS)), template)
    draw = np.random.default_rng(seed)

    def add(name: str, rows: int, columns: int, spread: float | None = None) -> None:
        values = draw.standard_normal((rows, columns), dtype=np.float32)
        scale = columns**-0.5 if spread is None else spread
        writer.add_tensor(name, (values * scale).astype(np.float16))

    head = size.width // size.heads
    ones = np.ones(size.width, np.float32)
    add("token_embd.weight", vocabulary, size.width, 1.0)
    for i in range(size.layers):
        block = f"blk.{i}."
        writer.add_tensor(block + "attn_norm.weight", ones)
        writer.add_tensor(block + "ffn_norm.weight", ones)
        add(block + "attn_q.weight", size.width, size.width)
        add(block + "attn_k.weight", size.kv_heads * head, size.width)
        add(block + "attn_v.weight", size.kv_heads * head, size.width)
        add(block + "attn_output.weight", size.width, size.width)
        add(block + "ffn_gate.weight", size.hidden, size.width)
        add(block + "ffn_up.weight", size.hidden, size.width)
        add(block + "ffn_down.weight", size.width, size.hidden)
    writer.add_tensor("output_norm.weight", ones)
    # tied, but milder than the embedding: else every token would be followed by itself
    add("output.weight", vocabulary, size.width, 3 * size.width**-0.5)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_facts(writer: gguf.GGUFWriter, size: Shape) -> None:
    head = size.width // size.heads
    writer.add_name("tiny")
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.hidden)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.kv_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1e6)
    writer.add_file_type(1)


def _words_and_merges(description: dict[str, Any]) -> tuple[list[str], list[str]]:
    """As llama.cpp wants Tekken: bytes as letters, and every split of each token as a merge."""
    letters = _byte_letters()
    pieces = [base64.b64decode(entry["token_bytes"]) for entry in description["vocab"]]
    ranks = {piece: rank for rank, piece in enumerate(pieces)}
    words = ["".join(letters[b] for b in piece) for piece in pieces]
    merges: list[str] = []
    for piece in pieces[256:]:
        splits = [
            (ranks[piece[:i]], ranks[piece[i:]])
            for i in range(1, len(piece))
            if piece[:i] in ranks and piece[i:] in ranks
        ]
        merges += [f"{words[left]} {words[right]}" for left, right in sorted(splits)]
    return words, merges


def _write_other_vocabulary(
    writer: gguf.GGUFWriter, description: dict[str, Any], template: str
) -> None:
    words, merges = _words_and_merges(description)
    kinds = [gguf.TokenType.NORMAL] * len(words)
    kinds += [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.USER_DEFINED] * 2
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*words, *MARKS])
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_token_merges(merges)
    writer.add_vocab_size(len(words) + len(MARKS))
    writer.add_eos_token_id(len(words) + MARKS.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _write_vocabulary(
    writer: gguf.GGUFWriter, description: dict[str, Any], named: list[str]
) -> None:
    words, merges = _words_and_merges(description)
    specials = named + [f"<SPECIAL_{i}>" for i in range(len(named), SPECIAL)]
    kinds = [int(gguf.TokenType.CONTROL)] * SPECIAL + [int(gguf.TokenType.NORMAL)] * len(words)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("tekken")
    writer.add_token_list(specials + words)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_vocab_size(SPECIAL + len(words))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(11)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def _byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes: printable ones stand for themselves."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in letters)
    letters.update({byte: chr(256 + i) for i, byte in enumerate(others)})
    return letters
