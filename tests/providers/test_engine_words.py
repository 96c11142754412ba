"""A conversation in the house's words → the engine's, where the format has no place for what was said."""

from __future__ import annotations

import pytest

from tokenhouse.chat import (
    Call,
    CallPart,
    Conversation,
    Message,
    ResultPart,
    Role,
    Sampling,
    TextPart,
    Tool,
)
from tokenhouse.engine import Logprob, v7_pieces
from tokenhouse.errors import CallerError
from tokenhouse.providers import Call as ProviderCall
from tokenhouse.providers.engine_words import (
    check_sampling,
    echo_of,
    engine_conversation,
    logprobs_of,
    sampling_of,
    without_folders,
)

REMINDER = "<system-reminder>\nlate\n</system-reminder>"


def said(role: Role, text: str) -> Message:
    return Message(role, (TextPart(text),))


CALLED = Message("assistant", (CallPart(Call("call_1", "look", "{}")),))
RESULT = Message("tool", (ResultPart("call_1", (TextPart("seen"),)),))


def turns(*messages: Message) -> list[tuple[str, object]]:
    made = engine_conversation(Conversation(messages=messages), None)
    v7_pieces(made)  # the format takes it
    return [(turn.role, turn.text) for turn in made.turns]


def test_a_late_system_message_stays_where_the_format_takes_one() -> None:
    assert turns(said("user", "hi"), said("system", "late"), said("user", "go")) == [
        ("user", "hi"),
        ("system", "late"),
        ("user", "go"),
    ]


@pytest.mark.parametrize("before", [said("assistant", "well"), RESULT], ids=["answer", "result"])
def test_behind_an_answer_or_a_result_it_becomes_the_users(before: Message) -> None:
    first = [said("user", "hi"), CALLED] if before is RESULT else [said("user", "hi")]
    told = turns(*first, before, said("system", "late"), said("user", "go"))
    assert told[-2:] == [("user", REMINDER), ("user", "go")]
    assert turns(*first, before, said("system", "late"))[-1] == ("user", REMINDER)


def test_results_of_waiting_calls_come_before_it() -> None:
    told = turns(said("user", "hi"), CALLED, said("system", "late"), RESULT, said("user", "go"))
    assert [role for role, _ in told] == ["user", "assistant", "tool", "user", "user"]
    assert told[3] == ("user", REMINDER)


def test_a_conversation_that_grows_keeps_its_prompts_beginning() -> None:
    messages = (said("user", "hi"), said("assistant", "well"), said("system", "late"))
    longer = (*messages, said("user", "go"), said("assistant", "yes"), said("user", "on"))
    assert turns(*longer)[: len(messages)] == turns(*messages)


def test_an_answer_goes_on_from_the_assistants_own_words() -> None:
    def told(*messages: Message, continue_last: bool = False) -> tuple[object, bool]:
        asked = Conversation(messages=messages, continue_last=continue_last)
        made = engine_conversation(asked, None)
        v7_pieces(made)
        return made.turns[-1].text, made.continue_last

    asked, begun = said("user", "hi"), said("assistant", "Well ")
    assert told(asked, begun, continue_last=True) == ("Well ", True)
    assert told(asked, begun) == ("Well \n\n", True)
    for continued in (True, False):
        assert told(asked, said("assistant", ""), continue_last=continued) == ("hi", False)
    two = Message("assistant", (TextPart("a"), TextPart(""), TextPart("b")))
    assert told(asked, two) == ("a\n\nb\n\n", True)


def test_only_mistrals_prefix_is_said_back() -> None:
    messages = (said("user", "hi"), said("assistant", "Well, "))
    for continued, echoed, text in ((True, True, "Well,"), (True, False, ""), (False, False, "")):
        asked = Conversation(messages=messages, continue_last=continued, echo_last=echoed)
        assert echo_of(asked) == text


def test_a_biased_token_that_the_model_has_not_is_refused_by_name() -> None:
    check_sampling(Sampling(logit_bias=((0, 1.0), (8191, -100.0))), 8192)
    with pytest.raises(CallerError, match="0 to 8191") as caught:
        check_sampling(Sampling(logit_bias=((3, 1.0), (8192, 1.0))), 8192)
    assert caught.value.param == "logit_bias"


def test_the_models_own_defaults_hold_where_the_client_says_nothing() -> None:
    call = ProviderCall(
        request=None,  # type: ignore[arg-type]
        request_id="r",
        answer_id="a",
        created_s=0,
        public_model="m",
        upstream_model="m",
        context_length=64,
        defaults=Sampling(temperature=0.15, top_k=40),
    )
    made = sampling_of(Sampling(top_p=0.5, seed=3), call, 2)
    assert (made.temperature, made.top_k, made.top_p, made.seed) == (0.15, 40, 0.5, 5)
    assert sampling_of(Sampling(temperature=0.0), call, 0).temperature == 0.0


def test_a_token_that_is_no_whole_character_is_shown_as_bytes() -> None:
    top = (Logprob(2, "", b"\xe2\x82", -1.0), Logprob(3, "a", b"a", -2.0))
    made = logprobs_of(Logprob(1, "", b"\xf0\x9f", -0.5, top), most=1)
    assert (made.token, made.raw, made.logprob) == ("bytes:\\xf0\\x9f", b"\xf0\x9f", -0.5)
    assert [(other.token, other.raw) for other in made.top] == [("bytes:\\xe2\\x82", b"\xe2\x82")]
    assert logprobs_of(Logprob(4, "é", "é".encode(), -0.5)).token == "é"


def test_parameters_with_a_number_beyond_all_numbers_are_refused_by_name() -> None:
    tools = (Tool("f", schema=b'{"maximum":1e400}'),)
    with pytest.raises(CallerError, match="'f'") as caught:
        engine_conversation(Conversation(messages=(said("user", "hi"),), tools=tools), None)
    assert caught.value.param == "tools"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/var/lib/th/weights/m.gguf is torn. Pull it again.", "m.gguf is torn. Pull it again."),
        ("the file (/a/b.gguf) ends early", "the file (b.gguf) ends early"),
        ("ask http://127.0.0.1:8080/models/a/b", "ask http://127.0.0.1:8080/models/a/b"),
        ("acme/echo has no weights here", "acme/echo has no weights here"),
    ],
)
def test_callers_are_told_a_files_name_and_not_its_folder(said: str, told: str) -> None:
    assert without_folders(said) == told
