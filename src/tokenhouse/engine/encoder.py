"""Pieces → ids without stalling the event loop: short ones here, long ones in a process.

A long text takes tens of milliseconds; the process is started by the first one and ended by
`close`. A text that breaks the tokenizer breaks at most that process.
"""

from __future__ import annotations

import asyncio
import json
import sys
from array import array
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from . import tekken as _tekken
from .errors import EngineDown, EngineMissing, RequestRefused, WeightsError
from .tekken import Tekken, TekkenBroken

INLINE_CHARACTERS: Final = 16_384
PIECE_CHARACTERS: Final = 32
"""What a piece costs beside its text, counted in characters."""
ENCODE_TIMEOUT_S: Final = 60.0
_FRAME: Final = 4
_REASON_LIMIT: Final = 200

Piece = int | str
"""A control id, or a text that holds none whatever it says."""


def load_tekken(path: Path) -> Tekken:
    """Read a tekken.json (blocking). Raises EngineMissing or WeightsError."""
    try:
        return Tekken.from_file(path)
    except ImportError as error:
        raise EngineMissing("tiktoken") from error
    except FileNotFoundError:
        raise WeightsError(
            f"the tokenizer file {path} does not exist",
            "give the tekken.json of the model's own repository",
        ) from None
    except (OSError, TekkenBroken) as error:
        raise WeightsError(
            f"the tokenizer file {path} cannot be used: {error}",
            "give the tekken.json of the model's own repository",
        ) from error


def find_tekken(weights: Path) -> Path:
    """The tokenizer file that lies beside the weights: `tekken.json`, or `NAME.tekken.json`.

    Raises WeightsError when there is none (only Tekken models can be spoken to).
    """
    for name in (f"{weights.stem}.tekken.json", "tekken.json"):
        path = weights.with_name(name)
        if path.is_file():
            return path
    raise WeightsError(
        f"there is no tokenizer file beside {weights}",
        f"put the model's tekken.json there, as {weights.stem}.tekken.json or tekken.json",
    )


class Encoder:
    """Encodes for one tokenizer. Owns at most one process; `close` ends it."""

    def __init__(
        self,
        tekken: Tekken,
        path: Path,
        *,
        inline_characters: int = INLINE_CHARACTERS,
        timeout_s: float = ENCODE_TIMEOUT_S,
    ) -> None:
        self.tekken = tekken
        self._path = path
        self._inline = inline_characters
        self._timeout_s = timeout_s
        self._process: _Process | None = None
        self._closed = False

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """Ids of the pieces, in order.

        Raises RequestRefused for a text that the tokenizer cannot split, EngineDown when the
        process was lost or took too long.
        """
        size = 0
        for piece in pieces:
            if isinstance(piece, str):
                size += len(piece) + PIECE_CHARACTERS
        if size <= self._inline:
            return self.tekken.encode_pieces(pieces)
        return await self._far(pieces)

    async def _far(self, pieces: Sequence[Piece]) -> list[int]:
        if self._closed:
            raise EngineDown("the tokenizer is closed")
        process = self._process
        if process is None or process.lost:
            process = self._process = _Process(self._path)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await process.encode(pieces)
        except TimeoutError:
            await process.close()
            raise EngineDown(
                f"tokenizing took longer than {self._timeout_s:g} s", "send a shorter text"
            ) from None

    async def close(self) -> None:
        """End the process, if there is one. Idempotent."""
        self._closed = True
        if self._process is not None:
            await self._process.close()

    @property
    def pid(self) -> int | None:
        """Of the encoding process, while it runs."""
        return None if self._process is None else self._process.pid


class _Process:
    """One encoding process. Answers come in the order of the requests."""

    def __init__(self, path: Path) -> None:
        self.lost = False
        self._path = path
        self._start_lock = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: deque[asyncio.Future[list[int]]] = deque()

    @property
    def pid(self) -> int | None:
        child = self._child
        return None if child is None or child.returncode is not None else child.pid

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        body = json.dumps(pieces).encode("ascii")  # lone surrogates survive as escapes
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        async with self._start_lock:
            if self._child is None:
                try:
                    await self._start()
                except OSError as error:
                    raise EngineDown(f"the tokenizer's process cannot start ({error})") from error
            stdin = None if self._child is None else self._child.stdin
            if stdin is None or self.lost:
                raise _lost()
            self._waiting.append(answer)
            stdin.write(len(body).to_bytes(_FRAME, "little") + body)
        return await answer

    async def _start(self) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", str(_tekken.__file__), str(self._path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self._child = child
        if child.stdout is not None:
            self._reader = asyncio.create_task(self._read(child.stdout))

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        try:
            while True:
                head = int.from_bytes(await stdout.readexactly(_FRAME), "little")
                body = await stdout.readexactly(head & ~_tekken.FAILED)
                answer = self._waiting.popleft()
                if answer.done():  # its caller has left
                    continue
                if head & _tekken.FAILED:
                    why = body.decode("utf-8", "replace")[:_REASON_LIMIT]
                    answer.set_exception(RequestRefused(f"the text cannot be tokenized ({why})"))
                else:
                    answer.set_result(array("I", body).tolist())
        except asyncio.IncompleteReadError:
            pass  # the process is gone; whoever waits is told below
        finally:
            self.lost = True
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(_lost())
            self._waiting.clear()

    async def close(self) -> None:
        self.lost = True
        child, reader = self._child, self._reader
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        if child.stdin is not None:
            child.stdin.close()
        await child.wait()
        if reader is not None:
            await reader


def _lost() -> EngineDown:
    return EngineDown("the tokenizer's process was lost", "try again")
