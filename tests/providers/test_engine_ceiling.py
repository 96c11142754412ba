"""What a request's ceiling allows is never less than its prompt, whatever tools and calls it holds: a token
is at least a byte, so the bytes that the engine's formats write are the most that the prompt can be."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tokenhouse.catalogue import Model, Offer, Price, ceiling
from tokenhouse.chat import Request
from tokenhouse.engine import Format
from tokenhouse.providers.engine_words import engine_conversation
from tokenhouse.wire import anthropic_messages, openai_chat

FORMATS = (Format("v3"), Format("v7"), Format("v11", 32, 33), Format("v13", 32))
OFFER = Offer(
    Model(
        id="a/m",
        slug="m",
        name="m",
        author="a",
        context_length=10**9,
        max_output_tokens=1,
        routes=(),
    ),
    Price(input=1, output=1),
)

NUMBERS = st.sampled_from(
    "0 7 -1 1e9 1e15 -9E15 1E+15 5e-5 1e-4 1.5e300 3E22 0.1 1.0 100000000000000000000".split()
)
TEXTS = st.text(max_size=6) | st.sampled_from(
    ['"', "\\", "\n", "\x01", "नमस्ते", "👩‍🚀", "1e15", "é"]
)


def joined(fields: dict[str, str]) -> str:
    """A JSON object of raw names and values, without a blank."""
    return "{" + ",".join(f"{name}:{value}" for name, value in fields.items()) + "}"


def several(items: list[str]) -> str:
    return "[" + ",".join(items) + "]"


def quoted(text: str, ascii: bool = False) -> str:
    return json.dumps(text, ensure_ascii=ascii)


STRINGS = st.builds(quoted, TEXTS, st.booleans())
VALUES = st.recursive(
    NUMBERS | STRINGS | st.sampled_from(["null", "true"]),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(STRINGS, inner, max_size=3).map(joined)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(STRINGS, VALUES, max_size=3)


@st.composite
def openai_bodies(draw: st.DrawFn) -> bytes:
    tools: list[str] = []
    for i in range(draw(st.integers(0, 4))):
        function = {'"name"': f'"f{i}"'}
        if draw(st.booleans()):
            function['"parameters"'] = joined(draw(OBJECTS))
        if draw(st.booleans()):
            function['"description"'] = draw(STRINGS)
        tools.append(joined({'"function"': joined(function)}))
    messages = ['{"role":"user","content":"x"}']
    for turn in range(draw(st.integers(0, 3))):
        calls: list[str] = []
        results: list[str] = []
        for i in range(draw(st.integers(0, 3))):
            name = draw(st.sampled_from(["f", "é", "f0"]))
            called = {'"name"': quoted(name)}
            if draw(st.booleans()):
                arguments = draw(OBJECTS.map(joined) | TEXTS)
                called['"arguments"'] = quoted(arguments, draw(st.booleans()))
            call_id = quoted(f"{turn}{i}")
            calls.append(joined({'"id"': call_id, '"function"': joined(called)}))
            content = quoted(draw(VALUES | TEXTS))
            results.append(
                joined({'"role"': '"tool"', '"tool_call_id"': call_id, '"content"': content})
            )
        if calls:
            messages.append(joined({'"role"': '"assistant"', '"tool_calls"': several(calls)}))
            messages += results
        else:
            messages.append('{"role":"assistant","content":"y"}')
        if draw(st.booleans()):
            messages.append('{"role":"system","content":"z"}')
        messages.append('{"role":"user","content":"x"}')
    body = {'"model"': '"m"', '"messages"': several(messages)}
    if tools:
        body['"tools"'] = several(tools)
    return joined(body).encode()


@st.composite
def anthropic_bodies(draw: st.DrawFn) -> bytes:
    tools = [
        joined({'"name"': f'"f{i}"', '"input_schema"': joined(draw(OBJECTS))})
        for i in range(draw(st.integers(0, 4)))
    ]
    if draw(st.booleans()):
        tools.append('{"type":"memory_20250818","name":"memory"}')
    messages = ['{"role":"user","content":"x"}']
    for turn in range(draw(st.integers(0, 3))):
        uses: list[str] = []
        results: list[str] = []
        for i in range(draw(st.integers(1, 3))):
            call_id = quoted(f"{turn}{i}")
            use = {'"type"': '"tool_use"', '"id"': call_id, '"name"': '"f"'}
            uses.append(joined(use | {'"input"': joined(draw(OBJECTS))}))
            result = {'"type"': '"tool_result"', '"tool_use_id"': call_id}
            results.append(joined(result | {'"content"': quoted(draw(VALUES | TEXTS))}))
        messages.append(joined({'"role"': '"assistant"', '"content"': several(uses)}))
        messages.append(joined({'"role"': '"user"', '"content"': several(results)}))
        if draw(st.booleans()):
            messages.append('{"role":"system","content":"z"}')
    body = {'"model"': '"m"', '"max_tokens"': "1", '"messages"': several(messages)}
    if tools:
        body['"tools"'] = several(tools)
    return joined(body).encode()


def holds(request: Request) -> None:
    most = ceiling(request, OFFER).prompt_tokens_max
    for form in FORMATS:
        pieces = form.pieces(engine_conversation(request.conversation(), None))
        written = sum(
            len(piece.encode("utf-8", "surrogatepass")) if isinstance(piece, str) else 1
            for piece in pieces
        )
        assert written <= most, (form.version, written, most, pieces)


@settings(max_examples=150, deadline=None)
@given(body=openai_bodies())
def test_no_prompt_with_tools_is_longer_than_its_ceiling_says(body: bytes) -> None:
    holds(openai_chat.parse(body))


@settings(max_examples=150, deadline=None)
@given(body=anthropic_bodies())
def test_nor_is_one_of_the_other_dialect(body: bytes) -> None:
    holds(anthropic_messages.parse(body))


def test_a_long_run_of_numbers_is_bounded_as_they_are_written_out() -> None:
    numbers = several(["1e15"] * 400)
    function = joined({'"name"': '"f"', '"parameters"': joined({'"enum"': numbers})})
    called = joined({'"name"': '"f"', '"arguments"': quoted(joined({'"x"': numbers}))})
    calls = several([joined({'"id"': '"a"', '"function"': called})])
    result = {'"role"': '"tool"', '"tool_call_id"': '"a"', '"content"': quoted(numbers)}
    messages = [
        '{"role":"user","content":"x"}',
        joined({'"role"': '"assistant"', '"tool_calls"': calls}),
        joined(result),
    ]
    tools = several([joined({'"function"': function})])
    body = {'"model"': '"m"', '"tools"': tools, '"messages"': several(messages)}
    holds(openai_chat.parse(joined(body).encode()))
