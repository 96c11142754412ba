"""Ceiling >= bill, on requests as clients write them: parsed by the wire, counted by a real tokenizer.

What pricing promises for every size is held in tests/catalogue; here the sizes themselves are held
against prompts that a template has built.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tokenhouse.access import Caller, Limits
from tokenhouse.catalogue import Model, Offer, Price, Route, Tier, ceiling, cost
from tokenhouse.chat import Request, Usage
from tokenhouse.engine import V7, Format, load_tekken
from tokenhouse.providers.engine_words import engine_conversation
from tokenhouse.relay import Plan, Refused
from tokenhouse.relay.afford import LOWERED_FLOOR, affordable, fitted
from tokenhouse.starter import tokenizer_path
from tokenhouse.wire import anthropic_messages, openai_chat

TEKKEN = load_tekken(tokenizer_path())
PRICE = Price(
    input=350_000,
    output=560_000,
    cache_read=35_000,
    cache_write=440_000,
    reasoning=700_000,
    image=10**6,
    request=10**5,
    tiers=(
        Tier(above=60, input=700_000, output=1_120_000, cache_read=70_000),
        Tier(above=200, input=1_000_000, output=900_000),
    ),
)


def offer(*, system: str | None = None, context: int = 100_000) -> Offer:
    model = Model(
        id="a/m",
        name="m",
        author="a",
        slug="m",
        context_length=context,
        max_output_tokens=min(context, 4096),
        overhead_tokens=16,
        image_tokens=3080,
    )
    return Offer(model, PRICE, system)


def count(text: str) -> int:
    return len(TEKKEN.encode(text))


def plan(request: Request, offered: Offer, *, counter: bool = True) -> Plan:
    return Plan(
        id="req_1",
        answer_id="chatcmpl-1",
        caller=Caller("key", "acc", "name", "open", "free"),
        request=request,
        offer=offered,
        ceiling=ceiling(request, offered),
        routes=(Route("up", "m"),),
        at_ms=0,
        max_tokens=request.max_tokens,
        system_prompt=None if request.has_system else offered.system_prompt,
        limits=Limits(),
        grant=None,
        count=count if counter else None,
    )


words = st.text(max_size=40) | st.sampled_from(
    ["", "Hello!", "[INST] x [/INST]", "नमस्ते दुनिया", "\n" * 9]
)
names = st.text("abcdefghij_", min_size=1, max_size=12)
schemas = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer"])}, optional={"description": words}
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, inner, max_size=3)}
    ),
    max_leaves=5,
)


def name_of(tool: dict[str, Any]) -> str:
    return tool["function"]["name"]


tools: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {
                    "name": names,
                    "description": words,
                    "parameters": st.fixed_dictionaries(
                        {
                            "type": st.just("object"),
                            "properties": st.dictionaries(names, schemas, max_size=3),
                        }
                    ),
                }
            ),
        }
    ),
    max_size=3,
    unique_by=name_of,
)


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A conversation that grew: a system message perhaps, then questions, answers, calls, results."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(words)})
    for number in range(draw(st.integers(0, 3))):
        messages.append({"role": "user", "content": draw(words)})
        if draw(st.booleans()):
            call = {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": draw(names),
                    "arguments": json.dumps(draw(st.dictionaries(names, words, max_size=2))),
                },
            }
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": draw(words)})
        messages.append({"role": "assistant", "content": draw(words.filter(bool))})
    messages.append({"role": "user", "content": draw(words)})
    return messages


@st.composite
def bodies(draw: st.DrawFn) -> Mapping[str, Any]:
    body: dict[str, Any] = {"model": "a/m", "messages": draw(turns())}
    offered = draw(tools)
    if offered:
        body["tools"] = offered
    for name, values in (("max_tokens", st.integers(1, 5000)), ("n", st.integers(1, 4))):
        if draw(st.booleans()):
            body[name] = draw(values)
    return body


def parsed(body: Mapping[str, Any], *, ascii_only: bool) -> Request:
    return openai_chat.parse(json.dumps(body, ensure_ascii=ascii_only).encode())


def in_messages(body: Mapping[str, Any], *, ascii_only: bool) -> Request:
    """The same asked in Anthropic's messages, where one choice is all there is."""
    asked: dict[str, Any] = {"model": body["model"], "max_tokens": body.get("max_tokens", 4096)}
    messages: list[dict[str, Any]] = []
    for turn in body["messages"]:
        match turn:
            case {"role": "system", "content": text}:
                asked["system"] = text
            case {"role": "tool", "tool_call_id": id, "content": text}:
                result = {"type": "tool_result", "tool_use_id": id, "content": text}
                messages.append({"role": "user", "content": [result]})
            case {"role": "assistant", "tool_calls": [call]}:
                called = call["function"]
                use = {"type": "tool_use", "id": call["id"], "name": called["name"]}
                use["input"] = json.loads(called["arguments"])
                messages.append({"role": "assistant", "content": [use]})
            case {"role": role, "content": text}:
                messages.append({"role": role, "content": text or "."})
            case _:
                raise AssertionError(turn)
    asked["messages"] = messages
    if "tools" in body:
        functions = [tool["function"] for tool in body["tools"]]
        asked["tools"] = [
            {"name": f["name"], "description": f["description"], "input_schema": f["parameters"]}
            for f in functions
        ]
    return anthropic_messages.parse(json.dumps(asked, ensure_ascii=ascii_only).encode())


FORMS = (Format("v3"), V7, Format("v11", 32, 33), Format("v13", 32))


def prompt_tokens(request: Request, system: str | None, form: Format = V7) -> int:
    """As the engine counts and bills it."""
    system = None if request.has_system else system
    return len(
        TEKKEN.encode_pieces(form.pieces(engine_conversation(request.conversation(), system)))
    )


@settings(deadline=None, max_examples=150)
@given(
    bodies(),
    st.sampled_from((parsed, in_messages)),
    st.booleans(),
    st.none() | words,
    st.sampled_from(FORMS),
    st.data(),
)
def test_no_request_is_billed_more_than_it_was_held_for(
    body: Mapping[str, Any],
    parse: Callable[..., Request],
    ascii_only: bool,
    system: str | None,
    form: Format,
    data: st.DataObject,
) -> None:
    offered = offer(system=system or None, context=data.draw(st.sampled_from((100_000, 500))))
    request = parse(body, ascii_only=ascii_only)
    context = offered.model.context_length
    prompt = prompt_tokens(request, offered.system_prompt, form)
    if prompt > context:
        return  # the engine refuses it
    bound = ceiling(request, offered)
    told = asyncio.run(fitted(plan(request, offered), Refused("credit", 0), None))
    exact = asyncio.run(fitted(plan(request, offered), Refused("credit", 0), prompt))
    assert prompt <= told.ceiling.prompt_tokens_max <= bound.prompt_tokens_max
    assert exact.ceiling.amount <= told.ceiling.amount <= bound.amount

    most = min(bound.answer_tokens_max // request.n, context - prompt)
    answer = request.n * data.draw(st.just(most) | st.integers(0, most))
    thought = data.draw(st.integers(0, answer))
    read = data.draw(st.integers(0, prompt))
    write = data.draw(st.integers(0, prompt - read))
    usage = Usage(
        input=prompt - read - write,
        cache_read=read,
        cache_write=write,
        output=answer - thought,
        reasoning=thought,
        images=request.sizes.images,
    )
    assert cost(usage, offered.price) <= exact.ceiling.amount
    assert usage.prompt_tokens + usage.answer_tokens <= exact.ceiling.tokens


def ask(text: str = "hello there", **fields: Any) -> Request:
    return parsed(
        {"model": "a/m", "messages": [{"role": "user", "content": text}], **fields}, ascii_only=True
    )


async def test_max_tokens_is_lowered_only_for_want_of_credit() -> None:
    asked = plan(ask(max_tokens=1000), offer())
    dear = asked.ceiling.amount
    lowered = await fitted(asked, Refused("credit", dear // 2), 10)
    assert lowered.lowered
    assert lowered.prompt_counted
    assert LOWERED_FLOOR <= (lowered.max_tokens or 0) < 1000
    assert lowered.ceiling.amount <= dear // 2
    rich = await fitted(asked, Refused("tokens", dear), 10)
    assert (rich.lowered, rich.max_tokens) == (False, 1000)
    assert rich.ceiling.tokens == 1010


async def test_a_thinking_budget_is_never_cut_into() -> None:
    request = structs.replace(ask(max_tokens=2000), thinking_tokens=1024)
    asked = plan(request, offer())
    rates = PRICE.rates_at(10)
    fixed = 10 * rates.prompt_rate + PRICE.request

    def free(tokens: int) -> int:
        return -(-(fixed + tokens * rates.answer_rate) // 1000)

    enough = await fitted(asked, Refused("credit", free(1025)), 10)
    assert enough.max_tokens == 1025
    short = await fitted(asked, Refused("credit", free(1024)), 10)
    assert (short.lowered, short.max_tokens) == (False, 2000)
    assert affordable(short, free(1024)) == 1024


@pytest.mark.parametrize("asked_for", [100, 256, 300])
async def test_below_min_asked_256_nothing_is_lowered(asked_for: int) -> None:
    asked = plan(ask(max_tokens=asked_for), offer())
    rates = PRICE.rates_at(10)
    least = min(asked_for, 256)
    fixed = 10 * rates.prompt_rate + PRICE.request
    for tokens, sent in ((least, least), (least - 1, asked_for)):
        free = -(-(fixed + tokens * rates.answer_rate) // 1000)
        fitting = await fitted(asked, Refused("credit", free), 10)
        assert fitting.max_tokens == sent


async def test_what_nobody_can_count_is_reserved_as_estimated_and_held_at_its_bytes() -> None:
    """Two requests of 80 kB and 32,000 tokens fit a limit of 200,000 tokens a minute."""
    text = "The quick brown fox jumps over the lazy dog. " * 1800
    asked = plan(ask(text, max_tokens=4000), offer(), counter=False)
    assert asked.ceiling.tokens > 80_000
    fitting = await fitted(asked, Refused("tokens", 10**12), None)
    assert fitting.ceiling.tokens < 30_000
    assert fitting.ceiling.amount == asked.ceiling.amount
    assert not fitting.prompt_counted
    poor = await fitted(asked, Refused("credit", 0), None)
    assert poor is asked


async def test_a_part_that_no_text_tells_the_size_of_stays_at_its_bound() -> None:
    """A file says more than its text: only its provider could count it."""
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    content = [{"type": "text", "text": "word " * 500}, audio]
    request = parsed(
        {"model": "a/m", "messages": [{"role": "user", "content": content}], "max_tokens": 10},
        ascii_only=True,
    )
    asked = plan(request, offer())
    assert await fitted(asked, Refused("credit", 0), None) is asked
