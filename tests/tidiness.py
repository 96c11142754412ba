"""Rules of size and habit. Each measure yields (path, number, detail) of what goes beyond its limit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.source import Module, dotted, functions

FUNCTION_LINES = 60
FILE_LINES = 400
TEST_FILE_LINES = 600
PARAMETERS = 6
LINE_LENGTH = 110

BANNED_WORDS = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

_TODO = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
_LINK = re.compile(r"https?://|#\d+")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

Offence = tuple[str, int, str]


def long_functions(modules: list[Module]) -> Iterator[Offence]:
    for module in modules:
        for function in functions(module.tree):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > FUNCTION_LINES:
                yield module.path, lines, f"{function.name} has {lines} lines"


def long_files(modules: list[Module]) -> Iterator[Offence]:
    for module in modules:
        limit = TEST_FILE_LINES if module.path.startswith("tests/") else FILE_LINES
        lines = module.text.count("\n")
        if lines > limit:
            yield module.path, lines, f"{lines} lines, {limit} are allowed"


def many_parameters(modules: list[Module]) -> Iterator[Offence]:
    for module in modules:
        for function in functions(module.tree):
            every = function.args
            names = [a.arg for a in (*every.posonlyargs, *every.args, *every.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            if count > PARAMETERS:
                yield module.path, count, f"{function.name} takes {count} parameters"


def long_lines(modules: list[Module]) -> Iterator[Offence]:
    for module in modules:
        for number, line in enumerate(module.text.splitlines(), 1):
            if len(line) > LINE_LENGTH:
                yield module.path, 1, f"line {number} has {len(line)} characters"


def promises(modules: list[Module]) -> Iterator[Offence]:
    """A promise to do it later that names no issue is a promise to nobody."""
    for module in modules:
        for number, line in enumerate(module.text.splitlines(), 1):
            if (found := _TODO.search(line)) and not _LINK.search(line):
                yield module.path, 1, f"line {number}: {found.group()} without a link"


def bare_tasks(modules: list[Module]) -> Iterator[Offence]:
    """A task that belongs to no group: nobody waits for it, nobody hears it fail."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                name = dotted(node.func) or getattr(node.func, "attr", "")
                owner, _, verb = name.rpartition(".")
                loose = owner in ("", "asyncio") or "loop" in owner
                if verb == "ensure_future" or (verb == "create_task" and loose):
                    yield module.path, 1, f"line {node.lineno}: {name} outside a task group"


def wide_handlers(modules: list[Module]) -> Iterator[Offence]:
    """``except Exception`` without a ``raise`` in it hides what it did not expect."""
    for module in modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = "everything" if node.type is None else ast.unparse(node.type)
            wide = node.type is None or re.search(r"\b(Base)?Exception\b", caught)
            if wide and not any(isinstance(each, ast.Raise) for each in ast.walk(node)):
                yield module.path, 1, f"line {node.lineno}: swallows {caught}"


def banned_names(modules: list[Module]) -> Iterator[Offence]:
    """Names that say nothing of what is inside."""
    for module in modules:
        names = [(1, part) for part in module.name.split(".")]
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                if not node.name.startswith("test_"):  # those are sentences
                    names.append((node.lineno, node.name))
        for line, name in names:
            if found := BANNED_WORDS & {word.lower() for word in _WORDS.findall(name)}:
                yield module.path, 1, f"line {line}: {name!r}: {found.pop()!r} says nothing"
