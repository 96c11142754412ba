"""Writes the generated tables of docs/reference; ``--check`` says which are stale instead.

Each table is one entry in TABLES: a file name, a title, what it is, and a function that returns its
rows as Markdown from the code that they describe. Nothing in docs/reference is written by hand.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

import click

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by `make docs` from the code; edit that. -->"


def main(arguments: Sequence[str]) -> int:
    """Write or check every table; the exit code says whether something is or was wrong."""
    check = "--check" in arguments
    stale = [(path, text) for path, text in rendered() if _differs(path, text)]
    for path, text in stale:
        if check:
            print(f"stale: {path.relative_to(ROOT)} (run `make docs`)", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


@dataclass(frozen=True, slots=True)
class Table:
    """``needs``: the module that the table describes; where there is none yet, no page is written."""

    file: str
    title: str
    about: str
    needs: str
    rows: Callable[[], str]


def rendered() -> Iterator[tuple[Path, str]]:
    """(path, text) of every page of docs/reference."""
    for table in TABLES:
        if util.find_spec(table.needs) is not None:
            text = f"{NOTE}\n\n# {table.title}\n\n{table.about}\n\n{table.rows().strip()}\n"
            yield REFERENCE / table.file, text


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != text


def config_rows() -> str:
    """Every key of the configuration file, a table a section."""
    lines: list[str] = []
    section = ""
    for entry in import_module("tokenhouse.config").reference():
        key, kind, default, description = _cells(entry)
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            lines += ["", f"## {head}", "", "| key | type | default | what it is |"]
            lines += ["|---|---|---|---|"]
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{name}` | {kind} | {shown} | {description} |")
    return "\n".join(lines)


def _cells(entry: object) -> list[str]:
    names = [name for name in getattr(entry, "__slots__", ())] or list(vars(entry))
    return [_cell(str(getattr(entry, name))) for name in names[:4]]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def cli_rows() -> str:
    """Every verb of the command line with its arguments and options."""
    root: click.Command = import_module("tokenhouse.cli").root
    lines: list[str] = []
    for path, command in _commands(root, "tokenhouse"):
        context = click.Context(command, info_name=path)
        usage = " ".join(command.collect_usage_pieces(context))
        lines += ["", f"## `{path}`", "", inspect.cleandoc(command.help or ""), ""]
        lines += ["```", f"{path} {usage}", "```"]
        records = [option.get_help_record(context) for option in command.get_params(context)]
        options = [r for r in records if r and r[1] and not r[0].startswith(_EVERYWHERE)]
        if options:
            lines += ["", "| option | what it does |", "|---|---|"]
            lines += [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in options]
    lines += ["", "## Exit codes", "", "```", (root.epilog or "").strip("\b\n"), "```"]
    return "\n".join(lines)


_EVERYWHERE = ("--json", "--config", "--data", "--help", "-h")


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The verbs below a command; a group is not one itself."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in sorted(command.commands):
        yield from _commands(command.commands[name], f"{path} {name}")


def error_rows() -> str:
    """The four families, then every code that the house's source gives an error."""
    errors = import_module("tokenhouse.errors")
    lines = [
        "| family | whose fault | status unless said | code unless said |",
        "|---|---|---|---|",
    ]
    for kind in _families(errors):
        about = _cell((inspect.getdoc(kind) or "").split("\n\n")[0])
        lines.append(
            f"| `{kind.__name__}` | {about} | {kind.default_status} | `{kind.default_code}` |"
        )
    lines += ["", "## Codes", "", "| code | raised in |", "|---|---|"]
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "src" / "tokenhouse").rglob("*.py")):
        for code in _codes(ast.parse(path.read_text(encoding="utf-8"))):
            room = path.relative_to(ROOT / "src" / "tokenhouse").parts[0].removesuffix(".py")
            found.setdefault(code, set()).add(room)
    lines += [f"| `{code}` | {', '.join(sorted(found[code]))} |" for code in sorted(found)]
    return "\n".join(lines)


def route_rows() -> str:
    """Every route with all its spellings."""
    lines = ["| method | path | also | what it answers |", "|---|---|---|---|"]
    for route in import_module("tokenhouse.api").ROUTES:
        first, *others = [f"`{path}{'{id}' if path.endswith('/') else ''}`" for path in route.paths]
        lines.append(f"| {route.method} | {first} | {', '.join(others)} | {_cell(route.about)} |")
    lines += ["", "## Control plane", "", "| method | path | who | what it answers |"]
    lines += ["|---|---|---|---|"]
    for route in import_module("tokenhouse.api").control_routes():
        who = route.who if route.who != "member" else f"member who may `{route.right}`"
        path = route.whole.replace("...}", "}")
        lines.append(f"| {route.method} | `{path}` | {who} | {_cell(route.about)} |")
    api = import_module("tokenhouse.api")
    lines += ["", "## Operators", "", "With an access token of an operator, not a key.", ""]
    lines += ["| method | path | what it does |", "|---|---|---|"]
    for route in api.ADMIN_ROUTES:
        lines.append(f"| {route.method} | `{api.ADMIN}{route.path}` | {_cell(route.about)} |")
    lines += ["", "## Pages", "", "| path | what it shows |", "|---|---|"]
    for page in import_module("tokenhouse.pages").PAGES:
        lines.append(f"| `{page.path}` | {_cell(page.about)} |")
    lines += ["", "Pages are also Markdown: with `.md` at the end, or asked for by `Accept`."]
    return "\n".join(lines)


def _families(errors: ModuleType) -> list[type]:
    base = errors.TokenhouseError
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, base) and kind is not base]


def _codes(tree: ast.Module) -> Iterator[str]:
    """Words given as ``code=`` to an error, the default of a function's ``code``, and the
    ``default_code`` of error classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            values = [word.value for word in node.keywords if word.arg == "code"]
        elif isinstance(node, ast.FunctionDef):
            named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            values = [value for word, value in named if word.arg == "code" and value is not None]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "default_code":
            values = [node.value]
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "default_code":
            values = [node.value] if node.value is not None else []
        else:
            continue
        for value in values:
            yield from _words(value)


def _words(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _words(value.body)
        yield from _words(value.orelse)
    elif isinstance(value, ast.JoinedStr):
        parts = [next(_words(part), "…") for part in value.values]
        yield "".join(parts)


def service_rows() -> str:
    """Every service that is known by name, and where its words differ from OpenAI's."""
    lines = ["| service | kind | usual address | it can | differs | counts a prompt |"]
    lines.append("|---|---|---|---|---|---|")
    for service in import_module("tokenhouse.providers").SERVICES:
        quirks, ways = (
            service.quirks,
            {"tokenize": "`/tokenize`", "input_tokens": "`/input_tokens`"},
        )
        differs: list[str] = []
        if quirks.running_usage:
            differs.append("usage in every frame: a stream that is cut is charged exactly")
        if not quirks.usage_option:
            differs.append("takes no `stream_options`")
        if quirks.limit:
            differs.append(f"limits by `{quirks.limit}` alone")
        differs += [f"`{word}` → `{own}`" for word, own in quirks.renamed.items()]
        refused = (*quirks.refused, *(("n above 1",) if quirks.one_choice else ()))
        if refused:
            differs.append("refused: " + ", ".join(f"`{word}`" for word in refused))
        if quirks.dropped:
            differs.append("left out: " + ", ".join(f"`{word}`" for word in quirks.dropped))
        if service.priced_words:
            differs.append("priced: " + ", ".join(f"`{word}`" for word in service.priced_words))
        if service.note:
            differs.append(service.note)
        key = "" if service.key else " (no key)"
        lines.append(
            f"| `{service.name}`: {service.title} | {service.kind} | `{service.base_url}`{key} | "
            f"{', '.join(service.abilities)} | {_cell('; '.join(differs))} | "
            f"{ways.get(service.counting, '')} |"
        )
    return "\n".join(lines)


TABLES: tuple[Table, ...] = (
    Table(
        "config.md",
        "Configuration",
        "Every key of `tokenhouse.toml`. All have defaults; a key that is not here is an error.",
        "tokenhouse.config",
        config_rows,
    ),
    Table(
        "cli.md",
        "Command line",
        "Every verb. All take `--json`, `--config FILE` and `--data DIRECTORY`.",
        "tokenhouse.cli",
        cli_rows,
    ),
    Table(
        "errors.md",
        "Errors",
        "What can go wrong, by whose fault it is, and the stable `code` that a client can test for.",
        "tokenhouse.errors",
        error_rows,
    ),
    Table(
        "routes.md",
        "Routes",
        "Every path that a house answers. Inference paths stand below several prefixes.",
        "tokenhouse.api",
        route_rows,
    ),
    Table(
        "services.md",
        "Services",
        'APIs that are known by name: `service = "NAME"` in `[providers.X]`, or told by the host of '
        "`base_url`. Anything else is taken at OpenAI's (or Anthropic's) word.",
        "tokenhouse.providers",
        service_rows,
    ),
)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
