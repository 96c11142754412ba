"""The walls of the house as data, and the rules that hold modules against them.

Each rule takes modules and yields complaints: where, what, and which rule it breaks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tests.source import STONES, Module, dotted, functions, room_of

MAY_IMPORT: dict[str, set[str]] = {
    "chat": set(),
    "wire": {"chat"},
    "catalogue": {"chat"},
    "ledger": set(),
    "access": set(),
    "routing": {"chat", "catalogue"},
    "transport": set(),
    "engine": set(),
    "starter": set(),
    "providers": {"chat", "wire", "transport", "engine"},
    "relay": {"chat", "catalogue", "routing", "providers", "ledger", "access"},
    "billing": {"catalogue", "ledger", "access"},
    "store": {"catalogue", "ledger", "access", "billing", "relay"},
    "api": {"chat", "wire", "catalogue", "access", "relay", "billing"},
    "pages": {"catalogue", "access", "billing"},
}
"""Room → the rooms whose doors it may use. Stones are open to all; app and cli may use every door."""

ROOTS = ("", "app", "cli", "main")
"""Modules above the rooms: the package itself, the composition root, the command line, __main__."""

ANYWHERE = {"msgspec"}
LIBRARIES: dict[str, set[str]] = {
    "starlette": {"api", "pages", "app"},
    "uvicorn": {"api", "app", "cli"},
    "uvloop": {"api", "app", "cli"},
    "prometheus_client": {"api", "app"},
    "httptools": {"transport"},
    "sqlite3": {"store"},
    "psycopg": {"store"},
    "jinja2": {"pages"},
    "markupsafe": {"pages"},
    "markdown_it": {"pages"},
    "nh3": {"pages"},
    "pygments": {"pages"},
    "xllamacpp": {"engine"},
    "llguidance": {"engine"},
    "mistral_common": {"engine"},
    "tiktoken": {"engine"},
    "PIL": {"engine"},
    "huggingface_hub": {"engine"},
    "httpx2": {"engine"},
    "argon2": {"access"},
    "click": {"cli"},
    "rich": {"cli"},
    "platformdirs": {"app", "cli"},
}
"""Library → the rooms that may import it. A library that is not here has no room yet."""

DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "completions")

PURE = ("tokenhouse.routing.choose", "tokenhouse.catalogue.pricing", "tokenhouse.chat")
IMPURE = {
    "asyncio",
    "datetime",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "threading",
    "time",
}

NOT_OF_MONEY = {"http", "model", "models", "prompt", "token", "tokens"}

QUIET_CALLS = {
    *("sse.data", "sse.event", "sse.comment"),  # a frame around a constant is a constant
    *("frozenset", "tuple", "bytes", "str", "int", "float", "range", "len", "min", "max", "sum"),
    *("sorted", "ord", "chr", "object", "property", "staticmethod", "classmethod", "bytes.fromhex"),
    *("dataclass", "dataclasses.dataclass", "field", "dataclasses.field", "auto", "enum.auto"),
    *("re.compile", "MappingProxyType", "types.MappingProxyType", "struct.Struct", "cast", "Path"),
    *("TypeVar", "ParamSpec", "NewType", "namedtuple", "NamedTuple", "logging.getLogger"),
    *("msgspec.field", "msgspec.Meta", "msgspec.Raw", "Meta", "Raw", "ContextVar"),
    *(
        "json.Decoder",
        "json.Encoder",
        "msgspec.json.Decoder",
        "msgspec.json.Encoder",
        "Decoder",
        "Encoder",
        "operator.attrgetter",
    ),
    *(
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
        "str.maketrans",
        "dict.fromkeys",
    ),
}
"""What may be called while a module is imported: pure constructors, no more."""
QUIET_IN = {"config": {"key"}}
"""The same for one room: config's ``key`` makes a dataclass field that carries its own reference."""

QUIET_METHODS = {
    "encode",
    "decode",
    "join",
    "split",
    "items",
    "keys",
    "values",
    "union",
    "upper",
    "with_name",
}
"""Methods that may be called at import on literals and UPPER_CASE constants."""


_ENVIRONMENT = {("os", name) for name in ("environ", "environb", "getenv", "putenv")}


def imports(module: Module) -> Iterator[tuple[int, str, str]]:
    """(line, module, name) of every import, wherever it stands; ``name`` is "" for ``import x``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                package = module.name if module.is_door else module.name.rpartition(".")[0]
                base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
                source = f"{base}.{source}".rstrip(".")
            for alias in node.names:
                yield node.lineno, source, alias.name


def broken_walls(modules: list[Module]) -> Iterator[str]:
    """Rule: a room imports only the rooms that the table allows, from their doors."""
    for module in modules:
        for line, source, name in imports(module):
            if source.split(".")[0] == "tokenhouse" and (fault := _wall(module, source, name)):
                yield f"{module.path}:{line}: {fault}"


def _wall(module: Module, source: str, name: str) -> str:
    target = room_of(source) or (room_of(f"tokenhouse.{name}") if name else "")
    if module.room in STONES and target not in ("", *STONES):
        return f"stone {module.room!r} imports {target!r}: stones import only stones"
    if target in ("", "__version__", module.room, *STONES):
        return ""
    if module.room not in ROOTS and target not in MAY_IMPORT.get(module.room, set()):
        allowed = ", ".join(sorted(MAY_IMPORT.get(module.room, set()))) or "only the stones"
        return f"wall: {module.room!r} may not import {target!r} (it may import: {allowed})"
    if target in MAY_IMPORT and (source.count(".") > 1 or not name):
        return f"door: {source!r} is behind a door; write `from tokenhouse.{target} import …`"
    return ""


def libraries_out_of_room(modules: list[Module]) -> Iterator[str]:
    """Rule: one library, one room; stones import only the standard library."""
    for module in modules:
        for line, source, _ in imports(module):
            top = source.split(".")[0]
            if top == "tokenhouse" or (top not in LIBRARIES and top in sys.stdlib_module_names):
                continue
            where = f"{module.path}:{line}"
            if module.room in STONES:
                yield f"{where}: {top!r} in a stone: stones import only the standard library"
            elif top not in LIBRARIES and top not in ANYWHERE:
                yield f"{where}: {top!r} has no room: give it one and a row in decisions/0002"
            elif top in LIBRARIES and module.room not in LIBRARIES[top]:
                rooms = ", ".join(sorted(LIBRARIES[top]))
                yield f"{where}: one library, one room: {top!r} belongs to {rooms}"


def readers_of_the_environment(modules: list[Module]) -> Iterator[str]:
    """Rule: os.environ only in config."""
    for module in modules:
        if module.room == "config":
            continue
        lines = [line for line, source, name in imports(module) if (source, name) in _ENVIRONMENT]
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and ("os", node.attr) in _ENVIRONMENT:
                lines += [node.lineno] if dotted(node.value) == "os" else []
        for line in lines:
            yield f"{module.path}:{line}: only config reads the environment"


def dialects_that_meet(modules: list[Module]) -> Iterator[str]:
    """Rule: one dialect never imports another; they meet in chat."""
    for module in modules:
        mine = _dialect(module.name)
        if mine is None or module.room != "wire":
            continue
        for line, source, name in imports(module):
            theirs = _dialect(source) or _dialect(f"{source}.{name}")
            if source.startswith("tokenhouse.wire") and theirs not in (None, mine):
                yield f"{module.path}:{line}: {mine} imports {theirs}: dialects meet in chat only"


def _dialect(name: str) -> str | None:
    part = [*name.split("."), "", ""][2].strip("_")
    return next((d for d in DIALECTS if part == d or part.startswith(d + "_")), None)


def impure_where_pure(modules: list[Module]) -> Iterator[str]:
    """Rule: routing.choose, catalogue.pricing and chat are pure; ledger never hears of tokens."""
    for module in modules:
        if any(module.name == name or module.name.startswith(name + ".") for name in PURE):
            for line, source, _ in imports(module):
                if source.split(".")[0] in IMPURE:
                    yield f"{module.path}:{line}: {module.name} is pure: no {source!r} here"
        if module.room == "ledger":
            for line, word in _identifiers(module.tree):
                if found := NOT_OF_MONEY & set(word.lower().split("_")):
                    yield f"{module.path}:{line}: ledger never hears of {found.pop()!r} ({word})"


def _identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def frozen_classes(modules: list[Module]) -> set[str]:
    """Names of classes whose values can't change: frozen dataclasses and structs, named tuples."""
    return {
        node.name
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and _is_frozen(node)
    }


def _is_frozen(node: ast.ClassDef) -> bool:
    words = [k for c in node.decorator_list if isinstance(c, ast.Call) for k in c.keywords]
    frozen = [k for k in (*words, *node.keywords) if k.arg == "frozen"]
    return bool(frozen) or any(dotted(base).endswith("NamedTuple") for base in node.bases)


def busy_imports(modules: list[Module], frozen: set[str]) -> Iterator[str]:
    """Rule: nothing happens at import; no module-level state."""
    for module in modules:
        for statement in module.tree.body:
            for line, fault in _busy(statement, module, frozen):
                yield f"{module.path}:{line}: at import: {fault}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Global):
                yield f"{module.path}:{node.lineno}: `global`: no module-level state"
        for function in functions(module.tree):
            for decorator in function.decorator_list:
                name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
                if name.rpartition(".")[2] in ("cache", "lru_cache"):
                    yield f"{module.path}:{function.lineno}: @{name} is module-level state"


def _busy(node: ast.stmt, module: Module, frozen: set[str]) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.For | ast.While | ast.With):
        yield node.lineno, f"`{type(node).__name__.lower()}`: nothing happens at import"
    elif isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
        return
    elif isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
        return
    elif isinstance(node, ast.Assign | ast.AnnAssign) and not isinstance(node, ast.ClassDef):
        yield from _state(node)
    for call in _calls_at_import(node):
        if not _is_quiet(call, module, frozen):
            yield call.lineno, f"{ast.unparse(call)[:60]}: nothing happens at import"


def _state(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[int, str]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    mutable = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    for target in targets:
        name = dotted(target)
        if isinstance(node.value, mutable) and name != "__all__" and name != name.upper():
            yield node.lineno, f"{name}: no module-level mutable state (constants are UPPER_CASE)"


def _calls_at_import(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, ast.Call):
        yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inner: list[ast.AST] = [*node.decorator_list, *node.args.defaults]
        inner += [default for default in node.args.kw_defaults if default is not None]
    elif isinstance(node, ast.Lambda):
        inner = []
    elif isinstance(node, ast.AnnAssign):
        inner = [] if node.value is None else [node.value]
    else:
        inner = list(ast.iter_child_nodes(node))
    for child in inner:
        yield from _calls_at_import(child)


def _is_quiet(call: ast.Call, module: Module, frozen: set[str]) -> bool:
    name = dotted(call.func)
    if name in QUIET_CALLS | QUIET_IN.get(module.room, set()):
        return True
    last = name.rpartition(".")[2]
    if _aliases(module).get(last, last) in frozen:
        return True
    if module.room == "cli":
        root, _, verb = name.partition(".")
        return root == "click" or verb in ("command", "group", "result_callback")
    if isinstance(call.func, ast.Attribute) and call.func.attr in QUIET_METHODS:
        receiver = call.func.value
        if isinstance(receiver, ast.Call):
            return _is_quiet(receiver, module, frozen)
        constant = dotted(receiver).rpartition(".")[2]
        return not constant or constant == constant.upper()
    return False


def _aliases(module: Module) -> dict[str, str]:
    """``from x import A as B`` → {"B": "A"}."""
    froms = [node for node in module.tree.body if isinstance(node, ast.ImportFrom)]
    return {a.asname: a.name for node in froms for a in node.names if a.asname is not None}


def faults_of_doors(modules: list[Module]) -> Iterator[str]:
    """Rule: a door has a docstring that says what the room refuses to know, and a sorted __all__.

    Sorted plainly, or plainly with constants first and functions last.
    """
    for module in modules:
        if module.room not in MAY_IMPORT or not module.is_door or module.name.count(".") != 1:
            continue
        if "refuse" not in (ast.get_docstring(module.tree) or "").lower():
            yield f"{module.path}:1: a door's docstring says what the room knows and refuses to know"
        names = exported(module)
        if names is None:
            yield f"{module.path}:1: a door has an `__all__` that is a plain list"
            continue
        if names not in (sorted(set(names)), sorted(set(names), key=_constants_first)):
            yield f"{module.path}:1: __all__ is sorted and names each thing once"
        for name in sorted(set(names) - _bound(module.tree)):
            yield f"{module.path}:1: __all__ names {name!r}, which the door does not have"


def names_not_on_the_door(modules: list[Module]) -> Iterator[str]:
    """Rule: what one room takes from another is in the other's __all__."""
    doors = {m.name: exported(m) for m in modules if m.is_door and m.room in MAY_IMPORT}
    for module in modules:
        for line, source, name in imports(module):
            taken = {name} if source in doors else set[str]()
            door = source if taken else f"{source}.{name}"
            if source == "tokenhouse" and door in doors:
                taken = _attributes_of(module, name)
            if room_of(door) != module.room:
                for missing in sorted(taken - set(doors.get(door) or taken)):
                    yield f"{module.path}:{line}: {missing!r} is not in __all__ of {door}"


def _attributes_of(module: Module, name: str) -> set[str]:
    """``name.x`` for every x, unless ``name`` is also something else in the module."""
    nodes = list(ast.walk(module.tree))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if name in stored | {n.arg for n in nodes if isinstance(n, ast.arg)}:
        return set()
    attributes = (n for n in nodes if isinstance(n, ast.Attribute))
    return {n.attr for n in attributes if isinstance(n.value, ast.Name) and n.value.id == name}


def exported(module: Module) -> list[str] | None:
    """The door's ``__all__`` as it is written, or None when it has none that can be read."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == "__all__":
            value = node.value
            if isinstance(value, ast.List | ast.Tuple):
                return [str(e.value) for e in value.elts if isinstance(e, ast.Constant)]
    return None


def _constants_first(name: str) -> tuple[int, str]:
    if name == name.upper():
        return 0, name
    return 1 if name[0].isupper() else 2, name


def _bound(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {dotted(target) for target in node.targets}
        elif isinstance(node, ast.AnnAssign):
            names.add(dotted(node.target))
    return names
