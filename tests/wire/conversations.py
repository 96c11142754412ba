"""Conversations for property tests, in the form that every dialect can say and understand again."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from tokenhouse.chat import (
    Call,
    CallPart,
    Conversation,
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RedactedPart,
    ResponseFormat,
    ResultPart,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolChoice,
)

TEXT = st.text(min_size=1, max_size=12).filter(lambda text: text == text.strip())
TEXTS = TEXT.map(TextPart)
IMAGES = st.sampled_from(["https://example.org/a.png", "data:image/png;base64,QUJD"]).map(ImagePart)
DOCUMENTS = st.builds(
    DocumentPart,
    st.just("data:application/pdf;base64,QUJD"),
    st.none(),
    st.none() | TEXT,
    st.none() | TEXT,
) | st.builds(DocumentPart, st.none(), TEXT, st.none() | TEXT)
THOUGHTS = st.builds(ReasoningPart, st.text(max_size=8), TEXT) | TEXT.map(RedactedPart)
ARGUMENTS = st.dictionaries(TEXT, st.integers() | TEXT | st.none(), max_size=3).map(
    lambda value: msgspec.json.encode(value).decode()
)
NAMES = ("f", "get_weather", "a-b_C9")
TOOLS = tuple(
    Tool(name, f"Does {name}.", b'{"type":"object","properties":{}}', deferred=name == "f")
    for name in NAMES
)
CLOSED = b'{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}'
FORMATS = st.sampled_from([ResponseFormat(), ResponseFormat("json_schema", CLOSED)])


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """From a user's message on: answers, calls with all their results, late system messages."""
    messages = [_user(draw)]
    number = 0
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            messages.append(Message("system", tuple(draw(st.lists(TEXTS, min_size=1, max_size=2)))))
        parts: list[Part] = draw(st.lists(THOUGHTS, max_size=2))
        parts += draw(st.lists(TEXTS, min_size=1, max_size=2))
        results: list[Message] = []
        for _ in range(draw(st.integers(0, 3))):
            number += 1
            call = Call(f"toolu_{number}", draw(st.sampled_from(NAMES)), draw(ARGUMENTS))
            parts.append(CallPart(call))
            inner = draw(st.lists(TEXTS | IMAGES, max_size=2))
            result = ResultPart(call.id, tuple(inner), draw(st.booleans()))
            results.append(Message("tool", (result,)))
        messages.append(Message("assistant", tuple(parts)))
        messages += results
        if not results or draw(st.booleans()):
            messages.append(_user(draw))
    return messages


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Whole ones: system, turns, tools and their choice, thinking or sampling, a format."""
    messages = draw(turns())
    if draw(st.booleans()):
        texts = draw(st.lists(TEXTS, min_size=1, max_size=2))
        messages.insert(0, Message("system", tuple(texts)))
    continued = draw(st.booleans())
    if continued:
        messages.append(Message("assistant", (draw(TEXTS),)))
    choice = draw(
        st.sampled_from(
            [ToolChoice(), ToolChoice("none"), ToolChoice("required"), ToolChoice("named", "f")]
        )
    )
    thinking = None
    if choice.mode in ("auto", "none"):
        thinking = draw(
            st.sampled_from([None, Thinking("off"), Thinking("adaptive", None, "omitted")])
        )
    sampling = Sampling(stop=tuple(draw(st.lists(TEXT, max_size=2))))
    if thinking is None:
        sampling = Sampling(
            temperature=draw(st.none() | st.floats(0, 1)),
            top_p=draw(st.none() | st.floats(0, 0.875)),
            top_k=draw(st.none() | st.integers(1, 50)),
            stop=sampling.stop,
        )
    return Conversation(
        messages=tuple(messages),
        tools=TOOLS,
        tool_choice=choice,
        parallel_tool_calls=choice.mode == "none" or draw(st.booleans()),
        response_format=draw(FORMATS),
        sampling=sampling,
        reasoning_effort=None if thinking is None else draw(st.sampled_from([None, "low", "max"])),
        thinking=thinking,
        user=draw(st.none() | TEXT),
        continue_last=continued,
    )


def _user(draw: st.DrawFn) -> Message:
    return Message(
        "user", tuple(draw(st.lists(TEXTS | IMAGES | DOCUMENTS, min_size=1, max_size=3)))
    )
