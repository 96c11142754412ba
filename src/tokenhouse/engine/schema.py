"""JSON schemas as an engine can hold an answer to them. Pure.

What says nothing about an answer (titles, examples, …) is left out, for a grammar is compiled anew for
each answer. An object that names its properties takes no others, as every client means it: what then
satisfies the narrower schema satisfies the client's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Final, cast

from .errors import SchemaRefused

Schema = Mapping[str, object]
Place = tuple[str | int, ...]
"""Where something stands in a schema: names of fields and numbers of items, from the root on."""

SCHEMA_DEPTH: Final = 40
"""How many schemas may stand one inside the other (llguidance gives up at 128 levels of JSON)."""

COUNT_MOST: Final = 100_000
"""Items or properties that a schema may count to, all its counts together: llama.cpp builds a rule for
each, 0.7 microseconds and 700 bytes of it."""

TAIL_MOST: Final = 28
"""Bytes that a constant may have behind the first backslash of its JSON: of longer ones llama.cpp's grammar
allows the beginning alone."""

LOOK_S: Final = 1.0
"""How long a refused schema is searched for what is wrong with it."""

_MAPS: Final = ("properties", "patternProperties", "dependentSchemas")
_DEFINITIONS: Final = ("$defs", "definitions")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_ONES: Final = (
    "items", "additionalProperties", "additionalItems", "contains", "propertyNames", "not", "if",
    "then", "else", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_SAYS_NOTHING: Final = frozenset(
    {
        "title", "description", "default", "examples", "example", "$comment", "deprecated", "readOnly",
        "writeOnly", "contentMediaType", "contentEncoding", "contentSchema", "discriminator",
        "externalDocs", "xml",
    }
)  # fmt: skip
_UNENFORCED: Final = frozenset(
    {
        "uniqueItems", "not", "if", "then", "else", "contains", "minContains", "maxContains",
        "propertyNames", "dependentRequired", "dependentSchemas", "dependencies",
        "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$dynamicAnchor", "$recursiveRef",
        "$recursiveAnchor",
    }
)  # fmt: skip
_FORMATS: Final = frozenset(
    {
        "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid",
        "unknown",
    }
)  # fmt: skip
_CONSTANTS: Final = ("const", "enum")
_COUNTS_MOST: Final = ("maxItems", "maxProperties")
_COUNTS: Final = ("minItems", "minProperties", *_COUNTS_MOST)
_MIXES: Final = ("anyOf", "oneOf", "$ref", "properties", "required", "additionalProperties")


def prepared(schema: Schema, *, relaxed: bool = False) -> Schema:
    """The schema as it is compiled. ``relaxed``: without the keywords that are known not to be
    enforceable, ``oneOf`` as ``anyOf``. Raises SchemaRefused for one that is nested too deeply, or
    counts too far."""
    closes = not any(_composes(part) for _, part in walk(schema))
    made = _prepared(schema, relaxed=relaxed, closes=closes)
    _check_counts(made)
    for place, part in walk(made):
        for name in _CONSTANTS:
            if name in part and _is_cut(part[name]):
                raise SchemaRefused(
                    f"{name!r} cannot be enforced: llama.cpp cuts texts with more than {TAIL_MOST} bytes "
                    "behind a quote, a backslash or a line break",
                    name,
                    place=(*place, name),
                )
    return made


def walk(schema: Schema) -> Iterator[tuple[Place, Schema]]:
    """Every schema that stands in ``schema``, itself first. SchemaRefused when they go too deep."""
    waiting: list[tuple[Place, int, Schema]] = [((), 1, schema)]
    while waiting:
        place, depth, part = waiting.pop()
        if depth > SCHEMA_DEPTH:
            raise SchemaRefused(
                f"the schema is nested more than {SCHEMA_DEPTH} levels deep", place=place
            )
        yield place, part
        waiting += ((place + at, depth + 1, inner) for at, inner in _children(part))


def culprit(schema: Schema, fails: Callable[[Schema], bool]) -> tuple[Place, str | None]:
    """Where ``schema``, which ``fails``, first does so, and the keyword that stands there (None: a
    schema that is a bare false, or too large to look further). It is tried with ever fewer of its parts.
    """
    place: Place = ()
    ends = monotonic() + LOOK_S
    while True:
        inside = [at for at, _ in _children(at_place(schema, place), every=True)]
        if not inside or fails(_without(schema, place, inside)):
            break
        low, high = 0, len(inside)  # with `low` of them it passes, with `high` it fails
        while high - low > 1:
            if monotonic() > ends:
                return place, None
            middle = (low + high) // 2
            if fails(_without(schema, place, inside[middle:])):
                high = middle
            else:
                low = middle
        schema = _without(schema, place, inside[high:])
        place += inside[low]
    own = at_place(schema, place)
    bare = _without(schema, place, [at for at, _ in _children(own, every=True)])
    said: dict[str, object] = {}
    for name, value in at_place(bare, place).items():
        said[name] = value
        if monotonic() < ends and fails(_put(bare, place, dict(said))):
            return (*place, name), name
    return place, None


def at_place(schema: object, place: Place) -> Schema:
    """The schema that stands there ({} for one that is a bare true or false)."""
    for step in place:
        schema = cast("dict[object, object]", schema)[step]
    return cast(Schema, schema) if isinstance(schema, dict) else {}


def without(schema: Schema, place: Place) -> Schema:
    """The schema without the keyword that stands there."""
    holder = {name: value for name, value in at_place(schema, place[:-1]).items()}
    holder.pop(str(place[-1]), None)
    return _put(schema, place[:-1], holder)


def _children(schema: Schema, *, every: bool = False) -> list[tuple[Place, Schema]]:
    """The schemas directly inside, definitions last; ``every``: also those that are true or false."""
    found: list[tuple[Place, object]] = []
    for name in _MAPS + _DEFINITIONS:
        inner = schema.get(name)
        if isinstance(inner, dict):
            found += (((name, key), part) for key, part in cast("dict[str, object]", inner).items())
        if name == _MAPS[-1]:
            for listed in _LISTS:
                parts = schema.get(listed)
                if isinstance(parts, list):
                    found += (
                        ((listed, i), part) for i, part in enumerate(cast("list[object]", parts))
                    )
            found += (((one,), schema[one]) for one in _ONES if one in schema)
    return [
        (place, cast(Schema, part) if isinstance(part, dict) else {})
        for place, part in found
        if isinstance(part, dict) or (every and isinstance(part, bool))
    ]


def _composes(schema: Schema) -> bool:
    """Does it join schemas, so that what one of them does not name, another may?"""
    if "allOf" in schema or "dependentSchemas" in schema or "if" in schema:
        return True
    mixed = sum(name in schema for name in _MIXES)
    return mixed > 1 and any(name in schema for name in ("anyOf", "oneOf", "$ref"))


def _prepared(schema: Schema, *, relaxed: bool, closes: bool) -> dict[str, object]:
    made = _kept(schema, relaxed=relaxed)

    def inner(part: object) -> object:
        if not isinstance(part, dict):
            return part
        return _prepared(cast(Schema, part), relaxed=relaxed, closes=closes)

    for name in _MAPS + _DEFINITIONS:
        parts = made.get(name)
        if isinstance(parts, dict):
            known = cast("dict[str, object]", parts)
            made[name] = {key: inner(part) for key, part in known.items()}
    for name in {*_LISTS, *_ONES}:  # "items" is both
        parts = made.get(name)
        if isinstance(parts, list):
            made[name] = [inner(part) for part in cast("list[object]", parts)]
        elif name in made:
            made[name] = inner(parts)
    if closes and _is_closed(made):
        made["additionalProperties"] = False
    return made


def _kept(schema: Schema, *, relaxed: bool) -> dict[str, object]:
    """The keywords that say something about an answer."""
    kept = {
        name: value
        for name, value in schema.items()
        if name not in _SAYS_NOTHING
        and not (name == "uniqueItems" and value is False)
        and not (name in _COUNTS_MOST and isinstance(value, int) and value > COUNT_MOST)
    }
    if relaxed:
        if "oneOf" in kept and "anyOf" not in kept:
            kept["anyOf"] = kept.pop("oneOf")
        for name in _UNENFORCED & kept.keys():
            del kept[name]
        for name in _CONSTANTS:
            if name in kept and _is_cut(kept[name]):
                del kept[name]
        if "format" in kept and kept["format"] not in _FORMATS:
            del kept["format"]
    return kept


def _check_counts(schema: Schema) -> None:
    """Wherever they stand: a ``$ref`` can point into what is no schema otherwise."""
    counted = 0
    waiting: list[tuple[Place, object]] = [((), schema)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, list):
            waiting += (((*place, i), item) for i, item in enumerate(cast("list[object]", value)))
            continue
        if not isinstance(value, dict):
            continue
        for name, item in cast("dict[str, object]", value).items():
            if name in _COUNTS and isinstance(item, int | float):
                counted += max(0, item)
                if counted > COUNT_MOST:
                    raise SchemaRefused(
                        f"{name!r} cannot be enforced beyond {COUNT_MOST}, all counts together",
                        name,
                        place=(*place, name),
                    )
            else:
                waiting.append(((*place, name), item))


def _is_cut(value: object) -> bool:
    """Is a text in it cut by llama.cpp?"""
    if isinstance(value, str):
        written = json.dumps(value, ensure_ascii=False)[1:-1].replace("\x7f", "\\u007f")
        _, escaped, tail = written.partition("\\")
        return bool(escaped) and len(tail.encode("utf-8", "replace")) > TAIL_MOST
    if isinstance(value, dict):
        return any(map(_is_cut, cast("dict[str, object]", value).values()))
    return isinstance(value, list) and any(map(_is_cut, cast("list[object]", value)))


def _is_closed(schema: Schema) -> bool:
    """Does it name its properties, and say nothing of others?"""
    named, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(named, dict) or not isinstance(required, list):
        return False
    others = ("additionalProperties", "patternProperties", "minProperties", "unevaluatedProperties")
    known = all(name in named for name in map(str, cast("list[object]", required)))
    return known and not any(name in schema for name in others)


def _without(schema: Schema, place: Place, inside: list[Place]) -> Schema:
    """The schema with those parts of the one at ``place`` allowing anything."""
    node: dict[str, object] = {name: value for name, value in at_place(schema, place).items()}
    copied: set[str] = set()
    for name, *rest in inside:
        name = str(name)
        if not rest:
            node[name] = {}
            continue
        holder = node[name]
        if name not in copied:
            copied.add(name)
            if isinstance(holder, list):
                holder = list(cast("list[object]", holder))
            else:
                holder = dict(cast("dict[str, object]", holder))
            node[name] = holder
        cast("dict[str | int, object]", holder)[rest[0]] = {}
    return _put(schema, place, node)


def _put(schema: Schema, place: Place, value: object) -> Schema:
    """A copy of the schema with ``value`` there."""
    return cast(Schema, _put_in(schema, place, value))


def _put_in(holder: object, place: Place, value: object) -> object:
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(holder, list):
        items = list(cast("list[object]", holder))
        items[cast(int, step)] = _put_in(items[cast(int, step)], rest, value)
        return items
    fields = dict(cast("dict[str | int, object]", holder))
    fields[step] = _put_in(fields[step], rest, value)
    return fields
