"""Answers of Anthropic-shaped providers, drawn at random: as frames, in the forms they come in."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.wire.answer_events import TEXTS, argument_texts, pieces
from tests.wire.openai_frames import Json

STOPS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
)


@st.composite
def messages(draw: st.DrawFn) -> Json:
    """A whole Message, as its provider gives it when nothing is streamed."""
    content: list[Json] = []
    kinds = st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use"])
    for place, kind in enumerate(draw(st.lists(kinds, max_size=5))):
        match kind:
            case "text":
                content.append({"type": "text", "text": draw(TEXTS.filter(bool))})
            case "thinking":
                text = draw(TEXTS)
                content.append({"type": kind, "thinking": text, "signature": f"sig{place}"})
            case "redacted_thinking":
                content.append({"type": kind, "data": f"sealed{place}"})
            case _:
                given = json.loads(draw(argument_texts()) or "{}")
                content.append(
                    {"type": kind, "id": f"toolu_{place}", "name": f"t{place}", "input": given}
                )
    reason = draw(st.sampled_from(STOPS))
    return {
        "id": "msg_upstream",
        "type": "message",
        "role": "assistant",
        "model": "upstream-model",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": draw(TEXTS) if reason == "stop_sequence" else None,
        "usage": draw(usages()),
    }


@st.composite
def usages(draw: st.DrawFn) -> Json:
    count = st.integers(0, 5000)
    written = draw(count)
    output = draw(count)
    usage: Json = {
        "input_tokens": draw(count),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": draw(count),
        "cache_creation": {
            "ephemeral_5m_input_tokens": written,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output,
        "service_tier": "standard",
    }
    if draw(st.booleans()):
        usage["output_tokens_details"] = {"thinking_tokens": draw(st.integers(0, output))}
    return usage


@st.composite
def frames(draw: st.DrawFn, message: Json) -> list[Json]:
    """``message`` as its provider streams it: in pieces, some empty, with pings anywhere."""
    usage = message["usage"]
    assert isinstance(usage, dict)
    begun = {**usage, "output_tokens": 1}
    begun.pop("output_tokens_details", None)
    head = message | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": begun}
    out: list[Json] = [{"type": "message_start", "message": head}]
    content = message["content"]
    assert isinstance(content, list)
    for index, block in enumerate(content):
        out += [frame | {"index": index} for frame in draw(block_frames(block))]
    names = ["output_tokens", "output_tokens_details"]
    if draw(st.booleans()):
        names += ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    told = {name: usage[name] for name in names if name in usage}
    out.append({"type": "message_delta", "delta": delta, "usage": told})
    out.append({"type": "message_stop"})
    for place in draw(st.lists(st.integers(1, len(out) - 1), max_size=2)):
        out.insert(place, {"type": "ping"})
    return out


@st.composite
def block_frames(draw: st.DrawFn, block: Json) -> list[Json]:
    deltas: list[Json] = []
    match block["type"]:
        case "text":
            start = block | {"text": ""}
            texts = draw(pieces(str(block["text"])))
            deltas = [{"type": "text_delta", "text": text} for text in texts]
        case "thinking":
            start = block | {"thinking": "", "signature": ""}
            texts = draw(pieces(str(block["thinking"])))
            deltas = [{"type": "thinking_delta", "thinking": text} for text in texts]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "tool_use":
            start = block | {"input": {}}
            text = json.dumps(block["input"], ensure_ascii=draw(st.booleans()))
            texts = [] if text == "{}" and draw(st.booleans()) else draw(pieces(text))
            deltas = [{"type": "input_json_delta", "partial_json": text} for text in texts]
        case _:
            start = block
    frames: list[Json] = [{"type": "content_block_start", "content_block": start}]
    for delta in deltas:
        frames.append({"type": "content_block_delta", "delta": delta})
    frames.append({"type": "content_block_stop"})
    return frames


@st.composite
def written(draw: st.DrawFn, bodies: Sequence[Json]) -> bytes:
    """Frames as bytes: compact, spaced or padded, escaped or not, with any line end, with comments,
    and from some providers without names.
    """
    compact = draw(st.booleans())
    ascii_only = draw(st.booleans())
    named = draw(st.sampled_from([True, True, True, False]))
    padded = draw(st.booleans())
    end = draw(st.sampled_from(["\n", "\r\n"]))
    separators = (",", ":") if compact else (", ", ": ")
    out = ""
    for place, body in enumerate(bodies):
        ordered = {"type": body["type"], **{n: v for n, v in body.items() if n != "type"}}
        if "index" in body:
            index = {"index": body["index"]}
            rest = {name: value for name, value in ordered.items() if name not in ("type", "index")}
            ordered = {"type": body["type"], **index, **rest}
        text = json.dumps(ordered, separators=separators, ensure_ascii=ascii_only)
        if padded:
            text = text[:-1] + " " * (place % 7) + text[-1]
        name = f"event: {body['type']}{end}" if named else ""
        out += f"{name}data: {text}{end}{end}"
        if place == 1:
            out += f": a comment{end}{end}"
    return out.encode()
