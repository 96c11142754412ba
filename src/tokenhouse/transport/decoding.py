"""Undo a content coding that we did not ask for: gzip and deflate come all the same.

Each call gives at most ``READ_BYTES_MAX`` bytes, so a kilobyte that unpacks to a gigabyte is handed
out in pieces and the reader decides when to stop (RFC 9110 §8.4.1, RFC 1950, 1951, 1952).
"""

from __future__ import annotations

import zlib
from typing import Protocol

READ_BYTES_MAX = 256 * 1024

_GZIP = 31  # zlib's window bits for a gzip header and trailer
_ZLIB = 15
_RAW = -15


class Unpacker(Protocol):
    """A streaming zlib decompressor, as ``zlib.decompressobj`` makes it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class Inflater:
    """Decodes one body: ``feed`` what came, ``take`` until b"", at the end ask ``complete``.

    ``take`` raises zlib.error for bytes that are not of the coding.
    """

    __slots__ = ("_gzip", "_input", "_started", "_unpacker")

    def __init__(self, coding: bytes) -> None:
        self._gzip = coding in (b"gzip", b"x-gzip")
        self._input = b""
        self._unpacker: Unpacker | None = zlib.decompressobj(_GZIP) if self._gzip else None
        self._started = False

    def feed(self, data: bytes) -> None:
        """Add encoded bytes."""
        self._started = True
        self._input = self._input + data if self._input else data

    def take(self) -> bytes:
        """The next decoded bytes, at most ``READ_BYTES_MAX``; b"" when more input is needed."""
        while self._input:
            unpacker = self._unpacker
            if unpacker is None:
                if len(self._input) < 2:
                    return b""
                unpacker = self._unpacker = zlib.decompressobj(_deflate_bits(self._input))
            if unpacker.eof:
                if not self._gzip or self._input[:1] != b"\x1f":
                    raise zlib.error("bytes after the end of the encoded body")
                unpacker = self._unpacker = zlib.decompressobj(_GZIP)  # gzip's next member
            out = unpacker.decompress(self._input, READ_BYTES_MAX)
            self._input = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if out:
                return out
        unpacker = self._unpacker
        # A full piece may have left output inside zlib with no input left to ask with.
        if unpacker is None or unpacker.eof:
            return b""
        return unpacker.decompress(b"", READ_BYTES_MAX)

    @property
    def complete(self) -> bool:
        """Whether the coding's own end has been seen, or nothing came at all."""
        if not self._started:
            return True
        return self._unpacker is not None and self._unpacker.eof and not self._input


def _deflate_bits(start: bytes) -> int:
    """RFC 9110 means zlib by "deflate"; some servers send the raw stream."""
    is_zlib = start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return _ZLIB if is_zlib else _RAW
