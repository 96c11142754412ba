"""How a table of ``tokenhouse.toml`` is read: one declaration per key, mistakes gathered, not thrown.

A section is a frozen dataclass whose fields carry a :class:`Key` in their ``Annotated``: one line of
description, the form of the value. Reading, the commented default file and the reference page all
come from that one declaration. :class:`Reader` gathers every mistake of a file before it complains.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal, TypeVar, cast, get_type_hints

T = TypeVar("T")

Form = Literal[
    "text",
    "whole number",
    "number",
    "true or false",
    "size",
    "list of texts",
    "secret",
    "date",
    "USD per 1M tokens",
    "USD",
    "table",
    "list of tables",
]

_SIZE = re.compile(r"(\d{1,15})\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.ASCII)
_SIZES: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_EXPECTED: Final[Mapping[Form, str]] = {
    "text": 'a text like "abc"',
    "whole number": "a whole number",
    "number": "a number",
    "true or false": "true or false",
    "size": 'a size like "32MB", "64KiB" or a number of bytes',
    "list of texts": 'a list of texts like ["a", "b"]',
    "secret": 'a reference to a secret: "env:NAME" or "file:PATH" (the secret itself never stands here)',
    "date": "a date like 2026-02-20 (without quotes)",
    "USD per 1M tokens": 'exact US dollars per 1M tokens, in quotes, like "0.35"',
    "USD": 'exact US dollars, in quotes, like "1.00"',
    "table": "a table",
    "list of tables": "a list of tables",
}


class ConfigError(Exception):
    """Mistakes in the settings, one sentence each; ``str(error)`` names the file and all of them."""

    def __init__(self, problems: Sequence[str], source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        head = f"{source}: " if source else ""
        if len(self.problems) == 1:
            super().__init__(head + self.problems[0])
        else:
            lines = "".join(f"\n  {problem}" for problem in self.problems)
            super().__init__(f"{head}{len(self.problems)} mistakes:{lines}")


class Secret:
    """A secret that no repr, log line or traceback shows. ``source`` says where it came from."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        self._value = value
        self.source = source

    def reveal(self) -> str:
        """The secret itself, for the one who sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.source})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Key:
    """What is said of one key, in its ``Annotated``: its description and, where the default does not tell,
    the form of its value. ``within`` are both bounds, included; ``shown`` is the TOML that stands for
    the default in the commented file."""

    doc: str
    form: Form | None = None
    within: tuple[float | None, float | None] = (0, None)
    choices: tuple[str, ...] = ()
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """A key of a section: its form is known, its ``default`` is a value."""

    name: str
    key: Key
    form: Form
    default: object


def declared(section: type[object]) -> tuple[Declared, ...]:
    """The keys that a section declares, in order; a field without a Key is none."""
    hints = get_type_hints(section, include_extras=True)
    found: list[Declared] = []
    for field in dataclasses.fields(cast("type", section)):
        for note in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(note, Key):
                form = note.form or _form_of(field.default)
                found.append(Declared(field.name, note, form, field.default))
    return tuple(found)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``; did you mean "port"?`` or, without a near one, the known words."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known here: {', '.join(known)}" if known else ""


class Reader:
    """Reads tables into sections and gathers what is wrong, each with its ``section.key``."""

    __slots__ = ("_base", "_declared", "_environ", "problems")

    def __init__(self, environ: Mapping[str, str], base: Path) -> None:
        self._environ = environ
        self._base = base
        self._declared: dict[type[object], dict[str, Declared]] = {}
        self.problems: list[str] = []

    def section(self, kind: type[T], table: object, where: str, **given: object) -> T:
        """Read ``table`` as a ``kind``; ``given`` are its fields that are no keys. A wrong or unknown
        key is noted in ``problems`` and its default stands in."""
        values: dict[str, object] = dict(given)
        keys = self._keys(kind)
        if not isinstance(table, Mapping):
            self.wrong(where, f"expected a table, got {_shown(table)}")
            return kind(**values)
        for name, value in cast("Mapping[str, object]", table).items():
            at = f"{where}.{name}" if where else name
            key = keys.get(name)
            if key is None:
                self.wrong(at, "unknown key" + did_you_mean(name, tuple(keys)))
                continue
            read = self._value(key, value, at)
            if read is not None:
                values[name] = read
        return kind(**values)

    def wrong(self, where: str, sentence: str) -> None:
        """Note a mistake."""
        self.problems.append(f"{where}: {sentence}" if where else sentence)

    def done(self, source: str = "") -> None:
        """Raise ConfigError when anything was wrong."""
        if self.problems:
            raise ConfigError(self.problems, source)

    def secret(self, reference: str, where: str) -> Secret | None:
        """``env:NAME`` or ``file:PATH`` → Secret; None (and a problem noted) when it is missing."""
        scheme, _, name = reference.partition(":")
        if scheme == "env" and name:
            value = self._environ.get(name)
            if value:
                return Secret(value, reference)
            state = "is empty" if value == "" else "is not set"
            self.wrong(where, f'the environment variable {name} {state} ("{reference}")')
            return None
        if scheme == "file" and name:
            path = self._base / Path(name).expanduser()
            try:
                text = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                self.wrong(where, f'the file {path} cannot be read ("{reference}"): {reason}')
                return None
            if text:
                return Secret(text, reference)
            self.wrong(where, f'the file {path} is empty ("{reference}")')
            return None
        self.wrong(where, f"expected {_EXPECTED['secret']}")
        return None

    def _keys(self, kind: type[object]) -> dict[str, Declared]:
        keys = self._declared.get(kind)
        if keys is None:
            keys = self._declared[kind] = {each.name: each for each in declared(kind)}
        return keys

    def _value(self, key: Declared, value: object, at: str) -> object | None:
        if key.form == "secret":
            if value == "":
                return None
            if isinstance(value, str):
                return self.secret(value, at)
            self.wrong(at, f"expected {_EXPECTED['secret']}")
            return None
        read = _FORMS[key.form](value)
        if read is None or not _fits(key.key, read):
            hint = did_you_mean(value, key.key.choices) if isinstance(value, str) else ""
            self.wrong(at, f"expected {_expected(key)}, got {_shown(value)}{hint}")
            return None
        return read


def toml(value: object) -> str:
    """A default as TOML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return f"[{', '.join(toml(item) for item in cast('tuple[object, ...]', value))}]"
    return str(value)


def _form_of(default: object) -> Form:
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, int):
        return "whole number"
    if isinstance(default, float):
        return "number"
    return "list of texts" if isinstance(default, tuple) else "text"


def _fits(key: Key, read: object) -> bool:
    low, high = key.within
    if isinstance(read, int | float) and not isinstance(read, bool):
        return (low is None or read >= low) and (high is None or read <= high)
    return not key.choices or read in key.choices


def _expected(key: Declared) -> str:
    if key.key.choices:
        return "one of " + ", ".join(f'"{choice}"' for choice in key.key.choices)
    words = _EXPECTED[key.form]
    low, high = key.key.within
    if key.form in ("whole number", "number"):
        if high is not None:
            words += f" from {low} to {high}"
        elif low is not None:
            words += f" of {low} or more"
    return words


def _shown(value: object) -> str:
    text = toml(value) if isinstance(value, bool | str) else repr(value)
    if isinstance(value, Mapping):
        text = "a table"
    elif isinstance(value, list):
        text = "a list"
    return text if len(text) <= 80 else text[:77] + "…"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _size(value: object) -> int | None:
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        return None if match is None else int(match[1]) * _SIZES[match[2] or "B"]
    return _whole(value)


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    return tuple(cast("list[str]", items)) if all(isinstance(i, str) for i in items) else None


def _date(value: object) -> date | None:
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _table(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None


def _tables(value: object) -> tuple[Mapping[str, object], ...] | None:
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    if not all(isinstance(item, Mapping) for item in items):
        return None
    return tuple(cast("list[Mapping[str, object]]", items))


_FORMS: Final[Mapping[Form, Callable[[object], object | None]]] = {
    "text": _text,
    "whole number": _whole,
    "number": _number,
    "true or false": _truth,
    "size": _size,
    "list of texts": _texts,
    "date": _date,
    "USD per 1M tokens": _text,
    "USD": _text,
    "table": _table,
    "list of tables": _tables,
}
