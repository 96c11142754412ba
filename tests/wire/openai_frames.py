"""Answers of OpenAI-shaped providers, drawn at random: as frames, in the forms they come in."""

from __future__ import annotations

import json
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st

Json: TypeAlias = dict[str, object]

USAGE: Json = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
TEXTS = st.text(
    alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12
) | st.sampled_from(['"model"', '"id":"x"', "\n\n", "data: [DONE]", ',"usage":null}', "\\", "🦊"])


@st.composite
def deltas(draw: st.DrawFn) -> list[tuple[Json, str | None]]:
    """One choice's deltas, with a finish reason at the last."""
    out: list[tuple[Json, str | None]] = [({"role": "assistant", "content": ""}, None)]
    kinds = st.sampled_from(["content", "reasoning_content", "refusal", "null", "empty"])
    for kind in draw(st.lists(kinds, max_size=6)):
        match kind:
            case "null":
                out.append(({"content": None, "tool_calls": None}, None))
            case "empty":
                out.append(({"content": "", "tool_calls": []}, None))
            case _:
                out.append(({kind: draw(TEXTS)}, None))
    calls = draw(st.integers(0, 3))
    for index in range(calls):
        piece = {"index": index, "id": f"call_{index}", "type": "function"}
        function = {"name": f"tool_{index}", "arguments": ""}
        out.append(({"tool_calls": [piece | {"function": function}]}, None))
    for index in draw(st.lists(st.integers(0, calls - 1), max_size=6)) if calls else []:
        function = {"arguments": draw(TEXTS)}
        out.append(({"tool_calls": [{"index": index, "function": function}]}, None))
    reason = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    out.append(({}, reason))
    return out


@st.composite
def frames(draw: st.DrawFn) -> list[Json]:
    """A whole stream's frames, without ``[DONE]``: 1 or 2 choices, usage in one of its places."""
    choices = [draw(deltas()) for _ in range(draw(st.integers(1, 2)))]
    place = draw(st.sampled_from(["none", "own", "last", "all", "null"]))
    last = draw(st.booleans())
    bodies: list[Json] = []
    order: list[int] = [index for index, choice in enumerate(choices) for _ in choice]
    rest = draw(st.permutations(order[1:])) if len(choices) == 1 else order[1:]
    taken = dict.fromkeys(range(len(choices)), 0)
    for index in [order[0], *rest]:
        delta, finish = choices[index][taken[index]]
        taken[index] += 1
        choice: Json = {"index": index, "delta": delta, "finish_reason": finish}
        head: Json = {
            "id": "up-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "upstream-model",
        }
        tail: Json = {"choices": [choice]}
        if place == "all":
            tail["usage"] = USAGE | {"completion_tokens": len(bodies)}
        elif place in ("own", "null"):
            tail["usage"] = None
        bodies.append(tail | head if last else head | tail)
    if place == "own":
        bodies.append(bodies[-1] | {"choices": [], "usage": USAGE})
    elif place == "last":
        bodies[-1] = bodies[-1] | {"usage": USAGE}
    return bodies


@st.composite
def written(draw: st.DrawFn, bodies: list[Json]) -> bytes:
    """Frames as bytes: compact or spaced, escaped or not, with any line end, in one or more lines."""
    compact = draw(st.booleans())
    ascii_only = draw(st.booleans())
    end = draw(st.sampled_from(["\n", "\r\n"]))
    separators = (",", ":") if compact else (", ", ": ")
    out = ""
    for body in bodies:
        text = json.dumps(body, separators=separators, ensure_ascii=ascii_only)
        out += f"data: {text}{end}{end}"
    return (out + f"data: [DONE]{end}{end}").encode()


def at(value: object, *path: str | int) -> Any:
    """What stands in ``value`` (decoded JSON) at ``path``."""
    for step in path:
        value = cast("Any", value)[step]
    return value


def cuts(data: bytes, sizes: list[int]) -> list[bytes]:
    """``data`` cut into pieces of the given sizes and a rest."""
    pieces: list[bytes] = []
    at = 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]
