from __future__ import annotations

import subprocess
import sys

import tokenhouse.engine as engine


def test_the_door_is_sorted_and_whole() -> None:
    assert list(engine.__all__) == sorted(engine.__all__)
    assert all(hasattr(engine, name) for name in engine.__all__)


def test_importing_the_room_loads_no_engine_and_no_tokenizer() -> None:
    heavy = "xllamacpp", "tiktoken", "mistral_common", "llguidance", "numpy", "pydantic"
    code = f"import sys, tokenhouse.engine; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert out.stdout.strip() == "[]"
