"""Whatever the official SDK's types let a client say is understood: no field has another type here."""

from __future__ import annotations

import collections.abc
import json
import typing
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import typing_extensions
from anthropic.types import beta
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenhouse.wire.anthropic_messages import parse_count

BLOCKS = [
    one for one in get_args(beta.BetaContentBlockParam) if typing_extensions.is_typeddict(one)
]
NAMES = st.text("abz_-09", min_size=1, max_size=6)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(min_size=1, max_size=4),
    int: st.integers(1024, 9999),
    float: st.floats(0, 1),
    bool: st.booleans(),
    type(None): st.none(),
    object: st.just({"a": 1}),
}
REQUIRED = (typing_extensions.Required, typing.Required)


def shaped(kind: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """JSON values of the SDK's type ``kind``."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is Union:
        return st.one_of(*(shaped(one, depth) for one in inner))
    if origin in REQUIRED or origin is typing.Annotated:
        return shaped(inner[0], depth)
    if origin is dict:
        return st.dictionaries(NAMES, shaped(inner[1], depth + 1), max_size=2)
    if origin in (list, collections.abc.Iterable):
        least = 1 if depth < 3 else 0
        return st.lists(shaped(inner[0], depth + 1), min_size=least, max_size=2 * least)
    if typing_extensions.is_typeddict(kind):
        return fields_of(kind, depth)
    if "SequenceNotStr" in str(kind):
        return st.lists(NAMES, max_size=2)
    return st.just("QUJD") if "IO" in str(kind) or "PathLike" in str(kind) else st.nothing()


def fields_of(kind: Any, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    needed: dict[str, st.SearchStrategy[Any]] = {}
    possible: dict[str, st.SearchStrategy[Any]] = {}
    for name, hint in typing_extensions.get_type_hints(kind, include_extras=True).items():
        values = NAMES if name == "name" and str in get_args(hint) else shaped(hint, depth + 1)
        (needed if get_origin(hint) in REQUIRED else possible)[name] = values
    return st.fixed_dictionaries(needed, optional=possible)


def count(**fields: object) -> None:
    parse_count(json.dumps({"model": "m"} | fields).encode())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_every_block_of_the_sdk_is_understood(block: Any) -> None:
    name = block.__name__
    assistants = "Result" not in name and ("Thinking" in name or "ToolUse" in name)
    role = "assistant" if assistants else "user"

    @settings(max_examples=15, deadline=None)
    @given(shaped(block))
    def understood(value: object) -> None:
        count(messages=[{"role": role, "content": [value]}])

    understood()


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("thinking", beta.BetaThinkingConfigParam),
        ("output_config", beta.BetaOutputConfigParam),
        ("context_management", beta.BetaContextManagementConfigParam),
        ("metadata", beta.BetaMetadataParam),
        ("cache_control", beta.BetaCacheControlEphemeralParam),
        ("fallbacks", beta.BetaFallbacksParam),
        ("tools", beta.BetaToolUnionParam),
        ("tool_choice", beta.BetaToolChoiceParam),
    ],
)
def test_every_option_of_the_sdk_is_understood(field: str, kind: Any) -> None:
    @settings(max_examples=60, deadline=None)
    @given(shaped(kind))
    def understood(value: Any) -> None:
        fields: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}], field: value}
        if field == "tools":
            fields["tools"] = [value]
        if field == "tool_choice":
            fields["tools"] = [{"name": value.get("name", "f"), "input_schema": {}}]
        count(**fields)

    understood()
