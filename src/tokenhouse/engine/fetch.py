"""Bytes from far to here: whole or not at all, and never twice.

A file grows as `NAME.part` and takes its name when its SHA-256 was right. What came before a broken
connection, a Ctrl-C or a power cut is kept and gone on from, as long as it is the same file: a note
beside it says which one it is.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from .errors import DiskShort, HubUnreachable, PullError, WrongHash
from .hub import CHUNK_BYTES, Hub, RemoteFile

WAITS_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Before each attempt in a row that brings nothing; an attempt that brings something starts anew."""

DISK_RESERVE: Final = 256 * 2**20
"""What stays free for the house's own books."""

FetchProgress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes that are here and the bytes of the whole, where known."""


def check_disk(directory: Path, need: int) -> None:
    """DiskShort unless `need` bytes fit where `directory` is or will be, with a little to spare."""
    there = directory
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if need and need + DISK_RESERVE > free:
        raise DiskShort(need, free, str(directory))


def here_of(file: RemoteFile, into: Path) -> int:
    """Bytes of `file` that lie here already, in parts of an earlier fetch."""
    part, note = _part_of(into)
    return part.stat().st_size if part.is_file() and _same(note, file) else 0


def fetch(
    hub: Hub,
    file: RemoteFile,
    into: Path,
    *,
    progress: FetchProgress,
    check: Callable[[Path], object],
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Fetch `file` to the path `into`; → its SHA-256 in hexadecimal. Blocking.

    `check` looks at the whole part before it takes its name, and raises when it is no good. Raises
    WrongHash, HubUnreachable (go on later), PullError, OSError.
    """
    into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part, note = _part_of(into)
    with _claimed(part) as handle:
        taking = _Taking(file, handle, note, progress)
        taking.begin()
        fruitless = 0
        while not taking.complete:
            before = taking.done
            try:
                taking.take(hub)
            except HubUnreachable:
                fruitless = 0 if taking.done > before else fruitless + 1
                if fruitless >= len(WAITS_S):
                    raise
                wait(WAITS_S[fruitless])
        found = taking.digest.hexdigest()
        try:
            _expected(file.name, file.sha256, found)
            check(part)
        except Exception:
            _forget(part, note)
            raise
        os.fsync(handle)
        os.replace(part, into)
        note.unlink(missing_ok=True)
        _sync_directory(into.parent)
    return found


def copy(
    source: Path,
    into: Path,
    *,
    progress: FetchProgress,
    check: Callable[[Path], object],
    sha256: str | None = None,
) -> str:
    """Bring a local file to the path `into`; → its SHA-256, which must be `sha256` where that is
    given (WrongHash). A file that is there is only read."""
    if source.resolve() == into.resolve():
        check(into)
        return _expected(into.name, sha256, sha256_of(into, progress))
    into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part, _ = _part_of(into)
    total, done, digest = source.stat().st_size, 0, hashlib.sha256()
    with _claimed(part) as handle, source.open("rb") as reader:
        os.ftruncate(handle, 0)
        while chunk := reader.read(CHUNK_BYTES):
            digest.update(chunk)
            _write(handle, chunk)
            done += len(chunk)
            progress(into.name, done, total)
        try:
            _expected(into.name, sha256, digest.hexdigest())
            check(part)
        except Exception:
            part.unlink()
            raise
        os.fsync(handle)
        os.replace(part, into)
        _sync_directory(into.parent)
    return digest.hexdigest()


def sha256_of(path: Path, progress: FetchProgress) -> str:
    """The SHA-256 of a file that is here."""
    total, done, digest = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            progress(path.name, done, total)
    return digest.hexdigest()


class _Taking:
    """One fetch: how much is here, its running hash, and the version that it is of."""

    def __init__(self, file: RemoteFile, handle: int, note: Path, progress: FetchProgress) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.done = 0
        self.total = file.size
        self.complete = False
        self._handle = handle
        self._note = note
        self._progress = progress
        self._etag: str | None = None

    def begin(self) -> None:
        """Take up what an earlier fetch of the same file left; throw away anything else."""
        if not _same(self._note, self.file):
            self._restart()
        else:
            etag = _read_note(self._note).get("etag")
            self._etag = etag if isinstance(etag, str) else None
            os.lseek(self._handle, 0, os.SEEK_SET)
            while chunk := os.read(self._handle, CHUNK_BYTES):
                self._count(chunk)
        if self.total is not None and self.done > self.total:
            self._restart()
        self.complete = self.done == self.total
        self._say()

    def take(self, hub: Hub) -> None:
        """One request: everything that is missing. HubUnreachable when it broke off."""
        with hub.stream(self.file, self.done, etag=self._etag) as stream:
            if stream.start != self.done:
                if stream.start != 0:
                    raise PullError(
                        f"the server answered from byte {stream.start}, not {self.done}"
                    )
                self._restart()
            self.total = stream.total if self.total is None else self.total
            if stream.total not in (None, self.total):
                raise PullError(
                    f"{self.file.name} should have {self.total} bytes and its server says "
                    f"{stream.total}",
                    "it changed meanwhile: pull again",
                )
            self._etag = stream.etag
            self._say()
            for chunk in stream.chunks:
                if self.total is not None and self.done + len(chunk) > self.total:
                    raise PullError(f"{self.file.name} is longer than the {self.total} bytes said")
                _write(self._handle, chunk)
                self._count(chunk)
        if self.total is not None and self.done < self.total:
            raise HubUnreachable(f"the connection ended at byte {self.done} of {self.total}")
        self.complete = True

    def _count(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.done += len(chunk)
        self._progress(self.file.name, self.done, self.total)

    def _restart(self) -> None:
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        self.digest = hashlib.sha256()
        self.done = 0
        self._etag = None

    def _say(self) -> None:
        """Which file the part is of."""
        said = {"url": self.file.url, "sha256": self.file.sha256, "etag": self._etag}
        self._note.write_text(json.dumps({**said, "size": self.total}))


def _part_of(into: Path) -> tuple[Path, Path]:
    """→ (the growing file, the note beside it)"""
    return into.with_name(into.name + ".part"), into.with_name(into.name + ".part.json")


def _same(note: Path, file: RemoteFile) -> bool:
    """Is the part one of this very file: the same bytes by its hash, else the same address and size?"""
    said = _read_note(note)
    if file.sha256 is not None:
        return said.get("sha256") == file.sha256
    same_size = file.size is None or said.get("size") == file.size
    return said.get("sha256") is None and said.get("url") == file.url and same_size


def _read_note(note: Path) -> dict[str, str | int | None]:
    try:
        said: object = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, str | int | None]", said) if isinstance(said, dict) else {}


def _expected(name: str, expected: str | None, found: str) -> str:
    if expected is not None and found != expected.lower():
        raise WrongHash(name, expected.lower(), found)
    return found


def _forget(part: Path, note: Path) -> None:
    part.unlink(missing_ok=True)
    note.unlink(missing_ok=True)


def _write(handle: int, octets: bytes) -> None:
    left = memoryview(octets)
    while left:
        left = left[os.write(handle, left) :]


@contextmanager
def _claimed(part: Path) -> Generator[int]:
    """The part, open and ours alone."""
    handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise PullError(f"{part} is being fetched already", "wait for the other pull") from None
    try:
        yield handle
    finally:
        os.close(handle)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
