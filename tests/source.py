"""The project's own source as parsed modules: what the tests of walls, tidiness and documents read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "tokenhouse"

STONES = ("money", "ids", "clock", "errors", "config")


@dataclass(frozen=True)
class Module:
    """One file of Python. ``name`` is dotted (``tokenhouse.chat.events``), ``path`` is repo-relative."""

    name: str
    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def is_door(self) -> bool:
        return self.path.endswith("__init__.py")

    @property
    def room(self) -> str:
        """The room, stone or root module that this file belongs to (``cli_money`` is ``cli``)."""
        return room_of(self.name)


def room_of(name: str) -> str:
    """``tokenhouse.chat.events`` → ``chat``; ``tokenhouse.cli_money`` → ``cli``; the root → ``""``."""
    parts = name.split(".")
    head = parts[1].strip("_") if len(parts) > 1 else ""
    for several in ("app", "cli", *STONES):
        if head.startswith(several + "_"):
            return several
    return head


def package_modules() -> list[Module]:
    """Every module of ``src/tokenhouse``, in order of path."""
    return [_read(path, PACKAGE.parent) for path in sorted(PACKAGE.rglob("*.py"))]


def modules_below(folder: str) -> list[Module]:
    """Every module below ``folder`` of the repository (none where it does not exist)."""
    return [_read(path, ROOT) for path in sorted((ROOT / folder).rglob("*.py"))]


def module_from(name: str, text: str) -> Module:
    """A module that stands nowhere, to show that a rule bites."""
    return Module(name, name.replace(".", "/") + ".py", text)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name or an attribute of names; ``""`` of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def _read(path: Path, base: Path) -> Module:
    parts = path.relative_to(base).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
