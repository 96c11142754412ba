"""What the documents say is so: rooms, words, decisions, dependencies, links, generated tables.

What they name before it exists is listed in AHEAD; a row there goes when the thing has come.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture import MAY_IMPORT
from tests.snippets import runnable, snippets
from tests.source import PACKAGE, ROOT, STONES, package_modules

DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *sorted(DOCS.rglob("*.md"))]
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))

WORDS = (
    *("house", "account", "key", "caller", "plan", "credit", "grant", "model", "author", "price"),
    *("offer", "route", "provider", "attempt", "dialect", "event", "usage", "meter", "hold"),
    *("settle", "release", "expire", "reverse", "posting", "receipt", "lease", "engine", "starter"),
    *("budget", "share", "use", "picture"),
    *("person", "member", "operator", "session", "invitation", "errand", "desk", "live", "patrol"),
    *("statement", "recording", "tier", "cap", "queue", "voucher", "lot", "fold", "prune", "audit"),
)

AHEAD_WORDS: set[str] = set()
"""Words of the glossary that nothing in the package is called by yet."""

AHEAD_FILES: set[str] = set()
"""Files that a decision names and that do not exist yet."""


@pytest.mark.parametrize("room", [*MAY_IMPORT, *STONES, "app", "cli"])
def test_every_room_has_its_paragraph(room: str) -> None:
    text = (DOCS / "structures.md").read_text(encoding="utf-8")
    assert re.search(rf"\*\*{room}\*\*", text), f"docs/structures.md says nothing of {room}"
    if room in MAY_IMPORT:
        assert re.search(rf"^\*\*{room}\*\* .{{40,}}", text, re.M), f"{room} wants a paragraph"


@pytest.mark.parametrize("word", WORDS)
def test_every_word_stands_in_the_glossary_and_in_the_code(word: str) -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    assert f"- **{word}**: " in text, f"docs/glossary.md does not explain {word!r}"
    if word in AHEAD_WORDS:
        assert word not in NAMES, f"the code has {word!r} now: take it out of AHEAD_WORDS"
    else:
        assert word in NAMES, f"nothing in the package is called {word!r}"


def test_the_glossary_has_no_word_that_is_not_listed_here() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^- \*\*(.+?)\*\*:", text, re.M)) == set(WORDS)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_ends_in_what_enforces_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    last = text.strip().split("\n\n")[-1]
    assert last.startswith("*Enforced by:*"), f"{page.name} does not end in *Enforced by:*"
    files = [name for name in re.findall(r"`([^`]+)`", last) if "/" in name and "." in name]
    assert files, f"{page.name} names no test"
    for name in files:
        if name in AHEAD_FILES:
            assert not (ROOT / name).exists(), f"{name} exists: take it out of AHEAD_FILES"
        else:
            assert (ROOT / name).exists(), f"{page.name} names {name}, which does not exist"


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_dependency_has_its_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in wanted}
    text = (DOCS / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")
    rows = " ".join(line for line in text.splitlines() if line.startswith("| `"))
    assert not [name for name in sorted(names) if f"`{name}`" not in rows]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets_parse_and_carry_no_mark_but_run(page: Path) -> None:
    for snippet in snippets(page):
        assert set(snippet.marks) <= {"run"}, f"{page.name}:{snippet.line}: {snippet.marks}"
        if snippet.language == "python":
            ast.parse(snippet.text)


def test_the_readme_shows_a_first_request_that_a_test_can_run() -> None:
    assert {snippet.language for snippet in runnable(ROOT / "README.md")} == {"sh", "python"}


def _names() -> set[str]:
    """Words of the package's modules, classes, functions, fields, parameters and columns."""
    names: set[str] = set()
    for module in package_modules():
        names |= set(module.name.split("."))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                names |= {word.lower() for word in re.findall(r"[A-Z][a-z]*", node.name)}
                names.add(node.name.lower())
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name.strip("_"))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id.strip("_"))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names.add(node.targets[0].id.strip("_").lower())
    for path in PACKAGE.rglob("*.sql"):
        names |= set(re.findall(r"[a-z_]+", path.read_text(encoding="utf-8")))
    return names


NAMES = _names()
