"""A store on a fresh file, an account with money, and requests to run through its book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.requests import NOW

from tokenhouse.clock import ManualClock
from tokenhouse.store import SqliteStore


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokenhouse.db"


@pytest.fixture
async def store(path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, clock=clock)
    await store.start(serve=True)
    yield store
    await store.stop()
