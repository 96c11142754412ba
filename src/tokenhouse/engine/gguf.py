"""The header of a GGUF file: what the model is, and whether the file is whole.

Format: ggml's docs/gguf.md, versions 2 and 3, little-endian. Only the header is read (at most
`HEADER_LIMIT` bytes); strings and arrays that are not needed are skipped, not built.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .errors import WeightsError

HEADER_LIMIT: Final = 64 * 2**20
KEYS_LIMIT: Final = 100_000
TENSORS_LIMIT: Final = 100_000
F16_BYTES: Final = 2

Value = int | float | bool | str | list[int] | list[float] | list[bool] | None
"""A metadata value; None stands for an array of strings or one that was skipped."""

_SCALARS: Final = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_STRING: Final = 8
_ARRAY: Final = 9
_KEPT_ARRAY: Final = 4096

# ggml type → (elements in a block, bytes of a block)
_BLOCKS: Final = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF says about its model. None is unknown.

    `kv_heads` has one entry per block. `file_bytes` counts all parts of a split file.
    """

    path: Path
    file_bytes: int
    architecture: str
    name: str | None
    context_length: int | None
    block_count: int
    embedding_length: int
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    vocab_size: int | None
    tokenizer_model: str | None
    tokenizer_pre: str | None
    chat_template: str | None

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token takes in an f16 KV cache (sliding windows counted as full)."""
        return sum(self.kv_heads) * (self.key_length + self.value_length) * F16_BYTES


def read_header(path: Path) -> GgufHeader:
    """Read and check one GGUF file.

    Raises WeightsError when the file is missing, is no GGUF, or is shorter than its tensors say.
    """
    size, head = _head(path)
    try:
        facts, array_lengths, data_end = _read(_Reader(head))
        if data_end > size:
            raise _broken(path, f"it has {size} bytes and its tensors need {data_end}")
        return _header(path, size, facts, array_lengths)
    except _UNREADABLE as error:
        raise _broken(path, f"its header cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Facts:
    """The metadata at the start of a file. `places`: key → offsets of its name and of its value.

    `whole` is False where the bytes ended first; an array that they cut has its length only.
    """

    values: dict[str, Value]
    lengths: dict[str, int]
    places: dict[str, tuple[int, int]]
    whole: bool

    def header(self, path: Path, file_bytes: int) -> GgufHeader:
        """The header of a file that is not here yet (`path` is its name, for messages).

        Raises WeightsError when these bytes don't describe a language model.
        """
        values = {key: value for key, value in self.values.items() if key != "split.count"}
        try:
            return _header(path, file_bytes, values, self.lengths)
        except _Malformed as error:
            raise _broken(path, f"its header cannot be read: {error}") from error


def peek(head: bytes, path: Path) -> Facts:
    """Read as much of the metadata as the first bytes of a file hold.

    Raises WeightsError when they are no GGUF's.
    """
    if head[:4] != b"GGUF":
        raise WeightsError(f"{path} is not a GGUF file", "give a .gguf file")
    facts = Facts({}, {}, {}, True)
    reader = _Reader(head)
    try:
        for key, kind in _keys(reader):
            facts.places[key] = reader.at - 4 - len(key.encode()), reader.at
            if kind == _ARRAY:
                _, facts.lengths[key] = struct.unpack_from("<IQ", head, reader.at)
                facts.lengths[key], facts.values[key] = reader.array()
            else:
                facts.values[key] = reader.value(kind)
    except _UNREADABLE as error:
        if isinstance(error, _Unknown):
            raise _broken(path, f"its header cannot be read: {error}") from error
        return replace(facts, whole=False)
    return facts


def read_vocabulary(path: Path) -> tuple[list[str], list[int]]:
    """→ (tokens as llama.cpp writes them, their types; both by id, empty when there are none).

    Takes about 0.2 s for 131,072 tokens. Raises WeightsError as `read_header` does.
    """
    _, head = _head(path)
    tokens: list[str] = []
    types: list[int] = []
    try:
        reader = _Reader(head)
        for key, kind in _keys(reader):
            if kind != _ARRAY:
                reader.value(kind)
            elif key == "tokenizer.ggml.tokens":
                tokens = reader.strings()
            elif key == "tokenizer.ggml.token_type":
                types = reader.integers()
            else:
                reader.array()
    except _UNREADABLE as error:
        raise _broken(path, f"its header cannot be read: {error}") from error
    return tokens, types


def _head(path: Path) -> tuple[int, bytes]:
    """→ (bytes of the file, the part that can hold the header)."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(min(size, HEADER_LIMIT))
    except FileNotFoundError:
        raise WeightsError(
            f"the weights file {path} does not exist", "pull the model, or correct its path"
        ) from None
    except OSError as error:
        raise WeightsError(
            f"the weights file {path} cannot be read ({error.strerror})",
            "correct its path or its permissions",
        ) from error
    if head[:4] != b"GGUF":
        raise WeightsError(
            f"{path} is not a GGUF file", "give the path of a .gguf file; download it again"
        )
    return size, head


class _Malformed(Exception):
    pass


class _Unknown(_Malformed):
    """Not cut off: written in a way that is not known here."""


_UNREADABLE: Final = (struct.error, OverflowError, UnicodeDecodeError, _Malformed)


def _broken(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"the weights file {path} is broken or truncated ({why})", "download it again"
    )


class _Reader:
    __slots__ = ("at", "data", "tensors")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 4
        self.tensors = 0

    def number(self, code: str) -> int:
        form = "<" + code
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def string(self) -> str:
        length = self.number("Q")
        if length > len(self.data) - self.at:
            raise _Malformed("a string reaches beyond it")
        text = self.data[self.at : self.at + length].decode("utf-8")
        self.at += length
        return text

    def skip(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise _Malformed("an array reaches beyond it")
        self.at += count

    def skip_strings(self, count: int) -> None:
        unpack, data, at = struct.Struct("<Q").unpack_from, self.data, self.at
        for _ in range(count):
            at += 8 + unpack(data, at)[0]
        self.at = at

    def strings(self) -> list[str]:
        """A whole array of strings."""
        kind, count = self.number("I"), self.number("Q")
        if kind != _STRING or count > len(self.data) - self.at:
            raise _Malformed("an array is not one of strings, or reaches beyond it")
        return [self.string() for _ in range(count)]

    def integers(self) -> list[int]:
        """A whole array of 32-bit integers."""
        kind, count = self.number("I"), self.number("Q")
        if _SCALARS.get(kind) not in ("i", "I"):
            raise _Malformed("an array is not one of integers")
        values = list(struct.unpack_from(f"<{count}i", self.data, self.at))
        self.skip(count * 4)
        return values

    def value(self, kind: int) -> Value:
        if kind == _STRING:
            return self.string()
        code = _SCALARS.get(kind)
        if code is None:
            raise _Unknown(f"unknown value type {kind}")
        return self.number(code)

    def array(self) -> tuple[int, Value]:
        """→ (its length, its numbers when there are few)."""
        kind, count = self.number("I"), self.number("Q")
        if kind == _STRING:
            if count > len(self.data) - self.at:
                raise _Malformed("an array reaches beyond it")
            self.skip_strings(count)
            return count, None
        code = _SCALARS.get(kind)
        if code is None:
            raise _Unknown(f"unknown array type {kind}")
        width = struct.calcsize("<" + code)
        if count > _KEPT_ARRAY:
            self.skip(count * width)
            return count, None
        values = list(struct.unpack_from(f"<{count}{code}", self.data, self.at))
        self.skip(count * width)
        return count, values


def _read(reader: _Reader) -> tuple[dict[str, Value], dict[str, int], int]:
    """→ (metadata, array lengths, the offset where the last tensor ends)."""
    facts: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for key, kind in _keys(reader):
        if kind == _ARRAY:
            lengths[key], facts[key] = reader.array()
        else:
            facts[key] = reader.value(kind)
    end, tensors = 0, reader.tensors
    for _ in range(tensors):
        end = max(end, _tensor_end(reader))
    alignment = facts.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0:
        raise _Malformed("general.alignment is no positive number")
    data_start = -(-reader.at // alignment) * alignment
    return facts, lengths, data_start + end if tensors else reader.at


def _keys(reader: _Reader) -> Iterator[tuple[str, int]]:
    """Each metadata key and its value's type; the taker reads the value."""
    version, tensors, keys = reader.number("I"), reader.number("Q"), reader.number("Q")
    if version not in (2, 3):
        raise _Unknown(f"GGUF version {version} is not supported")
    if keys > KEYS_LIMIT or tensors > TENSORS_LIMIT:
        raise _Unknown(f"{keys} keys and {tensors} tensors are too many")
    reader.tensors = tensors
    for _ in range(keys):
        yield reader.string(), reader.number("I")


def _tensor_end(reader: _Reader) -> int:
    reader.string()
    dimensions = reader.number("I")
    if dimensions > 8:
        raise _Malformed(f"a tensor has {dimensions} dimensions")
    elements = 1
    for _ in range(dimensions):
        elements *= reader.number("Q")
    kind, offset = reader.number("I"), reader.number("Q")
    block, width = _BLOCKS.get(kind, (1, 0))  # a type newer than the table: only its start
    return offset + elements // block * width


def _header(path: Path, size: int, facts: dict[str, Value], lengths: dict[str, int]) -> GgufHeader:
    architecture = facts.get("general.architecture")
    if not isinstance(architecture, str):
        raise _Malformed("general.architecture is missing")

    def number(key: str) -> int | None:
        value = facts.get(f"{architecture}.{key}")
        return value if isinstance(value, int) else None

    blocks, width = number("block_count"), number("embedding_length")
    if blocks is None or width is None or blocks > 10_000:
        raise _Malformed("it names no block_count or embedding_length: no language model")
    heads = number("attention.head_count")
    per_head = width // heads if heads else 0
    shared = facts.get(f"{architecture}.attention.head_count_kv", heads)
    if isinstance(shared, list):
        kv_heads = tuple(int(n) for n in shared)
    else:
        kv_heads = (shared if isinstance(shared, int) else 0,) * blocks
    key_length, value_length = number("attention.key_length"), number("attention.value_length")
    parts = facts.get("split.count")
    return GgufHeader(
        path=path,
        file_bytes=_all_parts(path, parts) if isinstance(parts, int) and parts > 1 else size,
        architecture=architecture,
        name=_text(facts, "general.name"),
        context_length=number("context_length"),
        block_count=blocks,
        embedding_length=width,
        kv_heads=kv_heads,
        key_length=per_head if key_length is None else key_length,
        value_length=per_head if value_length is None else value_length,
        vocab_size=lengths.get("tokenizer.ggml.tokens", number("vocab_size")),
        tokenizer_model=_text(facts, "tokenizer.ggml.model"),
        tokenizer_pre=_text(facts, "tokenizer.ggml.pre"),
        chat_template=_text(facts, "tokenizer.chat_template"),
    )


def _text(facts: dict[str, Value], key: str) -> str | None:
    value = facts.get(key)
    return value if isinstance(value, str) else None


def _all_parts(path: Path, parts: int) -> int:
    """Bytes of every part of `NAME-00001-of-0000N.gguf`, which llama.cpp loads together."""
    stem = path.name.rsplit("-of-", 1)[0].rsplit("-", 1)[0]
    total = 0
    for part in range(1, parts + 1):
        file = path.with_name(f"{stem}-{part:05d}-of-{parts:05d}.gguf")
        if not file.is_file():
            raise WeightsError(
                f"part {part} of {parts} of the weights is missing ({file})",
                "download every part into one folder",
            )
        total += file.stat().st_size
    return total
