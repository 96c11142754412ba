"""Checkpoints: made when they are worth it, beside the writer, and the log starts over when too long."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tokenhouse.store import checkpoint
from tokenhouse.store.checkpoint import LOOKS_WHEN_QUIET, WORTH_IT, Checkpointer
from tokenhouse.store.schema import connect


def test_a_checkpoint_is_made_when_it_is_worth_it_or_after_a_while(path: Path) -> None:
    with closing(connect(path)) as db, closing(connect(path)) as writer:
        checkpointer = Checkpointer(partial(connect, path), writer)
        writer.execute("CREATE TABLE t (x)")
        for _ in range(WORTH_IT):
            writer.execute("INSERT INTO t VALUES (1)")
            checkpointer.committed(patient=True)
        size = path.stat().st_size
        checkpointer.look(db)
        grown = path.stat().st_size
        assert grown > size
        writer.execute("CREATE TABLE u (x)")
        checkpointer.committed(patient=True)
        for _ in range(LOOKS_WHEN_QUIET - 1):
            checkpointer.look(db)
        assert path.stat().st_size == grown
        checkpointer.look(db)
        assert path.stat().st_size > grown


def test_a_log_that_grew_too_long_starts_over_at_the_writers_next_commit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "OVERGROWN_PAGES", 100)
    log = path.with_name(path.name + "-wal")
    with closing(connect(path)) as db, closing(connect(path)) as writer:
        checkpointer = Checkpointer(partial(connect, path), writer)
        writer.execute("CREATE TABLE t (x)")
        for _ in range(WORTH_IT):
            writer.execute("INSERT INTO t VALUES (1)")
            checkpointer.committed(patient=True)
        checkpointer.look(db)
        writer.execute("INSERT INTO t VALUES (1)")
        checkpointer.committed(patient=True)
        size = log.stat().st_size
        for _ in range(50):
            writer.execute("INSERT INTO t VALUES (1)")
        assert log.stat().st_size == size


def test_the_commit_behind_a_full_checkpoint_is_known_to_wait_for_the_disk(path: Path) -> None:
    with closing(connect(path)) as db, closing(connect(path)) as writer:
        checkpointer = Checkpointer(partial(connect, path), writer)
        writer.execute("CREATE TABLE t (x)")
        for _ in range(WORTH_IT):
            checkpointer.committed(patient=False)
        assert not checkpointer.waits
        checkpointer.look(db)  # moves all of it: the log starts over, with a head that is synced
        assert checkpointer.waits
        checkpointer.committed(patient=False)  # not tended yet
        assert checkpointer.waits
        checkpointer.committed(patient=True)
        assert not checkpointer.waits
