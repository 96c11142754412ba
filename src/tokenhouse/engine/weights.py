"""The weights that lie here, and where each came from: a record `NAME.gguf.pulled.json` beside each."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, cast

SUFFIX: Final = ".pulled.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """Where a file came from. `sha256` is that of the bytes fetched; `model` the catalogue id that it
    was fetched for; `projector` the name of the projector that goes with it; `mended`: its
    activation was turned afterwards. None is unknown or none."""

    file: str
    bytes: int
    sha256: str
    source: str
    repo: str | None = None
    revision: str | None = None
    model: str | None = None
    projector: str | None = None
    mended: bool = False


def write_pulled(directory: Path, pulled: Pulled) -> None:
    """Record where a file of `directory` came from; in one step."""
    path = directory / (pulled.file + SUFFIX)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(asdict(pulled), indent=2) + "\n")
    os.replace(part, path)


def read_pulled(weights: Path) -> Pulled | None:
    """The record beside a file; None without one that can be read."""
    try:
        said: object = json.loads((weights.with_name(weights.name + SUFFIX)).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict):
        return None
    table = cast("dict[str, object]", said)
    known = {field.name: table[field.name] for field in fields(Pulled) if field.name in table}
    if not all(isinstance(known.get(name), str) for name in ("file", "sha256", "source")):
        return None
    return Pulled(**known)  # pyright: ignore[reportArgumentType]


def find_weights(directory: Path, named: str | None, model: str) -> Path | None:
    """The weights of a model: the file that its row names, else the newest that was pulled for it."""
    if named is not None and (directory / named).is_file():
        return directory / named
    found: list[Path] = []
    for record in directory.glob("*" + SUFFIX):
        weights = record.with_name(record.name.removesuffix(SUFFIX))
        pulled = read_pulled(weights)
        if pulled is not None and pulled.model == model and weights.is_file():
            found.append(weights)
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def find_projector(weights: Path) -> Path | None:
    """The projector that was pulled with these weights; None where there is none."""
    pulled = read_pulled(weights)
    if pulled is None or pulled.projector is None:
        return None
    path = weights.with_name(pulled.projector)
    return path if path.is_file() else None
