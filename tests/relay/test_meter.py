"""The meter: reported wins, counted next, estimated last and flagged; each token in one bucket."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    Opened,
    Passed,
    Request,
    TextDelta,
    Usage,
    UsageSoFar,
    estimate_tokens,
)
from tokenhouse.relay import Meter
from tokenhouse.wire import openai_chat


def request(**fields: object) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "one two three"}], **fields}
    return openai_chat.parse(json.dumps(body).encode())


def words(text: str) -> int:
    return len(text.split())


def test_what_the_upstream_reports_wins() -> None:
    meter = Meter(request(), 100, words)
    reported = Usage(input=7, cache_read=2, output=9)
    meter.see([Opened(), TextDelta("a b c"), Finished(reported)])
    assert meter.usage() == reported


def test_a_report_of_nothing_for_what_was_delivered_is_not_believed() -> None:
    meter = Meter(request(), 100, words)
    meter.see([Opened(), TextDelta("a b c"), Finished(Usage())])
    usage = meter.usage()
    assert (usage.input, usage.prompt_source) == (3, "counted")
    assert (usage.output, usage.answer_source) == (3, "counted")
    silent = Meter(request(), 100, words)
    silent.see([Opened(), Finished(Usage(input=7))])
    assert silent.usage() == Usage(input=7)


def test_a_cut_stream_is_charged_what_the_upstream_last_said_of_it() -> None:
    meter = Meter(request(), 100, words)
    meter.see([Opened(), Passed(b"", "a b", content=True), UsageSoFar(Usage(input=7, output=5))])
    assert meter.usage() == Usage(input=7, output=5)
    assert meter.usage_so_far() == meter.usage()
    assert meter.prompt() == (7, "reported")
    meter.see([Passed(b"", "c", content=True)])
    usage = meter.usage()
    assert (usage.output, usage.answer_source) == (6, "estimated")
    meter.see([UsageSoFar(Usage(input=7, output=8)), Finished(Usage(input=7, output=9))])
    assert meter.usage() == Usage(input=7, output=9)


def test_without_a_report_the_models_tokenizer_counts_prompt_and_answer() -> None:
    meter = Meter(request(), 100, words)
    meter.see([Opened(), Passed(b"", "four words of answer", content=True)])
    usage = meter.usage()
    assert (usage.input, usage.prompt_source) == (3, "counted")
    assert (usage.output, usage.answer_source) == (4, "counted")


def test_without_a_tokenizer_it_is_an_estimate_and_says_so() -> None:
    meter = Meter(request(), 100)
    meter.see([Opened(), TextDelta("hello"), TextDelta(" there")])
    usage = meter.usage()
    assert (usage.prompt_source, usage.answer_source) == ("estimated", "estimated")
    assert usage.input == estimate_tokens("one two three")
    assert usage.output == max(2, estimate_tokens("hello there"))


def test_a_cut_answer_knows_what_of_its_prompt_came_from_a_cache() -> None:
    meter = Meter(request(), 100, words)
    meter.see([Opened("up-1"), Opened(None, 100, 80, 15), TextDelta("a b")])
    for usage in (meter.usage(), meter.usage_so_far()):
        assert (usage.input, usage.cache_read, usage.cache_write) == (5, 80, 15)
    assert meter.upstream_id == "up-1"


def test_tokens_that_the_upstream_tells_with_each_piece_are_counted() -> None:
    meter = Meter(request(), 100)
    meter.see([Opened(prompt_tokens=11), TextDelta("a", tokens=1), TextDelta("bc", tokens=3)])
    usage = meter.usage()
    assert (usage.input, usage.prompt_source) == (11, "counted")
    assert (usage.output, usage.answer_source) == (4, "counted")


def test_an_end_or_an_empty_delta_is_no_token() -> None:
    meter = Meter(request(), 100)
    assert meter.see([Opened(), Passed(b"role")]) is False
    assert meter.see([TextDelta("one"), ChoiceEnded("stop"), Passed(b"end", content=True)])
    assert meter.usage_so_far().output == 1
    assert meter.finish_reason == "stop"


def test_a_call_counts_its_name_and_its_arguments() -> None:
    meter = Meter(request(), 100, words)
    meter.see([Opened(), CallStarted(0, "call_1", "weather"), CallDelta(0, ' {"city": "Oslo"}')])
    assert meter.usage().output == words('weather {"city": "Oslo"}')


def test_an_answer_is_never_billed_beyond_what_was_allowed() -> None:
    meter = Meter(request(), 5)
    for _ in range(40):
        meter.see([TextDelta(" word")])
    assert meter.exceeded
    assert meter.usage().output == 5
    assert meter.usage_so_far().output == 5


@given(st.lists(st.text(max_size=12), max_size=30), st.integers(1, 20))
def test_one_frame_by_the_short_way_counts_like_any_other(pieces: list[str], most: int) -> None:
    one, other = Meter(request(), most, words), Meter(request(), most, words)
    for piece in pieces:
        frame = Passed(b"", piece, bool(piece))
        one.see([frame])
        assert other.see_passed(frame) == one.exceeded
        assert (other.usage(), other.usage_so_far()) == (one.usage(), one.usage_so_far())
        assert other.delivered == one.delivered


@given(st.lists(st.text(max_size=12), max_size=30))
def test_a_note_never_says_more_than_the_pieces_that_were_delivered(pieces: list[str]) -> None:
    meter = Meter(request(), 10_000)
    meter.see([Opened(prompt_tokens=1)])
    seen: list[Event] = [TextDelta(piece) for piece in pieces]
    meter.see(seen)
    assert meter.usage_so_far().output == sum(1 for piece in pieces if piece)
    assert meter.usage().output >= meter.usage_so_far().output
