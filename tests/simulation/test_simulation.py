"""Random worlds against the real store: no invariant may break, and broken ledgers must be caught."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.simulation.bookkeeper import Bookkeeper, Violation
from tests.simulation.mutants import MUTANTS

SEED = int(os.environ.get("TOKENHOUSE_SEED", "0")) or secrets.randbelow(2**31) + 1
"""Another world each time; a failure names its seed, and TOKENHOUSE_SEED=… runs that one again."""


def test_every_request_of_a_random_world_is_billed_for_what_it_used(tmp_path: Path) -> None:
    report = Bookkeeper(tmp_path, SEED).run(requests=3000, per_life=600)
    assert report.sent > 500
    assert report.refused > 50


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_ledger_that_is_broken_on_purpose_is_caught(mutant: str, tmp_path: Path) -> None:
    with pytest.raises(Violation):
        Bookkeeper(tmp_path, SEED, mutant=mutant).run(requests=2000, per_life=400)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_a_million_requests_leave_the_books_in_order(tmp_path: Path) -> None:
    report = Bookkeeper(tmp_path, SEED).run(requests=1_000_000, per_life=20_000)
    assert report.killed > 5
    assert report.cut > 50
