"""The projector that reads a model's images: what it takes, and whether its activation is right.

Files of it made in May 2025 say GELU for the vision tower of Mistral Small 3.1, which was trained
with SiLU: pictures are then misread, digits above all. The weights themselves are right; two
flags in the metadata tell llama.cpp which function to use, and they can be mended in place.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import WeightsError
from .gguf import Facts, peek

HEAD_BYTES: Final = 1 << 20
_GELU: Final = "clip.use_gelu"
_SILU: Final = "clip.use_silu"
_SCORE_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Projector:
    """What a projector file says. `activation` is that of the vision tower's layers."""

    file_bytes: int
    kind: str | None
    activation: str
    heads: int
    patches: int

    @property
    def suspect(self) -> bool:
        """A Pixtral tower that would not run with SiLU, as it was trained."""
        return self.kind == "pixtral" and self.activation != "silu"

    @property
    def image_bytes(self) -> int:
        """Memory that the largest image takes while it is read: each head compares each patch with
        each. For Mistral Small 3.1 that is 16 × 12,100² × 4 bytes, the 8.7 GiB that logs show."""
        return self.heads * self.patches**2 * _SCORE_BYTES


def projector_of(head: bytes, path: Path, file_bytes: int) -> Projector:
    """The projector in the first bytes of a file. Raises WeightsError when it is none."""
    facts = peek(head, path)
    if facts.values.get("general.architecture") != "clip":
        raise WeightsError(f"{path} is no projector", "name the repository's mmproj file")
    values = facts.values
    kind = values.get("clip.projector_type", values.get("clip.vision.projector_type"))
    side, patch = _number(facts, "image_size"), _number(facts, "patch_size")
    across = side // patch if patch else 0
    return Projector(
        file_bytes=file_bytes,
        kind=kind if isinstance(kind, str) else None,
        activation=_activation(facts),
        heads=_number(facts, "attention.head_count"),
        patches=across * across,
    )


def read_projector(path: Path) -> Projector:
    """The projector in a file. Raises WeightsError when it is none, OSError when it can't be read."""
    with path.open("rb") as file:
        return projector_of(file.read(HEAD_BYTES), path, path.stat().st_size)


def mend_activation(path: Path) -> bool:
    """Let the vision tower run with SiLU; → whether anything had to change.

    A mended copy takes the file's place in one step. Raises WeightsError when the file has neither
    flag, so that there is nothing to turn.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not projector_of(head, path, len(head)).suspect:
        return False
    places = peek(head, path).places
    edits: dict[int, bytes] = {}
    if _SILU in places:
        edits[places[_SILU][1]] = b"\x01"
        if _GELU in places:
            edits[places[_GELU][1]] = b"\x00"
    elif _GELU in places:
        # the two names have one length: the flag that is there becomes the one that is needed
        name, value = places[_GELU]
        edits = {name: _SILU.encode(), value: b"\x01"}
    else:
        raise WeightsError(
            f"{path} names no activation to turn", "fetch a projector made by a newer converter"
        )
    part = path.with_name(path.name + ".mending")
    shutil.copyfile(path, part)
    with part.open("r+b") as file:
        for at, octets in edits.items():
            file.seek(at)
            file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    return True


def _number(facts: Facts, key: str) -> int:
    value = facts.values.get(f"clip.vision.{key}")
    return value if isinstance(value, int) else 0


def _activation(facts: Facts) -> str:
    """As llama.cpp chooses: the flag that is set, else a fast GELU."""
    if facts.values.get(_GELU) is True:
        return "gelu"
    return "silu" if facts.values.get(_SILU) is True else "gelu_quick"
