"""The old text completions."""

from __future__ import annotations

import json

import msgspec
import pytest
from openai.types import Completion

from tokenhouse.chat import (
    ChoiceEnded,
    Event,
    Finished,
    Message,
    ReasoningDelta,
    TextDelta,
    TextPart,
    Usage,
)
from tokenhouse.errors import CallerError, UpstreamError
from tokenhouse.wire import sse
from tokenhouse.wire.openai_completions import StreamEncoder, WholeEncoder, parse

EVENTS: list[Event] = [
    ReasoningDelta("hm"),
    TextDelta("Hel"),
    TextDelta("lo"),
    TextDelta("Hi", 1),
    ChoiceEnded("stop"),
    ChoiceEnded("length", 1),
    Finished(),
]
COUNTED = Usage(input=3, output=4)


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_prompt_is_one_user_message(prompt: object) -> None:
    request = parse(msgspec.json.encode({"model": "m", "prompt": prompt, "stop": "\n", "n": 2}))
    conversation = request.conversation()
    assert conversation.messages == (Message("user", (TextPart("Once"),)),)
    assert conversation.sampling.stop == ("\n",)
    assert (request.n, request.max_tokens, request.dialect) == (2, 16, "openai_completions")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a", "logprobs": 2}, "logprobs"),
        ({"prompt": "a", "best_of": 3}, "best_of"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a", "logit_bias": {"x": 1}}, "logit_bias"),
    ],
)
def test_what_cannot_be_served_is_named(fields: dict[str, object], param: str) -> None:
    with pytest.raises(CallerError) as caught:
        parse(msgspec.json.encode({"model": "m"} | fields))
    assert caught.value.param == param


def test_a_stream_sums_up_to_the_whole_answer() -> None:
    whole = WholeEncoder(answer_id="cmpl-1", model="a/m", created_s=1)
    stream = StreamEncoder(answer_id="cmpl-1", model="a/m", created_s=1, include_usage=True)
    sent = b""
    for event in EVENTS:
        whole.add(event)
        sent += stream.encode(event)
    sent += stream.closing(COUNTED, 5)
    answer = Completion.model_validate_json(whole.closing(COUNTED, 5))
    chunks = [payload for _, payload in sse.Reader().feed(sent)]
    assert chunks.pop() == b"[DONE]"
    texts = {0: "", 1: ""}
    for chunk in map(json.loads, chunks):
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["text"]
    assert texts == {choice.index: choice.text for choice in answer.choices}
    assert texts == {0: "Hello", 1: "Hi"}
    assert [choice.finish_reason for choice in answer.choices] == ["stop", "length"]
    assert json.loads(chunks[-1])["usage"]["cost"] == 5e-9


def test_usage_is_hidden_unless_asked_and_an_error_ends_without_done() -> None:
    stream = StreamEncoder(answer_id="cmpl-1", model="a/m", created_s=1)
    assert stream.closing(COUNTED, 5) == b"data: [DONE]\n\n"
    assert b'"code":"upstream_error"' in stream.error(UpstreamError("It broke."))
