"""A private directory for one engine's socket and key."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from .errors import EngineDown

SOCKET: Final = "e.sock"
"""llama.cpp takes a host for a path by this ending."""

KEY_FILE: Final = "key"
_SOCKET_PATH_LIMIT: Final = 107
_PREFIX: Final = "th-engine-"


def private_directory(parent: Path | None) -> Path:
    """A new directory (0700) whose socket path is short enough; the dead ones' are removed."""
    roots = ([] if parent is None else [parent]) + [Path(tempfile.gettempdir()), Path("/tmp")]  # nosec B108
    for root in roots:
        if len(os.fsencode(root / f"{_PREFIX}{2**22}-12345678" / SOCKET)) > _SOCKET_PATH_LIMIT:
            continue
        _sweep(root)
        return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root))
    raise EngineDown(
        "no directory has a path short enough for a unix socket", "set TMPDIR to a short path"
    )


def _sweep(root: Path) -> None:
    """Remove what a killed house left: its name holds the process that made it."""
    for left in root.glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).split("-", 1)[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
