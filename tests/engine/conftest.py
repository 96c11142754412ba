from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from tests.engine.tiny import write_gguf, write_tekken
from tokenhouse.engine import Engine, EngineSettings, ModelSpec, Tekken

Starter = Callable[..., Engine]


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf")


@pytest.fixture(scope="session")
def tekken_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tekken(tmp_path_factory.mktemp("tekken") / "tekken.json")


@pytest.fixture(scope="session")
def tekken(tekken_file: Path) -> Tekken:
    return Tekken.from_file(tekken_file)


@pytest.fixture
async def engine_of(weights: Path, tmp_path: Path) -> AsyncGenerator[Starter, None]:
    """Makes engines that are stopped at the end of the test."""
    made: list[Engine] = []

    def make(path: Path | None = None, *, n_ctx: int | None = 4096, **settings: object) -> Engine:
        spec = ModelSpec("tiny", weights if path is None else path, n_ctx)
        values = {"threads": 1, "restart_first_s": 0.01, **settings}
        engine = Engine(spec, EngineSettings(**values), runtime_dir=tmp_path)  # type: ignore[arg-type]
        made.append(engine)
        return engine

    yield make
    for engine in made:
        await engine.stop()
