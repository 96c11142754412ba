"""One ``serve`` per data directory: a lock that the kernel drops with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tokenhouse.errors import HouseError

NAME = "serve.lock"


class DirectoryLock:
    """An exclusive lock on a data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None

    def take(self) -> None:
        """HouseError, naming the directory, when another process serves it."""
        try:
            file = os.open(self._directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HouseError(f"can't write in the data directory: {error}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            raise HouseError(
                f"another process serves {self._directory} already; stop it first, or give another"
                " --data directory",
                code="already_served",
            ) from error
        os.ftruncate(file, 0)
        os.write(file, b"%d\n" % os.getpid())
        self._file = file

    def drop(self) -> None:
        """Idempotent."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def served_by(directory: Path) -> int | None:
    """The process that took the lock last and lives (it may be another by now: ask it); None without."""
    try:
        pid = int((directory / NAME).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid
