"""Style, scripts and pictures: read once, named by a hash of them all, kept by browsers for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tokenhouse.pages.answer import FOR_EVER, FRESH, Answer

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".png": "image/png",
}


class Static:
    """Every file below ``static/``. One version names them all, so that a script's own imports
    (``./money.js``) stay within it."""

    def __init__(self, folder: Path | None = None) -> None:
        root = Path(__file__).with_name("static") if folder is None else folder
        self.files: Mapping[str, Answer] = MappingProxyType(
            {
                path.relative_to(root).as_posix(): Answer(
                    path.read_bytes(), TYPES[path.suffix], cache=FOR_EVER
                )
                for path in sorted(root.rglob("*"))
                if path.suffix in TYPES
            }
        )
        digest = hashlib.sha256()
        for name, answer in self.files.items():
            digest.update(f"{name}\0{len(answer.body)}\0".encode() + answer.body)
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Where ``name`` is; KeyError for a file that is not there."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def answer(self, version: str, name: str) -> Answer | None:
        """The file, to be kept for ever when asked for by its true version; None: there is none."""
        found = self.files.get(name)
        if found is None or version == self.version:
            return found
        return Answer(found.body, found.content_type, cache=FRESH)
