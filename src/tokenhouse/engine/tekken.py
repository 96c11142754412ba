"""Tekken: Mistral's byte-level BPE over a `tekken.json`, and the process that runs it for long
texts.

The merging is tiktoken's, on the ranks and the pattern of the file, as in mistral-common (whose
own class costs a second to import, 50 MB and twice the time; the tests hold both to the same
ids). Text never becomes a control token here: only ids named by the template do.

Run by path (`python -P tekken.py FILE.json`) this module is the encoding process. It reads
frames on stdin and answers on stdout: four bytes of length, then JSON `[piece, …]` (an id or a
text); back come four bytes of length and ids in 32 bits each, or bit 31 of the length set and a
message. It ends with stdin. Hence the standard library and tiktoken only.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import signal
import sys
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

# Special tokens of a file up to v7 that lists none (mistral-common's table of the same name)
_DEFAULT_SPECIALS: Final[tuple[str, ...]] = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]",
    "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
)  # fmt: skip
FAILED: Final = 1 << 31
_FRAME: Final = 4


class TekkenBroken(ValueError):
    """The tekken.json cannot be used; the message says why."""


class Tekken:
    """One tokenizer. Loading a full vocabulary (131,072) takes about 0.4 s and 90 MB."""

    __slots__ = ("_bpe", "n_special", "n_vocab", "specials", "version")

    def __init__(self, description: Mapping[str, Any]) -> None:
        import tiktoken

        try:
            config = description["config"]
            n_vocab: int = config["default_vocab_size"]
            n_special: int = config["default_num_special_tokens"]
            self.version: str = config["version"]
            listed: list[dict[str, Any]] | None = description.get("special_tokens")
            names: dict[str, int] = (
                dict(zip(_DEFAULT_SPECIALS, range(n_special), strict=False))
                if listed is None
                else {str(token["token_str"]): int(token["rank"]) for token in listed}
            )
            # ranks are moved up by the special ids: merging asks only for their order
            ranks = {
                base64.b64decode(entry["token_bytes"]): entry["rank"] + n_special
                for entry in description["vocab"][: n_vocab - n_special]
            }
            pattern: str = config["pattern"]
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise TekkenBroken(f"it is no tekken.json: {error!r}") from error
        if len(ranks) != n_vocab - n_special or len(ranks) < 256:
            raise TekkenBroken(f"it names {n_vocab} tokens and holds {len(ranks) + n_special}")
        self.n_vocab: int = n_vocab
        self.n_special: int = n_special
        self.specials: dict[str, int] = names
        self._bpe = tiktoken.Encoding(
            name="tekken", pat_str=pattern, mergeable_ranks=ranks, special_tokens={}
        )

    @classmethod
    def from_file(cls, path: Path) -> Tekken:
        """Raises TekkenBroken or OSError."""
        try:
            description = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise TekkenBroken(f"it is not JSON: {error}") from error
        return cls(description)

    def encode(self, text: str) -> list[int]:
        """Ids of the text alone: no start token, no control tokens whatever it says."""
        return self._bpe.encode_ordinary(text)

    def encode_pieces(self, pieces: Iterable[int | str]) -> list[int]:
        """Ids in place; each text encoded by itself."""
        ids: list[int] = []
        encode = self._bpe.encode_ordinary
        for piece in pieces:
            if isinstance(piece, int):
                ids.append(piece)
            else:
                ids += encode(piece)
        return ids

    def token_bytes(self, token: int) -> bytes:
        """Of one token; empty for control tokens."""
        return b"" if token < self.n_special else self._bpe.decode_single_token_bytes(token)

    def token_id(self, raw: bytes) -> int | None:
        """The token of exactly these bytes, if there is one."""
        try:
            return self._bpe.encode_single_token(raw)
        except KeyError:
            return None

    def decode(self, ids: Iterable[int]) -> str:
        """Text of the ids; control ids are left out, broken UTF-8 becomes U+FFFD."""
        first = self.n_special
        return self._bpe.decode([i for i in ids if i >= first])


def serve(path: Path) -> None:
    """The encoding process: answer frames until stdin ends."""
    for to_the_group in (signal.SIGINT, signal.SIGHUP):  # the parent decides what they mean
        signal.signal(to_the_group, signal.SIG_IGN)
    tekken = Tekken.from_file(path)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    while head := requests.read(_FRAME):
        pieces = json.loads(requests.read(int.from_bytes(head, "little")))
        try:
            body, flag = array("I", tekken.encode_pieces(pieces)).tobytes(), 0
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
            body, flag = f"{type(error).__name__}: {error}".encode(), FAILED
        answers.write((len(body) | flag).to_bytes(_FRAME, "little") + body)
        answers.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
