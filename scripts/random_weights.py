"""Weights that were never trained, in the shape of Mistral Small 3.1: text model, projector, tokenizer.

    python scripts/random_weights.py DIRECTORY [VOCABULARY]

writes `noise.gguf`, `mmproj-noise.gguf`, `noise.tekken.json` and the record that `tokenhouse pull`
would leave beside them. The vocabulary is Mistral's own Tekken, cut to VOCABULARY tokens (8192;
131072 is all of it). What such a model writes is noise; the machinery around it is all real.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.engine.eyes import write_pixtral
from tests.engine.tiny import Shape, write_gguf, write_tekken

from tokenhouse.engine import Pulled, write_pulled


def main(directory: Path, vocabulary: int) -> None:
    """Write the four files into ``directory``, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    shape = Shape()
    weights = write_gguf(directory / "noise.gguf", vocabulary, shape)
    projector = write_pixtral(directory / "mmproj-noise.gguf", into=shape.width)
    write_tekken(directory / "noise.tekken.json", vocabulary)
    write_pulled(
        directory,
        Pulled(
            file=weights.name,
            bytes=weights.stat().st_size,
            sha256="0" * 64,
            source="random_weights",
            projector=projector.name,
        ),
    )
    for path in sorted(directory.iterdir()):
        print(f"{path.stat().st_size:>12,} {path}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8192)
