"""The API's own description (OpenAPI) as a page: nothing is written twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from tokenhouse.pages.render import anchor_of

Json = Mapping[str, Any]
OPERATORS: Final = "/api/admin/"
"""What stands below it is for those who run the house: it is in the document, not on the page for all."""

OFTEN: Final = 3
"""An answer that so many operations of a group give is said once for all of them."""
_METHODS: Final = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str
    required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One path and method. ``also``: other paths where the same stands."""

    anchor: str
    method: str
    path: str
    about: str
    also: tuple[str, ...]
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """``answers``: what many of its operations say alike, said once."""

    name: str
    operations: tuple[Operation, ...]
    answers: tuple[tuple[str, str], ...]


def groups(document: Json) -> tuple[Group, ...]:
    """The operations of an OpenAPI document by their first tag, in its order; the same operation on
    several paths (by ``operationId`` up to its dot) once."""
    by_tag: dict[str, list[Operation]] = {}
    others = _same(document)
    for path, method, operation in _operations(document):
        if _numbered(operation) or path.startswith(OPERATORS):
            continue
        also = tuple(others.get(operation["operationId"], ()))
        tag = operation["tags"][0]
        by_tag.setdefault(tag, []).append(_operation(document, (path, method), operation, also))
    return tuple(_group(tag, operations) for tag, operations in by_tag.items())


def _group(name: str, operations: Sequence[Operation]) -> Group:
    said = Counter(answer for operation in operations for answer in operation.answers)
    often = {answer for answer, times in said.items() if times >= OFTEN}
    left = (
        replace(each, answers=tuple(answer for answer in each.answers if answer not in often))
        for each in operations
    )
    return Group(name, tuple(left), tuple(sorted(often)))


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in cast("Mapping[str, Json]", document["paths"]).items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _same(document: Json) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, _, operation in _operations(document):
        base, dot, _ = operation["operationId"].rpartition(".")
        if dot and _numbered(operation):
            found.setdefault(base, []).append(path)
    return found


def _numbered(operation: Json) -> bool:
    """Is it the same operation on another path: ``chat.1``?"""
    return operation["operationId"].rpartition(".")[2].isdecimal()


def _operation(
    document: Json, place: tuple[str, str], operation: Json, also: tuple[str, ...]
) -> Operation:
    path, method = place
    answers = cast("Mapping[str, Json]", operation["responses"])
    return Operation(
        anchor=anchor_of(f"{method} {path}"),
        method=method.upper(),
        path=path,
        about=operation["summary"],
        also=also,
        parameters=tuple(
            Field(
                each["name"],
                f"{_kind(document, each['schema'])}, in {each['in']}",
                bool(each.get("required")),
                each.get("description", ""),
            )
            for each in cast("Sequence[Json]", operation.get("parameters", ()))
            if each["in"] != "path" or each.get("description")  # the path itself shows a plain id
        ),
        body=tuple(_body(document, operation)),
        answers=tuple((status, answer["description"]) for status, answer in answers.items()),
    )


def _body(document: Json, operation: Json) -> Iterator[Field]:
    if "requestBody" not in operation:
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schema = _followed(document, schema)
    required = schema.get("required", ())
    for name, each in cast("Mapping[str, Json]", schema.get("properties", {})).items():
        about = each.get("description", "")
        yield Field(name, _kind(document, each), name in required, about)


def _kind(document: Json, schema: Json) -> str:
    """``integer``, ``string or array``, with its bounds."""
    schema = _followed(document, schema)
    if "anyOf" in schema:
        kinds = (_kind(document, each) for each in schema["anyOf"])
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if "enum" in schema:
        return " or ".join(str(word) for word in schema["enum"])
    kind: Any = schema.get("type", "any")
    text = kind if isinstance(kind, str) else " or ".join(kind)
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{text}, {low} to {high}"
    return text if low is None else f"{text}, {low} or more"


def _followed(document: Json, schema: Json) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    place: Any = document
    for word in str(reference).removeprefix("#/").split("/"):
        place = place[word]
    return cast("Json", place)
