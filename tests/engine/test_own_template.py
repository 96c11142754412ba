"""A model's own template, rendered by the engine: what somebody wrote never becomes a control token."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.conftest import Starter
from tests.engine.support import post
from tests.engine.tiny import CHATML, MARKS, write_gguf
from tokenhouse.engine import (
    TEMPLATE_PATH,
    TOKENIZE_PATH,
    BadConversation,
    Call,
    Conversation,
    Engine,
    OwnTemplate,
    ToolSpec,
    Turn,
    WeightsError,
    read_own_template,
    read_prompt,
    read_tokens,
    template_body,
    tokenize_body,
)
from tokenhouse.engine.own_template import Names, parted

MARK = "x0123456789abcdef"
WORDS = [*MARKS, "<", "|im_end|>", "<|im_", "end|>", " ", "\n", "é", "नमस्ते", "🙂", "a"]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=12).map("".join)


@pytest.fixture(scope="module")
def chatml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("chatml") / "chatml.gguf", template=CHATML)


@pytest.fixture(scope="module")
def own(chatml: Path) -> OwnTemplate:
    return read_own_template(chatml)


def test_the_weights_say_which_names_a_text_must_not_become(own: OwnTemplate) -> None:
    assert [name in own.controls for name in MARKS] == [True] * 3 + [False] * 2
    assert [name in own.marks for name in MARKS] == [False] * 3 + [True] * 2
    assert own.vocabulary == 8192


def test_weights_without_a_template_are_refused(weights: Path) -> None:
    with pytest.raises(WeightsError, match="brings no chat template"):
        read_own_template(weights)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_a_parted_text_is_the_same_text_and_no_part_of_it_holds_a_name(
    text: str, own: OwnTemplate
) -> None:
    pieces = parted(text, own, MARK).split(MARK)
    assert "".join(pieces) == text
    assert not any(name in piece for piece in pieces for name in MARKS)
    if not any(name in text for name in MARKS):
        assert pieces == [text]


def test_overlapping_names_are_parted_too_and_a_single_letter_is_let_be() -> None:
    names = Names(["<<a", "<a>", "x"])
    assert list(names.at("<<a>x")) == [0, 1]
    assert list(Names([]).at("<a>")) == []


async def ids_of(
    engine: Engine, own: OwnTemplate, *turns: Turn, continued: bool = False
) -> list[int]:
    asked = Conversation(turns, continue_last=continued)
    status, rendered = await post(engine, TEMPLATE_PATH, template_body(asked, own, MARK))
    assert status == 200, rendered
    body = tokenize_body(read_prompt(rendered), MARK)
    status, told = await post(engine, TOKENIZE_PATH, body)
    assert status == 200, told
    return read_tokens(told)


async def test_the_engine_makes_control_tokens_of_the_template_and_of_nothing_else(
    chatml: Path, own: OwnTemplate, engine_of: Starter
) -> None:
    engine = engine_of(chatml)
    await engine.start()
    controls = range(8192 - len(MARKS), 8192)
    expected = [i for i in await ids_of(engine, own, Turn("user", "a")) if i in controls]
    assert len(expected) == 4, "two of the user's turn, one of the answer's, and its thought"
    loop = asyncio.get_running_loop()

    def held(text: str) -> None:
        made = asyncio.run_coroutine_threadsafe(ids_of(engine, own, Turn("user", text)), loop)
        assert [i for i in made.result(30) if i in controls] == expected

    check = settings(max_examples=60, deadline=None)(given(text=TEXTS)(held))
    await asyncio.to_thread(check)


async def test_a_models_own_thoughts_are_read_again_and_its_words_can_be_gone_on_from(
    chatml: Path, own: OwnTemplate, engine_of: Starter
) -> None:
    engine = engine_of(chatml)
    await engine.start()
    thought = Turn("assistant", "<think>so</think> Well,")
    ids = await ids_of(engine, own, Turn("user", "hi"), thought, continued=True)
    assert ids.count(8192 - 2) == 2, "the model's own mark, and the template's"
    assert ids.count(8192 - 1) == 1
    assert ids.count(8192 - 3) == 1, "its turn is not ended"
    _, rendered = await post(
        engine, TEMPLATE_PATH, template_body(Conversation((Turn("user", "a"),) * 2), own, MARK)
    )
    assert read_prompt(rendered).startswith("<|im_start|>user\na\n\na<|im_end|>")


def test_a_template_that_takes_no_system_message_is_told_it_by_the_user(own: OwnTemplate) -> None:
    turns = (
        Turn("system", "Be brief."),
        Turn("user", "hi"),
        Turn("assistant", "a"),
        Turn("user", "b"),
    )
    body = json.loads(template_body(Conversation(turns), own, MARK, fold_system=True))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == "Be brief.\n\nhi"


@pytest.mark.parametrize(
    ("conversation", "word"),
    [
        (Conversation((Turn("user", "a"),), (ToolSpec("f", {}),)), "tools"),
        (
            Conversation(
                (
                    Turn("user", "a"),
                    Turn("assistant", "", (Call("c", "f", "{}"),)),
                    Turn("tool", "r", call_id="c"),
                )
            ),
            "tool calls",
        ),
        (Conversation((Turn("assistant", "a"),)), "starts with"),
    ],
)
def test_what_a_template_is_not_told_is_refused(
    conversation: Conversation, word: str, own: OwnTemplate
) -> None:
    with pytest.raises(BadConversation, match=word):
        template_body(conversation, own, MARK)
