"""One choice of an answer: what is told of it, and an engine that leaves the form asked for."""

from __future__ import annotations

import pytest

from tokenhouse.chat import CallDelta, CallStarted, ChoiceEnded, Event, TextDelta
from tokenhouse.engine import AnswerForm, CallForm, Done, EngineFault, Grammars, Piece
from tokenhouse.providers.engine_choice import Choice, Shape

CALLS = (CallForm("f", b'{"properties":{"a":{"type":"integer"}},"required":["a"]}'),)


def choice(form: AnswerForm | None, *stops: str) -> tuple[Choice, list[Event]]:
    constraint = None if form is None else Grammars().compile(form)
    shape = Shape(form, constraint, stops, {"f": "own name"})
    return Choice(0, shape, lambda position: f"id{position}"), []


def finished(made: Choice, end: Done, events: list[Event]) -> None:
    made.finish(end, events)
    made.end(end, events)


def done(stop_type: str = "eos", text: str = "", tokens: int = 9) -> Done:
    return Done(stop_type, "", tokens, 5, 5, False, 0, text)


def test_pieces_become_text_calls_and_an_end() -> None:
    made, events = choice(AnswerForm(None, CALLS))
    made.take(Piece("Well.", (1000,), 1), events)
    made.take(Piece("", (9,), 2), events)
    made.take(Piece('[{"name": "f", "arguments": {"a": ', (1001,), 5), events)
    made.take(Piece("1}}]", (1002,), 8), events)
    finished(made, done(), events)
    assert events == [
        TextDelta("Well.", 0, 1),
        CallStarted(0, "id0", "own name"),
        CallDelta(0, '{"a": ', 0, 4),
        CallDelta(0, "1}", 0, 3),
        ChoiceEnded("tool_calls"),
    ]


def test_an_answer_that_leaves_its_form_is_the_engines_fault_and_never_told() -> None:
    made, events = choice(AnswerForm(b'{"type":"boolean"}'))
    with pytest.raises(EngineFault, match="left the form"):
        made.take(Piece("maybe", (1000,), 1), events)
    assert events == []


def test_so_is_an_end_before_the_form_is_complete_unless_it_was_cut() -> None:
    for stop_type, fails in (("eos", True), ("word", True), ("limit", False)):
        made, events = choice(AnswerForm(b'{"type":"boolean"}'))
        made.take(Piece("tr", (1000,), 1), events)
        if fails:
            with pytest.raises(EngineFault):
                finished(made, done(stop_type), events)
        else:
            finished(made, done(stop_type), events)
            assert events[-1] == ChoiceEnded("length")


def test_a_stop_string_ends_text_here_and_is_not_looked_for_in_calls() -> None:
    shape = Shape(AnswerForm(None, CALLS), None, ("a",), {})
    assert (shape.engine_stops, shape.own_stops) == ((), ("a",))
    forced = Shape(AnswerForm(None, CALLS, must_call=True), None, ("a",), {})
    schema = Shape(AnswerForm(b"{}"), None, ("a",), {})
    assert forced.engine_stops == forced.own_stops == schema.engine_stops == schema.own_stops == ()
    assert Shape(None, None, ("a",), {}).engine_stops == ("a",)
    made, events = choice(AnswerForm(None, CALLS), "nd")
    made.take(Piece("one n", (1000,), 2), events)
    made.take(Piece("d two", (1001,), 4), events)
    assert events == [TextDelta("one ", 0, 2), ChoiceEnded("stop_sequence", 0, "nd")]
    assert (made.ended, made.produced) == (True, 4)


def test_the_beginning_of_a_call_that_was_cut_says_nothing() -> None:
    made, events = choice(AnswerForm(None, CALLS, must_call=True))
    made.take(Piece("", (9,), 1), events)
    made.take(Piece('[{"na', (1000,), 3), events)
    finished(made, done("limit", tokens=3), events)
    assert events == [ChoiceEnded("length")]
