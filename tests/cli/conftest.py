"""A command line with a data directory of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from tokenhouse.cli import root


@dataclass(frozen=True, slots=True)
class Said:
    """What a verb said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def error(self) -> Mapping[str, str]:
        """The error object of a verb that failed with ``--json``."""
        assert self.err == ""
        return cast("Mapping[str, str]", self.json["error"])


def process_environ(**more: str) -> dict[str, str]:
    """The environment for a verb as a process of its own: our paths, nothing of the tester's."""
    return {"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "", **more}


@dataclass(frozen=True, slots=True)
class Cli:
    data: Path

    def __call__(self, *words: str, stdin: str | bytes | None = None, code: int = 0) -> Said:
        """Run a verb in the data directory; it must end with ``code``."""
        runner = CliRunner(catch_exceptions=False)
        result = runner.invoke(root, ["--data", str(self.data), *words], input=stdin)
        assert result.exit_code == code, result.output
        return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for name in ("TOKENHOUSE_DATA", "TOKENHOUSE_CONFIG", "TOKENHOUSE_API_KEY", "TOKENHOUSE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Cli(tmp_path / "house")
